"""One sync of the autoscaler: what is seen goes in, one decision comes out. Pure. Lab 09.

The order of the steps is that of reconcileAutoscaler in Kubernetes' horizontal.go (2026).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from scaletoolkit.serving.autoscaling import calculator, limits
from scaletoolkit.serving.autoscaling.calculator import MetricStatus, Tolerances
from scaletoolkit.serving.autoscaling.limits import Events, History, Recommendation
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS, Flags, Spec
from scaletoolkit.serving.autoscaling.pods import Scale, Seen, active

Conditions: TypeAlias = Mapping[str, str]
ABOVE_MAX = "Current number of replicas above Spec.MaxReplicas"
BELOW_MIN = "Current number of replicas below Spec.MinReplicas"


class Memory(NamedTuple):
    """What one sync hands to the next; `Memory()` is that of a controller which has just started.

    history: the recommendations so far. events: the changes of size, for the policies of
    `behavior`. conditions: {type: reason} as `kubectl describe hpa` shows them.
    """

    history: History | None = None
    events: Events = Events()
    conditions: Conditions = {}  # noqa: RUF012 - nothing ever changes it

    def noting(self, **conditions: str) -> "Memory":
        """The same with these conditions."""
        return self._replace(conditions={**self.conditions, **conditions})


class Decision(NamedTuple):
    """What one sync decided, and the `memory` that the next one must be given.

    reason: of a change. metrics: of each that was asked. error: of any that failed.
    """

    before: int
    replicas: int
    reason: str
    memory: Memory
    metrics: tuple[MetricStatus, ...] = ()
    error: str = ""

    @property
    def rescaled(self) -> bool:
        """Whether the workload's size changes now."""
        return self.replicas != self.before

    @property
    def conditions(self) -> Conditions:
        """{type: reason} as `kubectl describe hpa` shows them."""
        return self.memory.conditions

    def __repr__(self) -> str:
        notes = [self.reason, self.conditions.get("ScalingLimited", ""), self.error]
        why = "; ".join(n for n in notes if n not in ("", "DesiredWithinRange"))
        return f"Decision: {self.before} → {self.replicas} replicas ({why or 'nothing to change'})"


def reconcile(
    spec: Spec, seen: Seen, memory: Memory, now_s: float, flags: Flags = FLAGS
) -> Decision:
    """What Kubernetes' HorizontalPodAutoscaler would decide at this moment: a Decision.

    spec: from `parse`. memory: of the Decision before, `Memory()` at the start. now_s: seconds on
    the clock that all other times are on. The same arguments always give the same decision.
    """
    scale = seen.scale
    if scale is None:
        size = active(seen.pods)
        scale = Scale(size, size)
    current = scale.replicas
    if memory.history is None:
        memory = memory._replace(history=(Recommendation(now_s, current),))
    decision = _without_metrics(spec, current, memory, flags)
    if decision is None:
        tolerances = _tolerances(spec, flags)
        statuses = tuple(
            calculator.propose(metric, seen, scale, tolerances, now_s, flags)
            for metric in spec.metrics
        )
        decision = _by_metrics(spec, statuses, current, memory, now_s, flags)
    return decision if decision.replicas == current else _recorded(spec, decision, now_s, flags)


def _without_metrics(spec: Spec, current: int, memory: Memory, flags: Flags) -> Decision | None:
    """The decision where no metric is asked: size 0 by hand, above max, below min; else None."""
    if current == 0:
        return _at_zero(spec, memory, flags)
    if spec.min_replicas <= current <= spec.max_replicas:
        return None
    memory = memory.noting(AbleToScale="SucceededGetScale")
    if current > spec.max_replicas:
        return Decision(current, spec.max_replicas, ABOVE_MAX, memory)
    return Decision(current, spec.min_replicas, BELOW_MIN, memory)


def _at_zero(spec: Spec, memory: Memory, flags: Flags) -> Decision | None:
    """None where the autoscaler itself went to 0 and may come back; else it stays at 0."""
    asleep = flags.scale_to_zero and memory.conditions.get("ScaledToZero") == "ScaledToZero"
    if asleep and (spec.min_replicas != 0 or _wakes_up(spec)):
        return None
    memory = memory.noting(AbleToScale="SucceededGetScale", ScalingActive="ScalingDisabled")
    return Decision(0, 0, "", memory if flags.scale_to_zero else _never_asleep(memory))


