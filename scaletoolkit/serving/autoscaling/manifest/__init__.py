"""A Kubernetes manifest as plain frozen values; every mistake is one sentence with its path.

spec      what a manifest says, with Kubernetes' defaults; the controller's flags
quantity  Kubernetes' numbers with units ("500m", "1Gi") in milli-units
document  YAML text to plain values, small and safe
fields    one field: its value, or the sentence that says what is wrong
metrics   the entries of spec.metrics
reader    plain values to a Spec
"""

from scaletoolkit.serving.autoscaling.manifest.document import ManifestError
from scaletoolkit.serving.autoscaling.manifest.reader import parse
from scaletoolkit.serving.autoscaling.manifest.spec import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    FLAGS,
    Behavior,
    Flags,
    Metric,
    Policy,
    Rules,
    Spec,
)

__all__ = [
    "DEFAULT_DOWN",
    "DEFAULT_UP",
    "FLAGS",
    "Behavior",
    "Flags",
    "ManifestError",
    "Metric",
    "Policy",
    "Rules",
    "Spec",
    "parse",
]
