"""A Spec as the HorizontalPodAutoscaler that says it: `parse` reads the same Spec from it. Lab 12.

Source of the fields: kubernetes.io/docs/reference, autoscaling/v2.
"""

from typing import Any

from scaletoolkit.cluster.keda import OF_APPS, PART, decimal
from scaletoolkit.kubernetes import quantity
from scaletoolkit.serving.autoscaling import Metric, Spec
from scaletoolkit.serving.autoscaling.manifest.metrics import SOURCES
from scaletoolkit.serving.autoscaling.manifest.spec import Rules

Document = dict[str, Any]  # YAML, as nested as it comes
VERSIONS = dict.fromkeys(OF_APPS, "apps/v1") | {
    "Service": "v1",
    "Pod": "v1",
    "Node": "v1",
    "Namespace": "v1",
    "ReplicationController": "v1",
    "Ingress": "networking.k8s.io/v1",
}


def document(spec: Spec) -> Document:
    """The manifest of an autoscaler. Raises ValueError for a kind whose apiVersion is not known."""
    body: Document = {
        "scaleTargetRef": _reference(*spec.target.split(" ", 1)),
        "minReplicas": spec.min_replicas,
        "maxReplicas": spec.max_replicas,
        "metrics": [_metric(metric) for metric in spec.metrics],
    }
    if spec.behavior is not None:
        up, down = spec.behavior
        body["behavior"] = {"scaleUp": rules(up), "scaleDown": rules(down)}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": spec.name},
        "spec": body,
    }


def rules(given: Rules) -> Document:
    """One direction of `behavior`."""
    written = {
        "stabilizationWindowSeconds": given.stabilization_window_s,
        "selectPolicy": given.select_policy,
        "policies": [
            {"type": p.type, "value": p.value, "periodSeconds": p.period_s} for p in given.policies
        ],
        "tolerance": None if given.tolerance is None else decimal(given.tolerance),
    }
    return {name: value for name, value in written.items() if value is not None}


def _reference(kind: str, name: str) -> Document:
    if kind not in VERSIONS:
        raise ValueError(f"{kind} {name}: the apiVersion of a {kind} is not known here")
    return {"apiVersion": VERSIONS[kind], "kind": kind, "name": name}


def _metric(metric: Metric) -> Document:
    if metric.target_type == "Unusable":
        raise ValueError(f"{metric.key} has a target that Kubernetes cannot use")
    source: Document = {}
    if metric.type in ("Resource", "ContainerResource"):
        source["name"] = metric.name
        if metric.container:
            source["container"] = metric.container
    else:
        source["metric"] = {"name": metric.name, **_selector(metric)}
    if metric.type == "Object":
        _, kind, name, _ = metric.key.split("/", 3)
        source["describedObject"] = _reference(kind, name)
    source["target"] = _target(metric)
    return {"type": metric.type, SOURCES[metric.type]: source}


def _target(metric: Metric) -> Document:
    if metric.target_type == "Utilization":
        return {"type": "Utilization", "averageUtilization": metric.target}
    field = metric.target_type[0].lower() + metric.target_type[1:]
    return {"type": metric.target_type, field: quantity.text(metric.target)}


def _selector(metric: Metric) -> Document:
    """The label selector in a metric's key, as `{"selector": …}`; {} where there is none."""
    _, brace, text = metric.key.partition("{")
    if not brace:
        return {}
    parts = PART.findall(text.removesuffix("}"))
    labels = {key: value for key, value, operator, _ in parts if not operator}
    expressions = [
        {"key": key, "operator": operator} | ({"values": values.split(",")} if values else {})
        for key, _, operator, values in parts
        if operator
    ]
    selector: Document = {"matchLabels": labels} if labels else {}
    return {"selector": selector | ({"matchExpressions": expressions} if expressions else {})}
