"""The entries of `spec.metrics`: five kinds, each with its own fields and checks. Lab 09."""

from typing import NamedTuple

from scaletoolkit.kubernetes import names, quantity
from scaletoolkit.kubernetes.fields import Fields
from scaletoolkit.serving.autoscaling.manifest.spec import DEFAULT_METRICS, Metric

KINDS = ("ContainerResource", "External", "Object", "Pods", "Resource")
SOURCES = {kind: kind[0].lower() + kind[1:] for kind in KINDS}  # {type: the field beside it}
TARGET = ("type", "averageUtilization", "averageValue", "value")
RAW_OR_UTILIZATION = "must set either a target raw value or a target utilization"


def parse_metrics(spec: Fields) -> tuple[Metric, ...]:
    """The Metrics of a spec's Fields; CPU at 80 % when there are none."""
    metrics = tuple(_metric(entry, path) for entry, path in spec.items("metrics"))
    return metrics or DEFAULT_METRICS


def _metric(entry: object, path: str) -> Metric:
    fields = Fields(entry, path, ("type", *SOURCES.values()))
    kind = fields.choice("type", SOURCES, missing="must specify a metric source type")
    source = SOURCES[kind]
    if source not in fields:
        fields.required(source, "must populate information for the given metric source")
    for other in SOURCES.values():
        if other != source and other in fields:
            fields.forbidden(other, "must populate the given metric source only")
    readers = {"External": _external, "Object": _object, "Pods": _pods}
    return readers.get(kind, _resource)(fields, kind)


def _resource(entry: Fields, kind: str) -> Metric:
    contained = kind == "ContainerResource"
    known = ("name", "container", "target") if contained else ("name", "target")
    fields = entry.mapping(SOURCES[kind], known)
    name = fields.text("name", "must specify a resource name")
    container = ""
    if contained:
        fields.check("name", names.resource(name), names.RESOURCE_EXPECTED)
        container = fields.text("container", "must specify a container")
        fields.check("container", names.label(container), names.LABEL_EXPECTED)
    key = f"{kind}/{container}/{name}" if contained else f"{kind}/{name}"
    return Metric(key, kind, name, *_resource_target(fields), container)


def _pods(entry: Fields, kind: str) -> Metric:
    fields = entry.mapping(SOURCES[kind], ("metric", "target"))
    name, selector = _identifier(fields)
    target = _target(fields)
    if target.average_milli is None:
        target.fields.required("averageValue", "must specify a positive target averageValue")
    return Metric(f"{kind}/{name}{selector}", kind, name, "AverageValue", target.average_milli)


def _object(entry: Fields, kind: str) -> Metric:
    fields = entry.mapping(SOURCES[kind], ("describedObject", "metric", "target"))
    described = "/".join(fields.reference("describedObject"))
    name, selector = _identifier(fields)
    target = _target(fields)
    if target.value_milli is None and target.average_milli is None:
        target.fields.required("averageValue", "must set either a target value or averageValue")
    # Kubernetes accepts a type that does not fit the value, and then cannot use the metric
    values_milli = {"Value": target.value_milli, "AverageValue": target.average_milli}
    value_milli = values_milli.get(target.type)
    usable = ("Unusable", 1) if value_milli is None else (target.type, value_milli)
    return Metric(f"{kind}/{described}/{name}{selector}", kind, name, *usable)


def _external(entry: Fields, kind: str) -> Metric:
    fields = entry.mapping(SOURCES[kind], ("metric", "target"))
    name, selector = _identifier(fields)
    key = f"{kind}/{name}{selector}"
    target = _target(fields)
    both = "a target value for metric and a per-pod target"
    if target.average_milli is not None:
        if target.value_milli is not None:
            target.fields.forbidden("value", f"may not set both {both}")
        return Metric(key, kind, name, "AverageValue", target.average_milli)
    if target.value_milli is None:
        either = both.replace(" and ", " or ")
        target.fields.required("averageValue", f"must set either {either}")
    return Metric(key, kind, name, "Value", target.value_milli)


def _identifier(fields: Fields) -> tuple[str, str]:
    """(the metric's name, its selector as a suffix of the key: "{queue=fast,zone In (a,b)}")."""
    metric = fields.mapping("metric", ("name", "selector"), "must specify a metric")
    name = metric.segment("name", "must specify a metric name")
    if "selector" not in metric:
        return name, ""
    selector = metric.mapping("selector", ("matchLabels", "matchExpressions"))
    wanted = [f"{key}={value}" for key, value in sorted(selector.texts("matchLabels").items())]
    wanted += [_expression(entry, path) for entry, path in selector.items("matchExpressions")]
    return name, "{" + ",".join(wanted) + "}" if wanted else ""


def _expression(entry: object, path: str) -> str:
    fields = Fields(entry, path, ("key", "operator", "values"))
    operators = ("In", "NotIn", "Exists", "DoesNotExist")
    operator = fields.choice("operator", operators, missing="must be set")
    values = [value for value, _ in fields.items("values")]
    texts = [value for value in values if isinstance(value, str)]
    fields.check("values", len(texts) == len(values), "must be a list of texts")
    fits = bool(texts) == (operator in ("In", "NotIn"))
    fields.check("values", fits, "In and NotIn need values, Exists and DoesNotExist take none")
    return f"{fields.text('key', 'must be set')} {operator} ({','.join(texts)})"


class Target(NamedTuple):
    """A metric's target as it is written: its Fields, type and values; None where absent."""

    fields: Fields
    type: str
    percent: int | None
    value_milli: int | None
    average_milli: int | None


def _target(metric: Fields) -> Target:
    fields = metric.mapping("target", TARGET, "must specify a metric target")
    kind = fields.text("type", "must specify a metric target type")
    known = kind in ("Utilization", "Value", "AverageValue")
    fields.check("type", known, "must be either Utilization, Value, or AverageValue")
    value_milli = fields.quantity("value", quantity.milli)
    average_milli = fields.quantity("averageValue", quantity.milli)
    for name, target_milli in (("value", value_milli), ("averageValue", average_milli)):
        fields.check(name, target_milli is None or target_milli > 0, "must be positive")
    percent = fields.integer("averageUtilization") if "averageUtilization" in fields else None
    fields.check("averageUtilization", percent is None or percent >= 1, "must be greater than 0")
    return Target(fields, kind, percent, value_milli, average_milli)


def _resource_target(metric: Fields) -> tuple[str, int]:
    """(target type, target) of a resource."""
    target = _target(metric)
    if target.average_milli is not None:
        if target.percent is not None:
            target.fields.forbidden("averageValue", f"may not set both: {RAW_OR_UTILIZATION}")
        return "AverageValue", target.average_milli
    if target.percent is None:
        target.fields.required("averageUtilization", RAW_OR_UTILIZATION)
    return "Utilization", target.percent
