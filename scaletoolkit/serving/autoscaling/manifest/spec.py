"""What a manifest says, as plain frozen values, with Kubernetes' defaults filled in. Lab 09."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scaletoolkit.kubernetes import quantity


class Policy(NamedTuple):
    """At most `value` pods (type "Pods") or percent ("Percent") of change in `period_s`."""

    type: str
    value: int
    period_s: int


class Rules(NamedTuple):
    """One direction of `behavior`. None for the window: the controller's flag decides."""

    stabilization_window_s: int | None
    select_policy: str
    policies: tuple[Policy, ...]
    tolerance: float | None = None


class Behavior(NamedTuple):
    """`spec.behavior` with every default filled in."""

    scale_up: Rules
    scale_down: Rules


DEFAULT_UP = Rules(0, "Max", (Policy("Pods", 4, 15), Policy("Percent", 100, 15)))
DEFAULT_DOWN = Rules(None, "Max", (Policy("Percent", 100, 15),))


@dataclass(frozen=True)
class Metric:
    """One entry of `spec.metrics`. The target is a percentage for "Utilization", else milli-units.

    `key` names the metric's reading: "Resource/cpu", "ContainerResource/server/cpu", "Pods/queue",
    "Object/Service/web/requests", "External/queue{queue=fast}", with its label selector.
    """

    key: str
    type: str
    name: str
    target_type: str
    target: int
    container: str = ""

    def __repr__(self) -> str:
        if self.target_type == "Unusable":
            return f"{self.key} with a target whose type does not fit its value"
        percent = self.target_type == "Utilization"
        target = f"{self.target} %" if percent else quantity.text(self.target)
        return f"{self.key} at {target} ({self.target_type})"


DEFAULT_METRICS = (Metric("Resource/cpu", "Resource", "cpu", "Utilization", 80),)


@dataclass(frozen=True)
class Spec:
    """A HorizontalPodAutoscaler. behavior None: no such section, for which other `limits` hold."""

    name: str
    target: str
    min_replicas: int
    max_replicas: int
    metrics: Sequence[Metric] = DEFAULT_METRICS
    behavior: Behavior | None = None

    def __repr__(self) -> str:
        metrics = ", ".join(map(repr, self.metrics))
        size = f"between {self.min_replicas} and {self.max_replicas} replicas"
        return f"Spec: {self.name} keeps {self.target} {size}: {metrics}"


class Flags(NamedTuple):
    """The flags and feature gates of kube-controller-manager that an autoscaler feels.

    scale_to_zero: the gate HPAScaleToZero, off on most clusters, which refuse `minReplicas: 0`.
    """

    sync_period_s: float = 15
    downscale_stabilization_s: float = 300
    tolerance: float = 0.1
    cpu_initialization_period_s: float = 300
    initial_readiness_delay_s: float = 30
    configurable_tolerance: bool = True
    scale_to_zero: bool = True


FLAGS = Flags()
