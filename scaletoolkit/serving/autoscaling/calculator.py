"""One metric, the pods, the current size: how many replicas the metric asks for. Lab 09.

The rule is that of Kubernetes' pkg/controller/podautoscaler/replica_calculator.go (2026), with its
rounding: averages and utilization are whole numbers, the number of replicas is rounded up.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from scaletoolkit.kubernetes.quantity import INT64_MAX
from scaletoolkit.serving.autoscaling.manifest.spec import Flags, Metric
from scaletoolkit.serving.autoscaling.pods import (
    Pod,
    PodGroups,
    Reading,
    Sample,
    Samples,
    Scale,
    Seen,
    group_pods,
)

INT32_MAX = 2**31 - 1
NO_PODS = "no pods returned by selector while calculating replica count"
Tolerances: TypeAlias = tuple[float, float]  # down, up; 0.1 is 10 %


class MetricStatus(NamedTuple):
    """What one metric says: the replicas it asks for, what it read, or why it could not."""

    key: str
    replicas: int = 0
    utilization_percent: int | None = None
    average_milli: int | None = None
    value_milli: int | None = None
    error: str = ""
    groups: PodGroups | None = None


class Unavailable(Exception):
    """A metric cannot be used in this sync; the sentence says why."""


class Usage(NamedTuple):
    """Sums over measured pods; `counted` of the `pods` entered the sums.

    The two differ only where a utilization metric measures pods whose request nobody knows.
    """

    used: int
    requested: int
    counted: int
    pods: int


def propose(
    metric: Metric, seen: Seen, scale: Scale, tolerances: Tolerances, now_s: float, flags: Flags
) -> MetricStatus:
    """What this metric asks for; the status has its `error` set when the metric cannot be used."""
    reading = seen.metrics.get(metric.key)
    try:
        if metric.type in ("Object", "External"):
            return _for_the_whole(metric, _total(metric, reading), seen.pods, scale, tolerances)
        if not reading or not isinstance(reading, dict):
            raise _unread(metric, reading)
        if not seen.pods:
            raise Unavailable(NO_PODS)
        resource = metric.name if "Resource" in metric.type else ""
        groups = group_pods(seen.pods, reading, resource, now_s, flags)
        return _per_pod(metric, reading, groups, scale.replicas, tolerances)
    except Unavailable as problem:
        return MetricStatus(metric.key, error=str(problem))


def _total(metric: Metric, reading: Reading) -> int:
    """The sum of the series, in milli-units.

    Kubernetes takes a sum below 0 of an External metric with an AverageValue for an overflow, and
    so asks for all the replicas it may: GetExternalPerPodMetricReplicas, since 1.34.
    """
    if reading is None or reading in ([], ()) or isinstance(reading, str | dict):
        raise _unread(metric, reading)
    sums = list(accumulate(reading if isinstance(reading, list | tuple) else [reading]))
    per_pod = metric.type == "External" and metric.target_type == "AverageValue"
    if max(sums) > INT64_MAX or (per_pod and min(sums) < 0):
        return INT64_MAX
    return sums[-1]


def _unread(metric: Metric, reading: Reading) -> Unavailable:
    resource = "Resource" in metric.type
    api = "resource" if resource else "external" if metric.type == "External" else "custom"
    kind = "metrics for resource" if resource else "metric"
    why = reading or f"no metrics returned from {api} metrics API"
    return Unavailable(f"unable to get {kind} {metric.name}: {why}")


def _per_pod(
    metric: Metric, samples: Samples, groups: PodGroups, current: int, tolerances: Tolerances
) -> MetricStatus:
    usage = _measured(groups, samples, metric)
    if not usage.pods:
        raise Unavailable("did not receive metrics for targeted pods (pods might be unready)")
    if metric.target_type == "Utilization":
        for pod in groups.unready + groups.missing + groups.ignored:
            _request(pod, metric)  # a missing request anywhere makes the metric unusable
    ratio, utilization_percent, average_milli = _usage_ratio(usage, metric)
    if groups.missing or (groups.unready and ratio > 1):
        guessed = _with_guesses(usage, groups, ratio, metric)
        replicas = _careful(guessed, ratio, metric, current, tolerances)
    elif _within(ratio, tolerances):
        replicas = current
    else:
        replicas = _ceil(ratio * sum([pod.copies for pod in groups.ready]))
    return MetricStatus(metric.key, replicas, utilization_percent, average_milli, None, "", groups)


def _measured(groups: PodGroups, samples: Samples, metric: Metric) -> Usage:
    """The Usage of the ready pods, and of strangers: pods that are measured but not listed."""
    used = 0
    requested = 0
    count = 0
    for pod in groups.ready:
        sample = samples[pod.name]
        used += pod.copies * (sample.value_milli if isinstance(sample, Sample) else sample)
        requested += pod.copies * _request(pod, metric)
        count += pod.copies
    counted = count
    if len(samples) > len(groups.ready):
        names = {pod.name for group in groups for pod in group}
        strangers = [samples[name] for name in samples.keys() - names]
        count += len(strangers)
        if metric.target_type != "Utilization":
            used += sum(v.value_milli if isinstance(v, Sample) else v for v in strangers)
            counted = count
    return Usage(used, requested, counted, count)


def _usage_ratio(usage: Usage, metric: Metric) -> tuple[float, int | None, int]:
    """(usage over target, utilization in percent or None, average in milli-units).

    Raises Unavailable for the utilization of pods whose request nobody knows.
    """
    if metric.target_type != "Utilization":
        average = _quotient(usage.used, usage.counted)
        return average / metric.target, None, average
    if not usage.requested:
        raise Unavailable("no metrics returned matched known pods")
    utilization = _quotient(usage.used * 100, usage.requested)
    return utilization / metric.target, utilization, _quotient(usage.used, usage.counted)


def _with_guesses(usage: Usage, groups: PodGroups, ratio: float, metric: Metric) -> Usage:
    """The Usage with a cautious guess for pods without a usable measurement.

    A missing pod uses nothing when that argues against scaling up, and its whole request (or the
    target) when that argues against scaling down; an unready pod uses nothing on the way up.
    """
    guesses: list[tuple[Pod, int]] = []
    if ratio > 1:
        guesses = [(pod, 0) for pod in (*groups.missing, *groups.unready)]
    elif ratio < 1 and metric.target_type == "Utilization":
        share = max(100, metric.target)
        guesses = [(pod, _request(pod, metric) * share // 100) for pod in groups.missing]
    elif ratio < 1:
        guesses = [(pod, metric.target) for pod in groups.missing]
    count = sum(pod.copies for pod, _ in guesses)
    return Usage(
        usage.used + sum(pod.copies * value for pod, value in guesses),
        usage.requested + sum(pod.copies * _request(pod, metric) for pod, _ in guesses),
        usage.counted + count,
        usage.pods + count,
    )


def _request(pod: Pod, metric: Metric) -> int:
    """The pod's request in milli-units, 0 where no target needs it; without one Unavailable."""
    if metric.target_type != "Utilization":
        return 0
    containers = pod.requests_milli or {}
    if metric.container:
        if metric.container not in containers:
            raise Unavailable(f"container {metric.container} not found in Pod {pod.name}")
        containers = {metric.container: containers[metric.container]}
    total = 0
    for container, requests in containers.items():
        request_milli = requests.get(metric.name)
        if request_milli is None:
            where = f"container {container} of Pod {pod.name}"
            raise Unavailable(f"missing request for {metric.name} in {where}")
        total += request_milli
    return total


