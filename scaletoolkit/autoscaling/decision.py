"""One sync of the autoscaler: what is seen goes in, one decision comes out. Pure. Lab 09.

The order of the steps is that of reconcileAutoscaler in Kubernetes' horizontal.go (2026).
"""

from typing import NamedTuple

from scaletoolkit.autoscaling import calculator, limits
from scaletoolkit.autoscaling.limits import Events, Recommendation
from scaletoolkit.autoscaling.spec import FLAGS


class Scale(NamedTuple):
    """The workload's size: what was asked for (spec) and what is there (status)."""

    replicas: int
    status_replicas: int


class Decision(NamedTuple):
    """What one sync decided, and what the next one must be given.

    conditions: {type: reason} as `kubectl describe hpa` shows them. `error` is set when a metric
    failed, also where the others sufficed. metrics: a MetricStatus for each metric looked at.
    """

    before: int
    replicas: int
    reason: str
    conditions: dict
    history: tuple
    events: Events
    metrics: tuple = ()
    error: str = ""

    @property
    def rescaled(self):
        """Whether the workload's size changes now."""
        return self.replicas != self.before

    def __repr__(self):
        limited = self.conditions.get("ScalingLimited", "DesiredWithinRange")
        notes = [self.reason, "" if limited == "DesiredWithinRange" else limited, self.error]
        why = "; ".join(note for note in notes if note) or "nothing to change"
        return f"Decision: {self.before} → {self.replicas} replicas ({why})"


def reconcile(
    spec, pods, metrics, history, events, now, *, scale=None, conditions=None, flags=FLAGS
):
    """What Kubernetes' HorizontalPodAutoscaler would decide at this moment: a Decision.

    spec: from `parse`. pods: a list of Pod. metrics: {metric key: reading}; a key that is missing,
    or a sentence in place of a reading, is a metric that failed. history: the Recommendations so
    far, None for a controller that has just started. events: the Events so far. now: seconds on
    the clock that all other times are on. scale: a Scale, by default the number of active pods.
    conditions: those of the decision before; only ScaledToZero matters. Nothing that is passed in
    is changed, and the same arguments always give the same decision.
    """
    replicas = calculator.active(pods) if scale is None else 0
    current, there = scale or (replicas, replicas)
    history = (Recommendation(now, current),) if history is None else tuple(history)
    known = {**(conditions or {}), "AbleToScale": "SucceededGetScale"}
    before = Decision(current, current, "", known, history, events or Events())
    outside = _outside(spec, current, before, flags)
    if outside is not None:
        return _rescale(spec, outside, now, flags)
    status, tolerances = (current, there), _tolerances(spec, flags)
    statuses = tuple(
        calculator.propose(m, pods, metrics.get(m.key), status, tolerances, now, flags)
        for m in spec.metrics
    )
    proposed = _largest(spec, before._replace(metrics=statuses))
    if proposed.reason is None:
        return proposed._replace(reason="")
    return _rescale(spec, _limited(spec, proposed, now, flags), now, flags)


def _outside(spec, current, decision, flags):
    """The decision where no metric is asked: size 0 by hand, above max, below min; else None."""
    if current == 0:
        asleep = flags.scale_to_zero and decision.conditions.get("ScaledToZero") == "ScaledToZero"
        if asleep and (spec.min_replicas != 0 or _wakes_up(spec)):
            return None
        conditions = {**decision.conditions, "ScalingActive": "ScalingDisabled"}
        if not flags.scale_to_zero:
            conditions.pop("ScaledToZero", None)
        return decision._replace(conditions=conditions)
    if current > spec.max_replicas:
        reason = "Current number of replicas above Spec.MaxReplicas"
        return decision._replace(replicas=spec.max_replicas, reason=reason)
    if current < spec.min_replicas:
        reason = "Current number of replicas below Spec.MinReplicas"
        return decision._replace(replicas=spec.min_replicas, reason=reason)
    return None


