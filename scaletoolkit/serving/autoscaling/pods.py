"""What a sync sees of a workload: pods, readings, size; and which pods count for a metric. Lab 09.

The rule is that of groupPods in Kubernetes' replica_calculator.go, as 1.37 has it: up to 1.36 a pod
whose phase is Succeeded still counts for a metric, like one that runs or has lost its measurement.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from scaletoolkit.serving.autoscaling.manifest.spec import Flags

FINISHED = ("Succeeded", "Failed")


class Pod(NamedTuple):
    """A pod, or as many `copies` of it as are alike in everything.

    ready: its Ready condition (None: not reported yet), which last changed at `ready_since_s`.
    requests_milli: {container: {resource: milli-units}}. Times are seconds; None: not started.
    """

    name: str
    phase: str = "Running"
    ready: bool | None = True
    started_s: float | None = -math.inf
    ready_since_s: float = -math.inf
    deleting: bool = False
    requests_milli: Mapping[str, Mapping[str, int | None]] | None = None
    copies: int = 1


class Sample(NamedTuple):
    """A pod's measurement, averaged over the `window_s` seconds before `time_s`."""

    value_milli: int
    time_s: float
    window_s: float


Samples: TypeAlias = dict[str, int | Sample]
Reading: TypeAlias = Samples | list[int] | tuple[int, ...] | int | str | None


class Scale(NamedTuple):
    """The workload's size: what was asked for (spec) and what is there (status)."""

    replicas: int
    status_replicas: int


class Seen(NamedTuple):
    """What one sync sees: the pods, {metric key: reading}, and the size (None: of active pods).

    A reading is milli-units or a list of them for Object and External metrics, for the others
    {pod name: milli-units or Sample}. None, or a sentence in its place: the metric has failed.
    """

    pods: Sequence[Pod]
    metrics: Mapping[str, Reading]
    scale: Scale | None = None


class PodGroups(NamedTuple):
    """What the calculator makes of each pod."""

    ready: list[Pod]
    unready: list[Pod]
    missing: list[Pod]
    ignored: list[Pod]


def active(pods: Iterable[Pod]) -> int:
    """How many pods count as replicas: neither being deleted nor finished."""
    return sum(pod.copies for pod in pods if not pod.deleting and pod.phase not in FINISHED)


def group_pods(
    pods: Iterable[Pod], samples: Samples, resource: str, now_s: float, flags: Flags
) -> PodGroups:
    """Sort pods into PodGroups; only for "cpu" does readiness matter.

    A pod that starts burns CPU without serving: within the initialization period it counts once it
    is ready and one whole measurement window lies behind that; later, unless it was never ready.
    """
    groups = PodGroups([], [], [], [])
    ready, unready, missing, ignored = groups
    for pod in pods:
        if pod.deleting or pod.phase in FINISHED:
            ignored.append(pod)
        elif pod.phase == "Pending":
            unready.append(pod)
        elif pod.name not in samples:
            missing.append(pod)
        elif resource == "cpu" and _warming_up(pod, samples[pod.name], now_s, flags):
            unready.append(pod)
        else:
            ready.append(pod)
    return groups


def _warming_up(pod: Pod, sample: int | Sample, now_s: float, flags: Flags) -> bool:
    if pod.ready is None or pod.started_s is None:
        return True
    if pod.started_s + flags.cpu_initialization_period_s > now_s:
        if isinstance(sample, Sample):
            return not pod.ready or sample.time_s < pod.ready_since_s + sample.window_s
        return not pod.ready or now_s < pod.ready_since_s
    never_ready = pod.started_s + flags.initial_readiness_delay_s > pod.ready_since_s
    return not pod.ready and never_ready
