"""One metric, the pods, the current size: how many replicas the metric asks for. Lab 09.

The rule is that of Kubernetes' pkg/controller/podautoscaler/replica_calculator.go (2026), with its
rounding: averages and utilization are whole numbers, the replica count is rounded up.
"""

import math
from typing import NamedTuple

from scaletoolkit.serving.autoscaling.manifest.quantity import INT64_MAX
from scaletoolkit.serving.autoscaling.pods import PodGroups, Sample, group_pods

INT32_MAX = 2**31 - 1
NO_METRICS = {
    "Resource": "no metrics returned from resource metrics API",
    "ContainerResource": "no metrics returned from resource metrics API",
    "Pods": "no metrics returned from custom metrics API",
    "Object": "no metrics returned from custom metrics API",
    "External": "no metrics returned from external metrics API",
}


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


def propose(metric, pods, reading, scale, tolerances, now, flags):
    """What this metric asks for: a MetricStatus, with `error` set when it cannot be used.

    reading: for Resource, ContainerResource and Pods metrics {pod name: milli-units or Sample};
    for Object and External milli-units or a list of them; None or a sentence when it failed.
    scale: (replicas asked for, replicas there). tolerances: (down, up), 0.1 is 10 %.
    """
    try:
        if metric.type in ("Object", "External"):
            return _whole(metric, pods, _read(metric, reading), scale, tolerances)
        samples = _read(metric, reading)
        if not pods:
            raise Unavailable("no pods returned by selector while calculating replica count")
        return _per_pod(metric, pods, samples, scale[0], tolerances, (now, flags))
    except Unavailable as problem:
        return MetricStatus(metric.key, error=str(problem))


class Proposer:
    """`propose` from sync to sync: a metric that sees what it saw before says what it said.

    Not for CPU: whether a pod is warm depends on the time.
    """

    def __init__(self):
        self._said = {}

    def __call__(self, metric, pods, reading, scale, tolerances, now, flags):
        if metric.name == "cpu" or not isinstance(reading, dict):
            return propose(metric, pods, reading, scale, tolerances, now, flags)
        seen = (*pods, *reading.items(), scale, tolerances)
        before, status = self._said.get(metric.key, ((), None))
        if seen != before:
            status = propose(metric, pods, reading, scale, tolerances, now, flags)
            self._said[metric.key] = seen, status
        return status


def _read(metric, reading):
    if (reading or reading == 0) and not isinstance(reading, str):
        return reading
    what = "metrics for resource" if "Resource" in metric.type else "metric"
    raise Unavailable(f"unable to get {what} {metric.name}: {reading or NO_METRICS[metric.type]}")


def _request(pod, metric):
    """The pod's request of the metric's resource in milli-units; 0 where no target needs it."""
    if metric.target_type != "Utilization":
        return 0
    containers = pod.requests_milli or {}
    if metric.container:
        if metric.container not in containers:
            raise Unavailable(f"container {metric.container} not found in Pod {pod.name}")
        containers = {metric.container: containers[metric.container]}
    total = 0
    for container, requests in containers.items():
        if requests.get(metric.name) is None:
            raise Unavailable(
                f"missing request for {metric.name} in container {container} of Pod {pod.name}"
            )
        total += requests[metric.name]
    return total


def _per_pod(metric, pods, samples, current, tolerances, moment):
    resource = metric.name if "Resource" in metric.type else ""
    groups = group_pods(pods, samples, resource, *moment)
    measured = _measured(groups.ready, pods, samples, metric)
    if not measured.pods:
        raise Unavailable("did not receive metrics for targeted pods (pods might be unready)")
    if metric.target_type == "Utilization" and len(groups.ready) < len(pods):
        for pod in (*groups.unready, *groups.missing, *groups.ignored):
            _request(pod, metric)  # a missing request anywhere makes the metric unusable
    ratio, utilization, average = _usage_ratio(measured, metric)
    if groups.missing or (groups.unready and ratio > 1):
        guessed = _with_guesses(measured, groups, ratio, metric)
        replicas = _careful(guessed, ratio, metric, current, tolerances)
    elif within(ratio, tolerances):
        replicas = current
    else:
        replicas = _ceil(ratio * sum([pod.count for pod in groups.ready]))
    return MetricStatus(metric.key, replicas, utilization, average, None, "", groups)