def _never_asleep(memory: Memory) -> Memory:
    """The memory of a cluster that does not scale to zero."""
    conditions = dict(memory.conditions)
    conditions.pop("ScaledToZero", None)
    return memory._replace(conditions=conditions)


def _wakes_up(spec: Spec) -> bool:
    """Only a metric that lives outside the pods can see work while there is no pod."""
    return any(metric.type in ("Object", "External") for metric in spec.metrics)


def _tolerances(spec: Spec, flags: Flags) -> Tolerances:
    """The flag's, or the manifest's own."""
    default = flags.tolerance
    if spec.behavior is None or not flags.configurable_tolerance:
        return default, default
    down = spec.behavior.scale_down.tolerance
    up = spec.behavior.scale_up.tolerance
    return default if down is None else down, default if up is None else up


def _by_metrics(
    spec: Spec,
    statuses: tuple[MetricStatus, ...],
    current: int,
    memory: Memory,
    now_s: float,
    flags: Flags,
) -> Decision:
    """The decision that follows the metrics, or the size as it is where they forbid to act."""
    wanted, reason, error = _largest(statuses, current)
    if wanted is None:
        key = next(status.key for status in statuses if status.error)
        failed = f"FailedGet{key.split('/')[0]}Metric"
        memory = memory.noting(AbleToScale="SucceededGetScale", ScalingActive=failed)
        return Decision(current, current, reason, memory, statuses, error)
    replicas, memory = _limited(spec, wanted, current, memory, now_s, flags)
    return Decision(current, replicas, reason, memory, statuses, error)


def _largest(statuses: Sequence[MetricStatus], current: int) -> tuple[int | None, str, str]:
    """(the largest wish of the metrics that work, its reason, the error of those that do not).

    One that failed might have asked for more: the wish is None where it would scale down.
    """
    failed = [status for status in statuses if status.error]
    wanted = 0
    key = ""
    for status in statuses:
        if not status.error and (wanted == 0 or status.replicas > wanted):
            wanted = status.replicas
            key = status.key
    error = ""
    if failed:
        count = f"{len(failed)} invalid out of {len(statuses)}"
        error = f"invalid metrics ({count}), first error is: {failed[0].error}"
        if len(failed) == len(statuses) or wanted < current:
            return None, "", error
    if wanted > current:
        return wanted, f"{key} above target", error
    return max(wanted, 0), "All metrics below target" if wanted < current else "", error


def _limited(
    spec: Spec, wanted: int, current: int, memory: Memory, now_s: float, flags: Flags
) -> tuple[int, Memory]:
    """(the size that windows, rates, min and max leave, the memory with the wish in it)."""
    history = memory.history or ()
    unsettled = "ScaleDownStabilized"
    if spec.behavior is None:
        window_s = flags.downscale_stabilization_s
        settled, history = limits.stabilize(history, wanted, window_s, now_s)
        replicas, limited = limits.limit(spec, current, settled)
    else:
        windows_s = limits.windows_s(spec.behavior, flags)
        settled, history = limits.stabilize_with_behavior(
            history, wanted, current, windows_s, now_s
        )
        replicas, limited = limits.limit_with_behavior(spec, current, settled, memory.events, now_s)
        if wanted >= current:
            unsettled = "ScaleUpStabilized"
    able = "ReadyForNewScale" if settled == wanted else unsettled
    memory = memory._replace(history=history).noting(
        ScalingActive="ValidMetricFound", AbleToScale=able, ScalingLimited=limited
    )
    return replicas if current else max(replicas, spec.min_replicas), memory


def _recorded(spec: Spec, decision: Decision, now_s: float, flags: Flags) -> Decision:
    """The decision with its change of size in the memory."""
    before = decision.before
    after = decision.replicas
    memory = decision.memory.noting(AbleToScale="SucceededRescale")
    if flags.scale_to_zero:
        asleep = before > after == spec.min_replicas == 0 and _wakes_up(spec)
        memory = memory.noting(ScaledToZero="ScaledToZero" if asleep else "NotScaledToZero")
    else:
        memory = _never_asleep(memory)
    up, down = memory.events
    if spec.behavior is not None and after > before:
        up = limits.record(up, after - before, spec.behavior.scale_up, now_s)
    elif spec.behavior is not None:
        down = limits.record(down, before - after, spec.behavior.scale_down, now_s)
    reason = decision.reason or ("" if before else BELOW_MIN)
    return decision._replace(memory=memory._replace(events=Events(up, down)), reason=reason)
