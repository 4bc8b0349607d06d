"""Labels, and selectors by labels: what Kubernetes' API server would refuse. Lab 12.

Source: k8s.io/apimachinery, pkg/apis/meta/v1/validation, and LabelSelectorAsSelector of
pkg/apis/meta/v1/helpers.go.
"""

from scaletoolkit.kubernetes import names
from scaletoolkit.kubernetes.fields import Fields

KNOWN = ("matchLabels", "matchExpressions")
EXPRESSION = ("key", "operator", "values")


def labels(fields: Fields, name: str) -> dict[str, str]:
    """A mapping of labels, each key and value as Kubernetes takes it."""
    given = fields.texts(name)
    for key, value in given.items():
        fields.check(name, names.qualified(key), f"{key[:60]!r} {names.QUALIFIED_EXPECTED}")
        fields.check(name, names.value(value), f"{value[:60]!r} {names.VALUE_EXPECTED}")
    return given


def selects(selector: Fields, there: dict[str, str]) -> bool:
    """Whether a selector selects an object with these labels."""
    fits = labels(selector, "matchLabels").items() <= there.items()
    for entry, path in selector.items("matchExpressions"):
        fields = Fields(entry, path, EXPRESSION)
        key = fields.text("key", "must be set")
        fields.check("key", names.qualified(key), names.QUALIFIED_EXPECTED)
        operator = fields.choice("operator", ("In", "NotIn", "Exists", "DoesNotExist"))
        values = [value for value, _ in fields.items("values")]
        are_values = all(isinstance(value, str) and names.value(value) for value in values)
        fields.check("values", are_values, f"each {names.VALUE_EXPECTED}")
        if "In" in operator and not values:
            fields.required("values", "must be specified when `operator` is 'In' or 'NotIn'")
        if "Exist" in operator and values:
            fields.forbidden("values", "may not be specified for 'Exists' and 'DoesNotExist'")
        has = key in there and (not values or there[key] in values)
        fits = fits and has == (operator in ("In", "Exists"))
    return fits