def _wakes_up(spec):
    """Only a metric that lives outside the pods can see work while there is no pod."""
    return any(metric.type in ("Object", "External") for metric in spec.metrics)


def _tolerances(spec, flags):
    """(down, up) as fractions: the flag's, or the manifest's own."""
    if spec.behavior is None or not flags.configurable_tolerance:
        return flags.tolerance, flags.tolerance
    down, up = spec.behavior.scale_down.tolerance, spec.behavior.scale_up.tolerance
    return flags.tolerance if down is None else down, flags.tolerance if up is None else up


def _largest(spec, decision):
    """The largest wish of the metrics that work; the reason is None where none may be followed.

    A metric that failed might have asked for more, so with one missing nothing is scaled down.
    """
    replicas, name, failed = 0, "", [m for m in decision.metrics if m.error]
    for status in decision.metrics:
        if not status.error and (replicas == 0 or status.replicas > replicas):
            replicas, name = status.replicas, status.key
    error, conditions = "", {**decision.conditions, "ScalingActive": "ValidMetricFound"}
    if failed:
        count = f"{len(failed)} invalid out of {len(decision.metrics)}"
        error = f"invalid metrics ({count}), first error is: {failed[0].error}"
        if len(failed) == len(decision.metrics) or replicas < decision.before:
            conditions["ScalingActive"] = f"FailedGet{failed[0].key.split('/')[0]}Metric"
            return decision._replace(reason=None, conditions=conditions, error=error)
    wanted, reason = max(replicas, 0), ""
    if wanted != decision.before:
        reason = f"{name} above target" if wanted > decision.before else "All metrics below target"
    return decision._replace(replicas=wanted, reason=reason, conditions=conditions, error=error)


def _limited(spec, decision, now, flags):
    """The wish after stabilization windows and limits; it becomes part of the history."""
    current, wanted = decision.before, decision.replicas
    if spec.behavior is None:
        window_s = flags.downscale_stabilization_s
        settled, history = limits.stabilize(decision.history, wanted, window_s, now)
        replicas, reason = limits.limit(spec, current, settled)
        stabilized = "ScaleDownStabilized"
    else:
        settled, history = limits.stabilize_with_behavior(
            decision.history, wanted, current, _windows_s(spec, flags), now
        )
        replicas, reason = limits.limit_with_behavior(spec, current, settled, decision.events, now)
        stabilized = "ScaleUpStabilized" if wanted >= current else "ScaleDownStabilized"
    replicas = max(replicas, spec.min_replicas) if current == 0 else replicas
    conditions = {
        **decision.conditions,
        "AbleToScale": "ReadyForNewScale" if settled == wanted else stabilized,
        "ScalingLimited": reason,
    }
    return decision._replace(replicas=replicas, conditions=conditions, history=history)


def _windows_s(spec, flags):
    down = spec.behavior.scale_down.stabilization_window_s
    up = spec.behavior.scale_up.stabilization_window_s or 0
    return up, flags.downscale_stabilization_s if down is None else down


def _rescale(spec, decision, now, flags):
    """The decision with the change of size noted down, where there is one."""
    before, after = decision.before, decision.replicas
    if before == after:
        return decision
    conditions = {**decision.conditions, "AbleToScale": "SucceededRescale"}
    if flags.scale_to_zero:
        asleep = before > after == spec.min_replicas == 0 and _wakes_up(spec)
        conditions["ScaledToZero"] = "ScaledToZero" if asleep else "NotScaledToZero"
    else:
        conditions.pop("ScaledToZero", None)
    events = _recorded(spec, decision.events, after - before, now)
    below = "Current number of replicas below Spec.MinReplicas" if before == 0 else ""
    reason = decision.reason or below
    return decision._replace(conditions=conditions, events=events, reason=reason)


def _recorded(spec, events, change, now):
    if spec.behavior is None:
        return events
    if change > 0:
        up = limits.record(events.up, change, spec.behavior.scale_up, now)
        return events._replace(up=up)
    return events._replace(down=limits.record(events.down, -change, spec.behavior.scale_down, now))
