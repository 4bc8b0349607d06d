"""One sync of the autoscaler: what is seen goes in, one decision comes out. Pure. Lab 09.

The order of the steps is that of reconcileAutoscaler in Kubernetes' horizontal.go (2026).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from scaletoolkit.serving.autoscaling import calculator, limits
from scaletoolkit.serving.autoscaling.calculator import MetricStatus, Sync
from scaletoolkit.serving.autoscaling.limits import Events, History, Recommendation
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS, Flags, Metric, Spec
from scaletoolkit.serving.autoscaling.pods import Reading, Scale, Seen, active

Conditions: TypeAlias = Mapping[str, str]
Propose: TypeAlias = Callable[[Metric, Reading, Sync], MetricStatus]
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


class Decision(NamedTuple):
    """What one sync decided, and the `memory` that the next one must be given.

    reason: why the size changes, "" when it does not. metrics: a MetricStatus for each metric that
    was asked. `error` is set when a metric failed, also where the others sufficed.
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
        limited = self.conditions.get("ScalingLimited", "DesiredWithinRange")
        notes = [self.reason, "" if limited == "DesiredWithinRange" else limited, self.error]
        why = "; ".join(note for note in notes if note) or "nothing to change"
        return f"Decision: {self.before} → {self.replicas} replicas ({why})"


def reconcile(
    spec: Spec,
    seen: Seen,
    memory: Memory,
    now_s: float,
    flags: Flags = FLAGS,
    propose: Propose = calculator.propose,
) -> Decision:
    """What Kubernetes' HorizontalPodAutoscaler would decide at this moment: a Decision.

    spec: from `parse`. memory: of the Decision before, `Memory()` at the start. now_s: seconds on
    the clock that all other times are on. Nothing that is passed in is changed, and the same
    arguments always give the same decision. propose: asks one metric; see `Proposer`.
    """
    scale = seen.scale
    if scale is None:
        size = active(seen.pods)
        scale = Scale(size, size)
    if memory.history is None:
        memory = memory._replace(history=(Recommendation(now_s, scale.replicas),))
    decision = _without_metrics(spec, scale.replicas, memory, flags)
    if decision is None:
        down, up = _tolerances(spec, flags)
        sync = Sync(seen.pods, scale, down, up, now_s, flags)
        statuses = [propose(metric, seen.metrics.get(metric.key), sync) for metric in spec.metrics]
        decision = _by_metrics(spec, tuple(statuses), memory, sync)
    if decision.replicas == decision.before:
        return decision
    return _recorded(spec, decision, now_s, flags)


def _without_metrics(spec: Spec, current: int, memory: Memory, flags: Flags) -> Decision | None:
    """The decision where no metric is asked: size 0 by hand, above max, below min; else None."""
    if current == 0:
        return _at_zero(spec, memory, flags)
    if spec.min_replicas <= current <= spec.max_replicas:
        return None
    memory = memory._replace(conditions={**memory.conditions, "AbleToScale": "SucceededGetScale"})
    if current > spec.max_replicas:
        return Decision(current, spec.max_replicas, ABOVE_MAX, memory)
    return Decision(current, spec.min_replicas, BELOW_MIN, memory)


def _at_zero(spec: Spec, memory: Memory, flags: Flags) -> Decision | None:
    """None where the autoscaler itself went to 0 and may come back; else it stays at 0."""
    asleep = flags.scale_to_zero and memory.conditions.get("ScaledToZero") == "ScaledToZero"
    if asleep and (spec.min_replicas != 0 or _wakes_up(spec)):
        return None
    conditions = {
        **memory.conditions,
        "AbleToScale": "SucceededGetScale",
        "ScalingActive": "ScalingDisabled",
    }
    if not flags.scale_to_zero:
        conditions.pop("ScaledToZero", None)
    return Decision(0, 0, "", memory._replace(conditions=conditions))


def _wakes_up(spec: Spec) -> bool:
    """Only a metric that lives outside the pods can see work while there is no pod."""
    return any(metric.type in ("Object", "External") for metric in spec.metrics)


def _tolerances(spec: Spec, flags: Flags) -> tuple[float, float]:
    """(down, up) as fractions: the flag's, or the manifest's own."""
    default = flags.tolerance
    if spec.behavior is None or not flags.configurable_tolerance:
        return default, default
    down = spec.behavior.scale_down.tolerance
    up = spec.behavior.scale_up.tolerance
    return default if down is None else down, default if up is None else up


