"""A HorizontalPodAutoscaler manifest to a Spec; every mistake is one sentence. Lab 09.

The checks and most of their words are those of Kubernetes' API server (1.36,
pkg/apis/autoscaling/validation) and of kubectl's strict decoding: unknown fields are mistakes.
"""

from collections.abc import Iterable
from dataclasses import replace

from scaletoolkit.kubernetes import names, quantity
from scaletoolkit.kubernetes.document import ManifestError, documents, short
from scaletoolkit.kubernetes.fields import Fields
from scaletoolkit.serving.autoscaling.manifest.metrics import parse_metrics
from scaletoolkit.serving.autoscaling.manifest.spec import (
    DEFAULT_DOWN,
    DEFAULT_METRICS,
    DEFAULT_UP,
    Behavior,
    Metric,
    Policy,
    Rules,
    Spec,
)

KIND = "HorizontalPodAutoscaler"
TOP = ("apiVersion", "kind", "metadata", "spec", "status")
METADATA = """
name namespace labels annotations generateName creationTimestamp uid resourceVersion generation
managedFields ownerReferences finalizers selfLink deletionTimestamp deletionGracePeriodSeconds
""".split()
SPEC = ("scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior")
PERCENT = "targetCPUUtilizationPercentage"
SPEC_V1 = (*SPEC[:3], PERCENT)
REMOVED = {
    "autoscaling/v2beta2": "Kubernetes 1.26 removed it; write autoscaling/v2, whose fields are the "
    "same",
    "autoscaling/v2beta1": "Kubernetes 1.25 removed it; `kubectl convert` writes it as "
    "autoscaling/v2",
}
WINDOW = "stabilizationWindowSeconds"
RULES = (WINDOW, "selectPolicy", "policies", "tolerance")
LONGEST_WINDOW_S = 3600
LONGEST_PERIOD_S = 1800


def parse(source: str | bytes, name: str = "") -> Spec:
    """The Spec that a manifest (YAML or JSON, text or bytes) describes, with Kubernetes' defaults.

    Lists are unpacked; other kinds, and the status of `kubectl get -o yaml`, are passed over. name:
    of the autoscaler, where the file holds several. Raises ManifestError.
    """
    everything = unpacked(documents(source))
    if not everything:
        raise ManifestError(f"The manifest is empty; expected a {KIND}.")
    ours = [d for d in everything if isinstance(d, dict) and d.get("kind") == KIND]
    names = [_called(document) for document in ours]
    if name and ours:
        ours = [document for document in ours if _called(document) == name]
    there = ", ".join(sorted(names))[:300]
    if len(ours) > 1 and not name:
        raise ManifestError(f"The file holds {len(ours)} of kind {KIND}: {there}; name one.")
    if name and len(ours) != 1:
        count = f"holds {len(ours)} of kind {KIND} with the name {name}"
        raise ManifestError(f"The file {count}; its names: {there or 'none'}.")
    document = ours[0] if ours else everything[0]
    if not isinstance(document, dict):
        raise ManifestError(f"The manifest is {short(document)}; expected a {KIND}.")
    return _autoscaler(document)


def unpacked(everything: list[object]) -> list[object]:
    """The documents, each List replaced by its items."""
    result: list[object] = []
    for document in everything:
        items = document.get("items") if isinstance(document, dict) else None
        is_list = isinstance(document, dict) and str(document.get("kind")).endswith("List")
        result += items if is_list and isinstance(items, list) else [document]
    return result


def _called(document: dict[str, object]) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, dict) else ""


def _autoscaler(document: dict[str, object]) -> Spec:
    known = TOP if document.get("kind") in (None, KIND) else tuple(document)
    top = Fields(document, "", known)
    top.choice("kind", (KIND,))
    version = top.text("apiVersion")
    if version in REMOVED:
        top.invalid("apiVersion", REMOVED[version])
    top.choice("apiVersion", ("autoscaling/v1", "autoscaling/v2"))
    metadata = top.mapping("metadata", METADATA)
    name = _name(metadata)
    old = version == "autoscaling/v1"
    spec = top.mapping("spec", (*SPEC_V1, *SPEC[3:]) if old else SPEC)
    least, most = _range(spec)
    kind, target = spec.reference("scaleTargetRef", in_group=True)
    metrics = _of_version_1(spec, metadata) if old else parse_metrics(spec)
    if least == 0 and not any(metric.type in ("Object", "External") for metric in metrics):
        why = "must specify at least one Object or External metric to support scaling to zero"
        spec.forbidden("metrics", f"{why} replicas")
    return Spec(name, f"{kind} {target}", least, most, metrics, _behavior(spec))


