"""An autoscaler's wishes for KEDA, as a plain dict, and what gets lost on the way. Lab 09.

Source: keda.sh/docs, reference/scaledobject-spec, concepts/scaling-deployments, scalers/prometheus.
"""

import re
from typing import Any

import numpy as np

from scaletoolkit.kubernetes import quantity
from scaletoolkit.serving.autoscaling import Metric, Spec
from scaletoolkit.serving.autoscaling.manifest.spec import Rules

Manifest = dict[str, Any]  # YAML, as nested as it comes
PROMETHEUS = "http://prometheus-server.monitoring.svc"
RESOURCES = ("Resource", "ContainerResource")
OF_APPS = ("Deployment", "ReplicaSet", "StatefulSet")
# A selector's parts as `Metric.key` has them: "queue=fast", "zone In (a,b)", "tier Exists ()"
PART = re.compile(r"([^,=\s]+)(?:=([^,]*)| (In|NotIn|Exists|DoesNotExist) \(([^)]*)\))")
MATCHES = {"In": '=~"{}"', "NotIn": '!~"{}"', "Exists": '!=""', "DoesNotExist": '=""'}


def scaled_object(spec: Spec) -> tuple[Manifest, list[str]]:
    """The spec as a KEDA ScaledObject over a Prometheus server: (manifest, losses).

    Behavior carries over; other metrics than CPU and memory become Prometheus queries. Raises
    ValueError for a metric that no trigger stands for.
    """
    kind, name = spec.target.split(" ", 1)
    api = {"apiVersion": "apps/v1"} if kind in OF_APPS else {}
    manifest = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": spec.name},
        "spec": {
            "scaleTargetRef": {**api, "kind": kind, "name": name},
            "minReplicaCount": spec.min_replicas,
            "maxReplicaCount": spec.max_replicas,
            "triggers": [_trigger(metric) for metric in spec.metrics],
            **_advanced(spec),
        },
    }
    return manifest, [*_losses(spec, kind), *(loss for m in spec.metrics for loss in _lost(m))]


def decimal(value: float) -> str:
    """A number as a manifest has it: without an exponent, to the ninth decimal."""
    return np.format_float_positional(value, precision=9, trim="-")


def _losses(spec: Spec, kind: str) -> list[str]:
    """What gets lost whatever the metrics are."""
    losses = [f"KEDA writes an autoscaler of its own, keda-hpa-{spec.name}: delete yours first."]
    if kind not in OF_APPS:
        losses.append(f"The apiVersion of a {kind} must be added: without it KEDA takes apps/v1.")
    if spec.min_replicas == 0:
        away = "looks every 30 s (pollingInterval), and goes there after 300 s (cooldownPeriod)"
        losses.append(f"From and to zero KEDA decides itself: it {away}.")
    return losses


def _lost(metric: Metric) -> list[str]:
    """What gets lost of a metric that becomes a query."""
    if metric.type in RESOURCES:
        return []
    query = f"{metric.key} becomes a query"
    if metric.type == "Pods":
        return [f"{query} over all pods: a pod without a measurement no longer counts as missing."]
    if metric.type == "Object":
        described = "/".join(metric.key.split("/")[1:3])
        return [f"{query} that does not know {described}: add the labels that mean it."]
    return [f"{query} of {PROMETHEUS}, where it must have that name and these labels."]


def _advanced(spec: Spec) -> Manifest:
    if spec.behavior is None:
        return {}
    up, down = map(_rules, spec.behavior)
    behavior = {"scaleUp": up, "scaleDown": down}
    return {"advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}}}


def _trigger(metric: Metric) -> Manifest:
    if metric.target_type == "Unusable":
        raise ValueError(f"{metric.key} has a target that Kubernetes cannot use, nor can KEDA")
    if metric.type in RESOURCES:
        return _resource(metric)
    return {
        "type": "prometheus",
        "metricType": metric.target_type,
        "metadata": {
            "serverAddress": PROMETHEUS,
            "query": _query(metric),
            "threshold": decimal(metric.target / 1000),
        },
    }


def _resource(metric: Metric) -> Manifest:
    if metric.name not in ("cpu", "memory"):
        raise ValueError(f"{metric.key}: KEDA has triggers for cpu and memory, no other resource")
    value = metric.target
    text = str(value) if metric.target_type == "Utilization" else quantity.text(value)
    container = {"containerName": metric.container} if metric.container else {}
    metadata = {"value": text, **container}
    return {"type": metric.name, "metricType": metric.target_type, "metadata": metadata}


def _query(metric: Metric) -> str:
    """Kubernetes sums an External metric's series, and for a Pods metric its mean says the same."""
    _, _, selector = metric.key.partition("{")
    labels = ",".join(_label(*part) for part in PART.findall(selector.removesuffix("}")))
    series = f"{metric.name}{{{labels}}}" if labels else metric.name
    return series if metric.type == "Object" else f"sum({series})"


def _label(key: str, value: str, operator: str, values: str) -> str:
    """One part of a selector as PromQL, which has fewer characters for names of labels."""
    name = re.sub(r"\W", "_", key)
    if not operator:
        return f'{name}="{value}"'
    return name + MATCHES[operator].format(values.replace(".", "[.]").replace(",", "|"))


def _rules(rules: Rules) -> Manifest:
    written = {
        "stabilizationWindowSeconds": rules.stabilization_window_s,
        "selectPolicy": rules.select_policy,
        "policies": [
            {"type": p.type, "value": p.value, "periodSeconds": p.period_s} for p in rules.policies
        ],
        "tolerance": None if rules.tolerance is None else decimal(rules.tolerance),
    }
    return {name: value for name, value in written.items() if value is not None}
