"""An autoscaler's wishes for KEDA, as a plain dict, and what gets lost on the way. Lab 09."""

from typing import Any

from scaletoolkit.serving.autoscaling import Metric, Spec
from scaletoolkit.serving.autoscaling.manifest import quantity
from scaletoolkit.serving.autoscaling.manifest.spec import Rules

Manifest = dict[str, Any]  # YAML, as nested as it comes
PROMETHEUS = "http://prometheus-server.monitoring.svc"


def scaled_object(spec: Spec) -> tuple[Manifest, list[str]]:
    """The spec as a KEDA ScaledObject over a Prometheus server: (manifest, losses).

    Behavior carries over; per-pod metrics become Prometheus queries summed over the pods.
    """
    losses = ["KEDA polls its triggers every 30 s unless pollingInterval says otherwise."]
    if any(metric.type == "Pods" for metric in spec.metrics):
        query = "A Pods metric becomes one query over all pods"
        losses.append(f"{query}: a pod without a measurement no longer counts as missing.")
    advanced = {}
    if spec.behavior is not None:
        up, down = map(_rules, spec.behavior)
        behavior = {"scaleUp": up, "scaleDown": down}
        advanced = {"advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}}}
    kind, name = spec.target.split(" ", 1)
    manifest = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": spec.name},
        "spec": {
            "scaleTargetRef": {"kind": kind, "name": name},
            "minReplicaCount": spec.min_replicas,
            "maxReplicaCount": spec.max_replicas,
            "triggers": [_trigger(metric) for metric in spec.metrics],
            **advanced,
        },
    }
    return manifest, losses


def _trigger(metric: Metric) -> Manifest:
    if metric.type in ("Resource", "ContainerResource"):
        value = metric.target
        text = str(value) if metric.target_type == "Utilization" else quantity.text(value)
        container = {"containerName": metric.container} if metric.container else {}
        return {
            "type": metric.name,
            "metricType": metric.target_type,
            "metadata": {"value": text, **container},
        }
    return {
        "type": "prometheus",
        "metricType": metric.target_type,
        "metadata": {
            "serverAddress": PROMETHEUS,
            "query": f"sum({metric.name})",
            "threshold": f"{metric.target / 1000:g}",
        },
    }


def _rules(rules: Rules) -> Manifest:
    written = {
        "stabilizationWindowSeconds": rules.stabilization_window_s,
        "selectPolicy": rules.select_policy,
        "policies": [
            {"type": p.type, "value": p.value, "periodSeconds": p.period_s} for p in rules.policies
        ],
        "tolerance": None if rules.tolerance is None else f"{rules.tolerance:g}",
    }
    return {name: value for name, value in written.items() if value is not None}