def _by_metrics(
    spec: Spec, statuses: tuple[MetricStatus, ...], memory: Memory, sync: Sync
) -> Decision:
    """The decision that follows the metrics, or the size as it is where they forbid to act."""
    current = sync.scale.replicas
    wanted, reason, error = _largest(statuses, current)
    if wanted is None:
        memory = _failed(statuses, memory)
        return Decision(current, current, reason, memory, statuses, error)
    settled, history = _settled(spec, wanted, memory, sync)
    replicas, limited = _limited(spec, settled, memory, sync)
    conditions = {
        **memory.conditions,
        "ScalingActive": "ValidMetricFound",
        "AbleToScale": _able(spec, current, wanted, settled),
        "ScalingLimited": limited,
    }
    if current == 0:
        replicas = max(replicas, spec.min_replicas)
    memory = Memory(history, memory.events, conditions)
    return Decision(current, replicas, reason, memory, statuses, error)


def _failed(statuses: Sequence[MetricStatus], memory: Memory) -> Memory:
    """The memory of a sync in which a metric failed, so that nothing may be done."""
    key = next(status.key for status in statuses if status.error)
    conditions = {
        **memory.conditions,
        "AbleToScale": "SucceededGetScale",
        "ScalingActive": f"FailedGet{key.split('/')[0]}Metric",
    }
    return memory._replace(conditions=conditions)


def _largest(statuses: Sequence[MetricStatus], current: int) -> tuple[int | None, str, str]:
    """(the largest wish of the metrics that work, its reason, the error of those that do not).

    A metric that failed might have asked for more, so with one missing nothing is scaled down: the
    wish is then None.
    """
    wanted = 0
    key = ""
    failed = []
    for status in statuses:
        if status.error:
            failed.append(status)
        elif wanted == 0 or status.replicas > wanted:
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


def _settled(spec: Spec, wanted: int, memory: Memory, sync: Sync) -> tuple[int, History]:
    """(the wish after stabilization windows, the history with the wish in it)."""
    history = memory.history or ()
    if spec.behavior is None:
        window_s = sync.flags.downscale_stabilization_s
        return limits.stabilize(history, wanted, window_s, sync.now_s)
    windows = limits.windows(spec.behavior, sync.flags)
    current = sync.scale.replicas
    return limits.stabilize_with_behavior(history, wanted, current, windows, sync.now_s)


def _limited(spec: Spec, settled: int, memory: Memory, sync: Sync) -> tuple[int, str]:
    """(the size that min, max and rates leave, the reason of the condition ScalingLimited)."""
    current = sync.scale.replicas
    if spec.behavior is None:
        return limits.limit(spec, current, settled)
    return limits.limit_with_behavior(spec, current, settled, memory.events, sync.now_s)


def _able(spec: Spec, current: int, wanted: int, settled: int) -> str:
    """The reason of the condition AbleToScale."""
    if settled == wanted:
        return "ReadyForNewScale"
    up = spec.behavior is not None and wanted >= current
    return "ScaleUpStabilized" if up else "ScaleDownStabilized"


def _recorded(spec: Spec, decision: Decision, now_s: float, flags: Flags) -> Decision:
    """The decision with its change of size in the memory."""
    before = decision.before
    after = decision.replicas
    conditions = {**decision.conditions, "AbleToScale": "SucceededRescale"}
    if flags.scale_to_zero:
        asleep = before > after == spec.min_replicas == 0 and _wakes_up(spec)
        conditions["ScaledToZero"] = "ScaledToZero" if asleep else "NotScaledToZero"
    else:
        conditions.pop("ScaledToZero", None)
    events = _logged(spec, decision.memory.events, after - before, now_s)
    memory = Memory(decision.memory.history, events, conditions)
    below = BELOW_MIN if before == 0 else ""
    return decision._replace(memory=memory, reason=decision.reason or below)


def _logged(spec: Spec, events: Events, change: int, now_s: float) -> Events:
    if spec.behavior is None:
        return events
    if change > 0:
        up = limits.record(events.up, change, spec.behavior.scale_up, now_s)
        return events._replace(up=up)
    down = limits.record(events.down, -change, spec.behavior.scale_down, now_s)
    return events._replace(down=down)
