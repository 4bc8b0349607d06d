"""The entries of `spec.metrics`: five kinds, each with its own fields and checks. Lab 09."""

from scaletoolkit.serving.autoscaling.manifest.document import ManifestError
from scaletoolkit.serving.autoscaling.manifest.fields import Fields
from scaletoolkit.serving.autoscaling.manifest.spec import DEFAULT_METRICS, Metric

SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
TARGET = ("type", "averageUtilization", "averageValue", "value")
RAW_OR_UTILIZATION = "must set either a target raw value or a target utilization"


def parse_metrics(spec):
    """The Metrics of a spec's Fields; CPU at 80 % when there are none."""
    found = tuple(_metric(entry, path) for entry, path in spec.items("metrics"))
    return found or DEFAULT_METRICS


def _metric(entry, path):
    fields = Fields(entry, path, ("type", *SOURCES.values()))
    kind = fields.choice("type", SOURCES, missing="must specify a metric source type")
    source = SOURCES[kind]
    if source not in fields:
        fields.required(source, "must populate information for the given metric source")
    for other in SOURCES.values():
        if other != source and other in fields:
            fields.forbidden(other, "must populate the given metric source only")
    readers = {"ContainerResource": _container, "Resource": _resource, "Pods": _pods}
    return readers.get(kind, _outside)(fields, kind, source)


def _resource(fields, kind, source):
    found = fields.mapping(source, ("name", "target"))
    name = found.text("name", "must specify a resource name")
    return Metric(f"{kind}/{name}", kind, name, *_resource_target(found))


def _container(fields, kind, source):
    found = fields.mapping(source, ("name", "container", "target"))
    name = found.text("name", "must specify a resource name")
    container = found.text("container", "must specify a container")
    key = f"{kind}/{container}/{name}"
    return Metric(key, kind, name, *_resource_target(found), container)


def _pods(fields, kind, source):
    found = fields.mapping(source, ("metric", "target"))
    name, selector = _identifier(found)
    target, values = _target(found)
    if values["averageValue"] is None:
        target.required("averageValue", "must specify a positive target averageValue")
    return Metric(f"{kind}/{name}{selector}", kind, name, "AverageValue", values["averageValue"])


def _outside(fields, kind, source):
    """Object and External metrics."""
    known = ("describedObject", "metric", "target") if kind == "Object" else ("metric", "target")
    found = fields.mapping(source, known)
    described = "/".join((*found.reference("describedObject"), "")) if kind == "Object" else ""
    name, selector = _identifier(found)
    target, values = _target(found)
    value, average = values["value"], values["averageValue"]
    if value is None and average is None:
        what = "target value" if kind == "Object" else "target value for metric or a per-pod target"
        extra = " or averageValue" if kind == "Object" else ""
        target.required("averageValue", f"must set either a {what}{extra}")
    if kind == "External" and value is not None and average is not None:
        target.forbidden("value", "may not set both a target value for metric and a per-pod target")
    if kind == "Object":
        chosen = _object_target(target.text("type"), value, average)
    else:
        chosen = ("Value", value) if average is None else ("AverageValue", average)
    return Metric(f"{kind}/{described}{name}{selector}", kind, name, *chosen)


def _object_target(target_type, value, average):
    """Kubernetes accepts a type that does not fit the value, and then cannot use the metric."""
    fits = {"Value": value, "AverageValue": average}.get(target_type)
    return ("Unusable", 1) if fits is None else (target_type, fits)


def _identifier(found):
    metric = found.mapping("metric", ("name", "selector"), "must specify a metric")
    name = metric.segment("name", "must specify a metric name")
    return name, _selector(metric) if "selector" in metric else ""


def _selector(metric):
    """A label selector as a suffix of the key: "{queue=fast,zone in (a,b)}"."""
    selector = metric.mapping("selector", ("matchLabels", "matchExpressions"))
    wanted = [f"{key}={value}" for key, value in sorted(selector.texts("matchLabels").items())]
    for entry, path in selector.items("matchExpressions"):
        rule = Fields(entry, path, ("key", "operator", "values"))
        operators = ("In", "NotIn", "Exists", "DoesNotExist")
        operator = rule.choice("operator", operators, missing="must be set")
        values = [value for value, _ in rule.items("values")]
        if any(not isinstance(value, str) for value in values):
            rule.invalid("values", "must be a list of texts")
        if bool(values) != (operator in ("In", "NotIn")):
            rule.invalid("values", "In and NotIn need values, Exists and DoesNotExist take none")
        wanted.append(f"{rule.text('key', 'must be set')} {operator} ({','.join(values)})")
    return "{" + ",".join(wanted) + "}" if wanted else ""


def _target(found):
    """The target's Fields and its values: a percentage, and milli-units; None where absent."""
    target = found.mapping("target", TARGET, "must specify a metric target")
    if target.text("type", "must specify a metric target type") not in (
        "Utilization", "Value", "AverageValue",
    ):  # fmt: skip
        target.invalid("type", "must be either Utilization, Value, or AverageValue")
    values = {name: target.quantity(name) for name in ("value", "averageValue")}
    for name, value in values.items():
        if value is not None and value <= 0:
            target.invalid(name, "must be positive")
    percent = target.integer("averageUtilization")
    if percent is not None and percent < 1:
        target.invalid("averageUtilization", "must be greater than 0")
    return target, {**values, "averageUtilization": percent}


def _resource_target(found):
    target, values = _target(found)
    percent, average = values["averageUtilization"], values["averageValue"]
    if percent is None and average is None:
        target.required("averageUtilization", RAW_OR_UTILIZATION)
    if percent is not None and average is not None:
        target.forbidden("averageValue", f"may not set both: {RAW_OR_UTILIZATION}")
    return ("Utilization", percent) if average is None else ("AverageValue", average)


def refuse_zero(spec, metrics):
    """minReplicas 0 needs a metric that can see work while there is no pod."""
    if not any(metric.type in ("Object", "External") for metric in metrics):
        raise ManifestError(
            f"{spec.at('metrics')}: Forbidden: must specify at least one Object or External metric "
            "to support scaling to zero replicas."
        )
