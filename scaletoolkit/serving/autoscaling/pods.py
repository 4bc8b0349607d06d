"""Pods as the autoscaler sees them, and which of them count for a metric. Lab 09.

The rule is that of groupPods in Kubernetes' replica_calculator.go (2026).
"""

import math
from typing import NamedTuple


class Pod(NamedTuple):
    """A pod, or `count` pods that are alike in everything.

    ready: its Ready condition (None: not reported yet), which last changed at `ready_since_s`.
    requests_milli: {container: {resource: milli-units}}. Times are seconds on the caller's clock;
    the default start is long ago, None is not started.
    """

    name: str
    phase: str = "Running"
    ready: bool | None = True
    started_s: float | None = -math.inf
    ready_since_s: float = -math.inf
    deleting: bool = False
    requests_milli: dict | None = None
    count: int = 1


class Sample(NamedTuple):
    """A pod's measurement, averaged over the `window_s` seconds before `time_s`."""

    value_milli: int
    time_s: float
    window_s: float


class PodGroups(NamedTuple):
    """What the calculator makes of each pod: lists of Pod."""

    ready: list
    unready: list
    missing: list
    ignored: list


def active(pods):
    """How many pods count as replicas: neither being deleted nor finished (an int)."""
    return sum(p.count for p in pods if not p.deleting and p.phase not in ("Succeeded", "Failed"))


def group_pods(pods, samples, resource, now, flags):
    """Sort pods into PodGroups; only for "cpu" does readiness matter.

    A pod that starts burns CPU without serving: within the initialization period it counts once it
    is ready and one whole measurement window lies behind that; later, unless it was never ready.
    """
    ready, unready, missing, ignored = [], [], [], []
    for pod in pods:
        if pod.deleting or pod.phase in ("Succeeded", "Failed"):
            ignored.append(pod)
        elif pod.phase == "Pending":
            unready.append(pod)
        elif pod.name not in samples:
            missing.append(pod)
        elif resource == "cpu" and _warming_up(pod, samples[pod.name], now, flags):
            unready.append(pod)
        else:
            ready.append(pod)
    return PodGroups(ready, unready, missing, ignored)


def _warming_up(pod, sample, now, flags):
    if pod.ready is None or pod.started_s is None:
        return True
    if pod.started_s + flags.cpu_initialization_period_s > now:
        time_s, window_s = sample[1:] if isinstance(sample, Sample) else (now, 0)
        return not pod.ready or time_s < pod.ready_since_s + window_s
    never_ready = pod.started_s + flags.initial_readiness_delay_s > pod.ready_since_s
    return not pod.ready and never_ready