def _careful(
    usage: Usage, before: float, metric: Metric, current: int, tolerances: Tolerances
) -> int:
    """The replicas with the guesses counted in; the current ones if these turn the direction."""
    ratio, _, _ = _usage_ratio(usage, metric)
    turned = (before < 1 < ratio) or (ratio < 1 < before)
    if _within(ratio, tolerances) or turned:
        return current
    replicas = _ceil(ratio * usage.pods)
    against = (ratio < 1 and replicas > current) or (ratio > 1 and replicas < current)
    return current if against else replicas


def _for_the_whole(
    metric: Metric, usage: int, pods: Sequence[Pod], scale: Scale, tolerances: Tolerances
) -> MetricStatus:
    """Object and External metrics: one number for the whole workload."""
    if metric.target_type == "Value":
        replicas = _by_value(usage / metric.target, pods, scale.replicas, tolerances)
        return MetricStatus(metric.key, replicas, value_milli=usage)
    if metric.target_type != "AverageValue":
        lacks = "neither a value target nor an average value target was set"
        raise Unavailable(f"invalid {metric.type.lower()} metric source: {lacks}")
    replicas = scale.status_replicas
    average = math.ceil(usage / replicas) if replicas else 0
    if float(usage) >= float(INT64_MAX):
        average = INT64_MAX
    if not (replicas and _within(usage / (metric.target * replicas), tolerances)):
        replicas = _ceil(usage / metric.target)
    return MetricStatus(metric.key, replicas, average_milli=average)


def _by_value(ratio: float, pods: Sequence[Pod], current: int, tolerances: Tolerances) -> int:
    if current == 0:
        return _ceil(ratio)
    if _within(ratio, tolerances):
        return current
    if not pods:
        raise Unavailable(NO_PODS)
    return _ceil(ratio * sum(p.copies for p in pods if p.phase == "Running" and p.ready))


def _within(ratio: float, tolerances: Tolerances) -> bool:
    down, up = tolerances
    return 1.0 - down <= ratio <= 1.0 + up


def _ceil(value: float) -> int:
    return min(math.ceil(value), INT32_MAX)


def _quotient(a: int, b: int) -> int:
    """Whole division that rounds towards zero, as Go's does."""
    return a // b if a >= 0 else -(-a // b)