def _of_version_1(spec: Fields, metadata: Fields) -> tuple[Metric, ...]:
    """The metrics of autoscaling/v1, which has one: the utilization of CPU."""
    for name in SPEC[3:]:
        if name in spec:
            spec.forbidden(name, "autoscaling/v1 has no such field; autoscaling/v2 has it")
    hidden = {f"autoscaling.alpha.kubernetes.io/{name}" for name in SPEC[3:]}
    if hidden & set(metadata.texts("annotations")):
        why = "holds what v1 has no fields for; `kubectl get hpa.v2.autoscaling` shows it"
        metadata.forbidden("annotations", why)
    if PERCENT not in spec:
        return DEFAULT_METRICS
    percent = spec.integer(PERCENT)
    spec.check(PERCENT, percent > 0, "must be greater than 0")
    return (replace(DEFAULT_METRICS[0], target=percent),)


def _name(metadata: Fields) -> str:
    name = metadata.named("name", names.subdomain, names.SUBDOMAIN_EXPECTED)
    generated = metadata.named("generateName", names.prefix, names.SUBDOMAIN_EXPECTED)
    metadata.named("namespace", names.label, names.LABEL_EXPECTED)
    labels = metadata.texts("labels")
    _keys(metadata, "labels", labels)
    for text in labels.values():
        metadata.check("labels", names.value(text), f"{short(text)} {names.VALUE_EXPECTED}")
    _keys(metadata, "annotations", [key.lower() for key in metadata.texts("annotations")])
    return name or generated or metadata.required("name", "name or generateName is required")


def _keys(metadata: Fields, name: str, keys: Iterable[str]) -> None:
    for key in keys:
        expected = f"its key {short(key)} {names.QUALIFIED_EXPECTED}"
        metadata.check(name, names.qualified(key), expected)


def _range(spec: Fields) -> tuple[int, int]:
    least = spec.integer("minReplicas", 1)
    spec.check("minReplicas", least >= 0, "must be greater than or equal to 0")
    most = spec.integer("maxReplicas")
    spec.check("maxReplicas", most >= 1, "must be greater than 0")
    expected = f"must be greater than or equal to `minReplicas`, here {least}"
    spec.check("maxReplicas", most >= least, expected)
    return least, most


def _behavior(spec: Fields) -> Behavior | None:
    if "behavior" not in spec:
        return None
    fields = spec.mapping("behavior", ("scaleUp", "scaleDown"))
    up = _rules(fields, "scaleUp", DEFAULT_UP)
    return Behavior(up, _rules(fields, "scaleDown", DEFAULT_DOWN))


def _rules(behavior: Fields, name: str, default: Rules) -> Rules:
    if name not in behavior:
        return default
    fields = behavior.mapping(name, RULES)
    window_s = default.stabilization_window_s
    if WINDOW in fields:
        window_s = fields.integer(WINDOW)
        fields.check(WINDOW, window_s >= 0, "must be greater than or equal to zero")
        most = f"must be less than or equal to {LONGEST_WINDOW_S}"
        fields.check(WINDOW, window_s <= LONGEST_WINDOW_S, most)
    select = fields.choice("selectPolicy", ("Max", "Min", "Disabled"), default.select_policy)
    policies = default.policies
    if "policies" in fields:
        policies = tuple(_policy(entry, path) for entry, path in fields.items("policies"))
        if not policies:
            fields.required("policies", "must specify at least one Policy")
    return Rules(window_s, select, policies, _tolerance(fields))


def _policy(entry: object, path: str) -> Policy:
    fields = Fields(entry, path, ("type", "value", "periodSeconds"))
    kind = fields.choice("type", ("Pods", "Percent"))
    value = fields.integer("value")
    fields.check("value", value > 0, "must be greater than zero")
    period_s = fields.integer("periodSeconds")
    fields.check("periodSeconds", period_s > 0, "must be greater than zero")
    most = f"must be less than or equal to {LONGEST_PERIOD_S}"
    fields.check("periodSeconds", period_s <= LONGEST_PERIOD_S, most)
    return Policy(kind, value, period_s)


def _tolerance(fields: Fields) -> float | None:
    tolerance = fields.quantity("tolerance", quantity.exact)
    if tolerance is None:
        return None
    fields.check("tolerance", tolerance >= 0, "must be greater than or equal to zero")
    # as Kubernetes caps every quantity
    return float(tolerance if tolerance < quantity.INT64_MAX else quantity.INT64_MAX)