def _measured(ready, pods, samples, metric):
    """The Usage of the ready pods, and of strangers: pods that are measured but not listed."""
    used = requested = count = 0
    for pod in ready:
        sample = samples[pod.name]
        used += pod.count * (sample.value_milli if isinstance(sample, Sample) else sample)
        requested += pod.count * _request(pod, metric)
        count += pod.count
    if len(samples) == len(ready):
        return Usage(used, requested, count, count)
    strangers = samples.keys() - {pod.name for pod in pods}
    if metric.target_type != "Utilization":
        values = [samples[name] for name in strangers]
        used += sum(v.value_milli if isinstance(v, Sample) else v for v in values)
        return Usage(used, requested, count + len(values), count + len(values))
    return Usage(used, requested, count, count + len(strangers))


def _usage_ratio(usage, metric):
    """(usage over target, utilization in percent or None, average in milli-units)."""
    if metric.target_type != "Utilization":
        average = _quotient(usage.used, usage.counted)
        return average / metric.target, None, average
    if not usage.requested:
        raise Unavailable("no metrics returned matched known pods")
    utilization = _quotient(usage.used * 100, usage.requested)
    return utilization / metric.target, utilization, _quotient(usage.used, usage.counted)


def _with_guesses(usage, groups, ratio, metric):
    """The Usage with a cautious guess for pods without a usable measurement.

    A missing pod uses nothing when that argues against scaling up, and its whole request (or the
    target) when that argues against scaling down; an unready pod uses nothing on the way up.
    """
    guesses = []
    if ratio > 1:
        guesses = [(pod, 0) for pod in (*groups.missing, *groups.unready)]
    elif ratio < 1 and metric.target_type == "Utilization":
        share = max(100, metric.target)
        guesses = [(pod, _request(pod, metric) * share // 100) for pod in groups.missing]
    elif ratio < 1:
        guesses = [(pod, metric.target) for pod in groups.missing]
    count = sum(pod.count for pod, _ in guesses)
    return Usage(
        usage.used + sum(pod.count * value for pod, value in guesses),
        usage.requested + sum(pod.count * _request(pod, metric) for pod, _ in guesses),
        usage.counted + count,
        usage.pods + count,
    )


def _careful(usage, before, metric, current, tolerances):
    """The replicas with the guesses counted in; the current ones if they turn the direction."""
    ratio = _usage_ratio(usage, metric)[0]
    turned = (before < 1 < ratio) or (ratio < 1 < before)
    if within(ratio, tolerances) or turned:
        return current
    replicas = _ceil(ratio * usage.pods)
    against = (ratio < 1 and replicas > current) or (ratio > 1 and replicas < current)
    return current if against else replicas


def _whole(metric, pods, reading, scale, tolerances):
    """Object and External metrics: one number for the whole workload."""
    if metric.target_type not in ("Value", "AverageValue"):
        raise Unavailable(
            f"invalid {metric.type.lower()} metric source: neither a value target nor an average "
            "value target was set"
        )
    usage = _total(reading)
    if metric.target_type == "Value":
        replicas = _by_value(usage / metric.target, pods, scale[0], tolerances)
        return MetricStatus(metric.key, replicas, value_milli=usage)
    replicas, average = scale[1], _per_replica(usage, scale[1])
    if not (replicas and within(usage / (metric.target * replicas), tolerances)):
        replicas = _ceil(usage / metric.target)
    return MetricStatus(metric.key, replicas, average_milli=average)


def _by_value(ratio, pods, current, tolerances):
    if current == 0:
        return _ceil(ratio)
    if within(ratio, tolerances):
        return current
    if not pods:
        raise Unavailable("no pods returned by selector while calculating replica count")
    return _ceil(ratio * sum(pod.count for pod in pods if pod.phase == "Running" and pod.ready))


def _total(reading):
    return min(sum(reading) if isinstance(reading, list | tuple) else reading, INT64_MAX)


def _per_replica(usage, replicas):
    if float(usage) >= float(INT64_MAX):
        return INT64_MAX
    return math.ceil(usage / replicas) if replicas else 0


def within(ratio, tolerances):
    """Whether usage over target is close enough to 1 to leave the size alone."""
    return 1.0 - tolerances[0] <= ratio <= 1.0 + tolerances[1]


def _quotient(a, b):
    """Whole division that rounds towards zero, as Go's does."""
    return a // b if a >= 0 else -(-a // b)


def _ceil(value):
    return min(math.ceil(value), INT32_MAX)
