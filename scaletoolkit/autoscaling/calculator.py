"""One metric, the pods, the current size: how many replicas the metric asks for. Lab 09.

The rule is that of Kubernetes' pkg/controller/podautoscaler/replica_calculator.go (2026), with its
rounding: averages and utilization are whole numbers, the replica count is rounded up.
"""

import math
from typing import NamedTuple

from scaletoolkit.autoscaling.quantity import INT64_MAX

INT32_MAX = 2**31 - 1
NO_METRICS = {
    "Resource": "no metrics returned from resource metrics API",
    "ContainerResource": "no metrics returned from resource metrics API",
    "Pods": "no metrics returned from custom metrics API",
    "Object": "no metrics returned from custom metrics API",
    "External": "no metrics returned from external metrics API",
}


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
    ready_since_s: float | None = -math.inf
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


class Entry(NamedTuple):
    """A measured value that `count` pods share; request None: a pod that nobody knows."""

    value: int
    count: int
    request: int | None


def active(pods):
    """How many pods count as replicas: neither being deleted nor finished (an int)."""
    return sum(p.count for p in pods if not p.deleting and p.phase not in ("Succeeded", "Failed"))


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


def _read(metric, reading):
    if reading is None or reading == {} or reading == [] or isinstance(reading, str):
        what = "metrics for resource" if "Resource" in metric.type else "metric"
        raise Unavailable(f"unable to get {what} {metric.name}: {reading or NO_METRICS[metric.type]}")
    return reading


def group_pods(pods, samples, resource, now, flags):
    """Sort pods into PodGroups; only for "cpu" does readiness matter.

    A pod that starts burns CPU without serving: within the initialization period it counts once it
    is ready and one whole measurement window lies behind that; later, unless it was never ready.
    """
    groups = PodGroups([], [], [], [])
    for pod in pods:
        if pod.deleting or pod.phase in ("Succeeded", "Failed"):
            groups.ignored.append(pod)
        elif pod.phase == "Pending":
            groups.unready.append(pod)
        elif pod.name not in samples:
            groups.missing.append(pod)
        elif resource == "cpu" and _warming_up(pod, samples[pod.name], now, flags):
            groups.unready.append(pod)
        else:
            groups.ready.append(pod)
    return groups


def _warming_up(pod, sample, now, flags):
    if pod.ready is None or pod.started_s is None:
        return True
    if pod.started_s + flags.cpu_initialization_period_s > now:
        time_s, window_s = (now, 0) if isinstance(sample, int) else sample[1:]
        return not pod.ready or time_s < pod.ready_since_s + window_s
    never_ready = pod.started_s + flags.initial_readiness_delay_s > pod.ready_since_s
    return not pod.ready and never_ready


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
    measured = [_entry(pod, samples[pod.name], metric) for pod in groups.ready]
    measured += _strangers(pods, samples)
    if not measured:
        raise Unavailable("did not receive metrics for targeted pods (pods might be unready)")
    if metric.target_type == "Utilization":
        for pod in (*groups.unready, *groups.missing, *groups.ignored):
            _request(pod, metric)
    ratio, utilization, average = _usage_ratio(measured, metric)
    if not groups.missing and not (groups.unready and ratio > 1):
        ready_count = sum(pod.count for pod in groups.ready)
        replicas = current if within(ratio, tolerances) else _ceil(ratio * ready_count)
    else:
        filled = measured + _assumed(groups, ratio, metric)
        replicas = _careful(filled, ratio, metric, current, tolerances)
    return MetricStatus(metric.key, replicas, utilization, average, groups=groups)


def _entry(pod, sample, metric):
    value = sample if isinstance(sample, int) else sample.value_milli
    return Entry(value, pod.count, _request(pod, metric))


def _strangers(pods, samples):
    known = {pod.name for pod in pods}
    values = [sample for name, sample in samples.items() if name not in known]
    return [Entry(v if isinstance(v, int) else v.value_milli, 1, None) for v in values]


def _usage_ratio(entries, metric):
    """(usage over target, utilization in percent or None, average in milli-units)."""
    if metric.target_type != "Utilization":
        average = _quotient(sum(e.value * e.count for e in entries), _size(entries))
        return average / metric.target, None, average
    known = [entry for entry in entries if entry.request is not None]
    requested = sum(entry.request * entry.count for entry in known)
    if not requested:
        raise Unavailable("no metrics returned matched known pods")
    used = sum(entry.value * entry.count for entry in known)
    utilization = _quotient(used * 100, requested)
    return utilization / metric.target, utilization, _quotient(used, _size(known))


def _assumed(groups, ratio, metric):
    """What pods without a usable measurement are taken to use: the cautious guess."""
    assumed = []
    for pod in groups.missing if ratio != 1 else ():
        request, value = _request(pod, metric), 0
        if ratio < 1:
            most = request * max(100, metric.target) // 100
            value = most if metric.target_type == "Utilization" else metric.target
        assumed.append(Entry(value, pod.count, request))
    if ratio > 1:
        assumed += [Entry(0, pod.count, _request(pod, metric)) for pod in groups.unready]
    return assumed


def _careful(entries, before, metric, current, tolerances):
    """The replicas with the guesses counted in; the current ones if they turn the direction."""
    ratio = _usage_ratio(entries, metric)[0]
    turned = (before < 1 < ratio) or (ratio < 1 < before)
    if within(ratio, tolerances) or turned:
        return current
    replicas = _ceil(ratio * _size(entries))
    against = (ratio < 1 and replicas > current) or (ratio > 1 and replicas < current)
    return current if against else replicas


def _whole(metric, pods, reading, scale, tolerances):
    """Object and External metrics: one number for the whole workload."""
    if metric.target_type not in ("Value", "AverageValue"):
        kind = metric.type.lower()
        raise Unavailable(
            f"invalid {kind} metric source: neither a value target nor an average value target was set"
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


def _size(entries):
    return sum(entry.count for entry in entries)


def _quotient(a, b):
    """Whole division that rounds towards zero, as Go's does."""
    return a // b if a >= 0 else -(-a // b)


def _ceil(value):
    return min(math.ceil(value), INT32_MAX)
