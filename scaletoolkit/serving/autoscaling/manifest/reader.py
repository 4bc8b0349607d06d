"""A HorizontalPodAutoscaler manifest to a Spec; every mistake is one sentence. Lab 09.

The checks and most of their words are those of Kubernetes' API server
(pkg/apis/autoscaling/validation) and of kubectl's strict decoding: unknown fields are mistakes.
"""

from scaletoolkit.serving.autoscaling.manifest import quantity
from scaletoolkit.serving.autoscaling.manifest.document import ManifestError, documents, short
from scaletoolkit.serving.autoscaling.manifest.fields import Fields
from scaletoolkit.serving.autoscaling.manifest.metrics import parse_metrics
from scaletoolkit.serving.autoscaling.manifest.spec import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    Behavior,
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
WINDOW = "stabilizationWindowSeconds"
RULES = (WINDOW, "selectPolicy", "policies", "tolerance")
LONGEST_WINDOW_S = 3600
LONGEST_PERIOD_S = 1800


def parse(source: str | bytes) -> Spec:
    """The Spec that a manifest (YAML text or bytes) describes, with Kubernetes' defaults.

    Other kinds may stand in the same file, as a Deployment often does; the status that `kubectl get
    -o yaml` writes is passed over. Raises ManifestError, always with one sentence.
    """
    everything = documents(source)
    if not everything:
        raise ManifestError(f"The manifest is empty; expected a {KIND}.")
    mappings = [document for document in everything if isinstance(document, dict)]
    ours = [document for document in mappings if document.get("kind") == KIND]
    if len(ours) > 1:
        raise ManifestError(f"The file holds {len(ours)} documents of kind {KIND}; expected one.")
    document = ours[0] if ours else everything[0]
    if not isinstance(document, dict):
        raise ManifestError(f"The manifest is {short(document)}; expected a {KIND}.")
    return _autoscaler(document)


def _autoscaler(document: dict[str, object]) -> Spec:
    known = TOP if document.get("kind") in (None, KIND) else tuple(document)
    top = Fields(document, "", known)
    top.choice("kind", (KIND,))
    top.choice("apiVersion", ("autoscaling/v2",))
    name = _name(top.mapping("metadata", METADATA))
    spec = top.mapping("spec", SPEC)
    kind, target = spec.reference("scaleTargetRef")
    least, most = _range(spec)
    metrics = parse_metrics(spec)
    if least == 0 and not any(metric.type in ("Object", "External") for metric in metrics):
        why = "must specify at least one Object or External metric to support scaling to zero"
        spec.forbidden("metrics", f"{why} replicas")
    return Spec(name, f"{kind} {target}", least, most, metrics, _behavior(spec))


def _name(metadata: Fields) -> str:
    name = metadata.dns_name("name") or metadata.text("generateName")
    metadata.dns_name("namespace")
    metadata.texts("labels")
    metadata.texts("annotations")
    return name or metadata.required("name", "name or generateName is required")


def _range(spec: Fields) -> tuple[int, int]:
    least = spec.integer("minReplicas", 1)
    if least < 0:
        spec.invalid("minReplicas", "must be greater than or equal to 0")
    most = spec.integer("maxReplicas")
    if most < 1:
        spec.invalid("maxReplicas", "must be greater than 0")
    if most < least:
        spec.invalid("maxReplicas", f"must be greater than or equal to `minReplicas`, here {least}")
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
        if window_s < 0:
            fields.invalid(WINDOW, "must be greater than or equal to zero")
        if window_s > LONGEST_WINDOW_S:
            fields.invalid(WINDOW, f"must be less than or equal to {LONGEST_WINDOW_S}")
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
    value = _positive(fields, "value")
    period_s = _positive(fields, "periodSeconds")
    if period_s > LONGEST_PERIOD_S:
        fields.invalid("periodSeconds", f"must be less than or equal to {LONGEST_PERIOD_S}")
    return Policy(kind, value, period_s)


def _positive(fields: Fields, name: str) -> int:
    value = fields.integer(name)
    if value <= 0:
        fields.invalid(name, "must be greater than zero")
    return value


def _tolerance(fields: Fields) -> float | None:
    tolerance = fields.quantity("tolerance", quantity.exact)
    if tolerance is None:
        return None
    if tolerance < 0:
        fields.invalid("tolerance", "must be greater than or equal to zero")
    if tolerance > quantity.INT64_MAX:  # as Kubernetes caps every quantity
        return float(quantity.INT64_MAX)
    return float(tolerance)
