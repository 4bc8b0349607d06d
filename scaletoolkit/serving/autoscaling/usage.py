"""What the pods use of a metric's resource, in whole numbers, and a guess for the rest. Lab 09.

The rule is that of Kubernetes' pkg/controller/podautoscaler/replica_calculator.go (2026), with its
rounding: averages and utilization are whole numbers.
"""

from collections.abc import Sequence
from typing import NamedTuple

from scaletoolkit.serving.autoscaling.manifest.spec import Metric
from scaletoolkit.serving.autoscaling.pods import Pod, PodGroups, Sample, Samples


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


def measured(ready: list[Pod], pods: Sequence[Pod], samples: Samples, metric: Metric) -> Usage:
    """The Usage of the ready pods, and of strangers: pods that are measured but not listed."""
    used = 0
    requested = 0
    count = 0
    for pod in ready:
        sample = samples[pod.name]
        used += pod.copies * (sample.value_milli if isinstance(sample, Sample) else sample)
        requested += pod.copies * request(pod, metric)
        count += pod.copies
    if len(samples) == len(ready):
        return Usage(used, requested, count, count)
    strangers = samples.keys() - {pod.name for pod in pods}
    if metric.target_type != "Utilization":
        values = [samples[name] for name in strangers]
        used += sum(v.value_milli if isinstance(v, Sample) else v for v in values)
        count += len(values)
        return Usage(used, requested, count, count)
    return Usage(used, requested, count, count + len(strangers))


def usage_ratio(usage: Usage, metric: Metric) -> tuple[float, int | None, int]:
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


def with_guesses(usage: Usage, groups: PodGroups, ratio: float, metric: Metric) -> Usage:
    """The Usage with a cautious guess for pods without a usable measurement.

    A missing pod uses nothing when that argues against scaling up, and its whole request (or the
    target) when that argues against scaling down; an unready pod uses nothing on the way up.
    """
    guesses: list[tuple[Pod, int]] = []
    if ratio > 1:
        guesses = [(pod, 0) for pod in (*groups.missing, *groups.unready)]
    elif ratio < 1 and metric.target_type == "Utilization":
        share = max(100, metric.target)
        guesses = [(pod, request(pod, metric) * share // 100) for pod in groups.missing]
    elif ratio < 1:
        guesses = [(pod, metric.target) for pod in groups.missing]
    count = sum(pod.copies for pod, _ in guesses)
    return Usage(
        usage.used + sum(pod.copies * value for pod, value in guesses),
        usage.requested + sum(pod.copies * request(pod, metric) for pod, _ in guesses),
        usage.counted + count,
        usage.pods + count,
    )


def request(pod: Pod, metric: Metric) -> int:
    """The pod's request of the metric's resource in milli-units; 0 where no target needs it.

    Raises Unavailable where a container has none.
    """
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
            raise Unavailable(
                f"missing request for {metric.name} in container {container} of Pod {pod.name}"
            )
        total += request_milli
    return total


def _quotient(a: int, b: int) -> int:
    """Whole division that rounds towards zero, as Go's does."""
    return a // b if a >= 0 else -(-a // b)
