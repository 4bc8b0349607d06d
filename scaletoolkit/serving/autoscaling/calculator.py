"""One metric, the pods, the current size: how many replicas the metric asks for. Lab 09.

The rule is that of Kubernetes' pkg/controller/podautoscaler/replica_calculator.go (2026); the
number of replicas is rounded up.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scaletoolkit.serving.autoscaling.manifest.quantity import INT64_MAX
from scaletoolkit.serving.autoscaling.manifest.spec import Flags, Metric
from scaletoolkit.serving.autoscaling.pods import (
    Pod,
    PodGroups,
    Reading,
    Samples,
    Scale,
    group_pods,
)
from scaletoolkit.serving.autoscaling.usage import (
    Unavailable,
    Usage,
    measured,
    request,
    usage_ratio,
    with_guesses,
)

INT32_MAX = 2**31 - 1
NO_METRICS = {
    "Resource": "no metrics returned from resource metrics API",
    "ContainerResource": "no metrics returned from resource metrics API",
    "Pods": "no metrics returned from custom metrics API",
    "Object": "no metrics returned from custom metrics API",
    "External": "no metrics returned from external metrics API",
}


class Sync(NamedTuple):
    """What all metrics of one sync share.

    tolerance_down, tolerance_up: how far usage may be off its target without a change; 0.1 is 10 %.
    """

    pods: Sequence[Pod]
    scale: Scale
    tolerance_down: float
    tolerance_up: float
    now_s: float
    flags: Flags


class MetricStatus(NamedTuple):
    """What one metric says: the replicas it asks for, what it read, or why it could not."""

    key: str
    replicas: int = 0
    utilization_percent: int | None = None
    average_milli: int | None = None
    value_milli: int | None = None
    error: str = ""
    groups: PodGroups | None = None


def propose(metric: Metric, reading: Reading, sync: Sync) -> MetricStatus:
    """What this metric asks for; the status has its `error` set when the metric cannot be used.

    Nothing is raised. What a reading may be stands at `Seen`.
    """
    try:
        if metric.type in ("Object", "External"):
            return _for_the_whole(metric, _total(metric, reading), sync)
        samples = _samples(metric, reading)
        if not sync.pods:
            raise Unavailable("no pods returned by selector while calculating replica count")
        return _per_pod(metric, samples, sync)
    except Unavailable as problem:
        return MetricStatus(metric.key, error=str(problem))


def _samples(metric: Metric, reading: Reading) -> Samples:
    if isinstance(reading, dict) and reading:
        return reading
    raise _unread(metric, reading)


def _total(metric: Metric, reading: Reading) -> int:
    if reading is None or isinstance(reading, str | dict):
        raise _unread(metric, reading)
    if not isinstance(reading, list | tuple):
        return min(reading, INT64_MAX)
    if not reading:
        raise _unread(metric, reading)
    return min(sum(reading), INT64_MAX)


def _unread(metric: Metric, reading: Reading) -> Unavailable:
    kind = "metrics for resource" if "Resource" in metric.type else "metric"
    why = reading or NO_METRICS[metric.type]
    return Unavailable(f"unable to get {kind} {metric.name}: {why}")


def _per_pod(metric: Metric, samples: Samples, sync: Sync) -> MetricStatus:
    resource = metric.name if "Resource" in metric.type else ""
    groups = group_pods(sync.pods, samples, resource, sync.now_s, sync.flags)
    usage = measured(groups.ready, sync.pods, samples, metric)
    if not usage.pods:
        raise Unavailable("did not receive metrics for targeted pods (pods might be unready)")
    if metric.target_type == "Utilization" and len(groups.ready) < len(sync.pods):
        for pod in (*groups.unready, *groups.missing, *groups.ignored):
            request(pod, metric)  # a missing request anywhere makes the metric unusable
    ratio, utilization_percent, average_milli = usage_ratio(usage, metric)
    if groups.missing or (groups.unready and ratio > 1):
        guessed = with_guesses(usage, groups, ratio, metric)
        replicas = _careful(guessed, ratio, metric, sync)
    elif within(ratio, sync):
        replicas = sync.scale.replicas
    else:
        replicas = _ceil(ratio * sum([pod.copies for pod in groups.ready]))
    return MetricStatus(metric.key, replicas, utilization_percent, average_milli, None, "", groups)


def _careful(usage: Usage, before: float, metric: Metric, sync: Sync) -> int:
    """The replicas with the guesses counted in; the current ones if these turn the direction."""
    current = sync.scale.replicas
    ratio, _, _ = usage_ratio(usage, metric)
    turned = (before < 1 < ratio) or (ratio < 1 < before)
    if within(ratio, sync) or turned:
        return current
    replicas = _ceil(ratio * usage.pods)
    against = (ratio < 1 and replicas > current) or (ratio > 1 and replicas < current)
    return current if against else replicas


def _for_the_whole(metric: Metric, usage: int, sync: Sync) -> MetricStatus:
    """Object and External metrics: one number for the whole workload."""
    if metric.target_type not in ("Value", "AverageValue"):
        raise Unavailable(
            f"invalid {metric.type.lower()} metric source: neither a value target nor an average "
            "value target was set"
        )
    if metric.target_type == "Value":
        replicas = _by_value(usage / metric.target, sync)
        return MetricStatus(metric.key, replicas, value_milli=usage)
    replicas = sync.scale.status_replicas
    average = _per_replica(usage, replicas)
    if not (replicas and within(usage / (metric.target * replicas), sync)):
        replicas = _ceil(usage / metric.target)
    return MetricStatus(metric.key, replicas, average_milli=average)


def _by_value(ratio: float, sync: Sync) -> int:
    if sync.scale.replicas == 0:
        return _ceil(ratio)
    if within(ratio, sync):
        return sync.scale.replicas
    if not sync.pods:
        raise Unavailable("no pods returned by selector while calculating replica count")
    return _ceil(ratio * sum(p.copies for p in sync.pods if p.phase == "Running" and p.ready))


def _per_replica(usage: int, replicas: int) -> int:
    if float(usage) >= float(INT64_MAX):
        return INT64_MAX
    return math.ceil(usage / replicas) if replicas else 0


def within(ratio: float, sync: Sync) -> bool:
    """Whether usage over target is close enough to 1 to leave the size alone."""
    return 1.0 - sync.tolerance_down <= ratio <= 1.0 + sync.tolerance_up


def _ceil(value: float) -> int:
    return min(math.ceil(value), INT32_MAX)
