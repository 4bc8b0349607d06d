"""One sync of the autoscaler: what is seen goes in, one decision comes out. Pure. Lab 09.

The order of the steps is that of reconcileAutoscaler in Kubernetes' horizontal.go (2026).
"""

from typing import NamedTuple

from scaletoolkit.serving.autoscaling import calculator, limits
from scaletoolkit.serving.autoscaling.limits import Events, Recommendation
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS
from scaletoolkit.serving.autoscaling.pods import active


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
    spec, pods, metrics, history, events, now, *, scale=None, conditions=None, flags=FLAGS,
    propose=calculator.propose,
):  # fmt: skip
    """What Kubernetes' HorizontalPodAutoscaler would decide at this moment: a Decision.

    spec: from `parse`. pods: a list of Pod. metrics: {metric key: reading}; a key that is missing,
    or a sentence in place of a reading, is a metric that failed. history: the Recommendations so
    far, None for a controller that has just started. events: the Events so far. now: seconds on
    the clock that all other times are on. scale: a Scale, by default the number of active pods.
    conditions: those of the decision before; only ScaledToZero matters. Nothing that is passed in
    is changed, and the same arguments always give the same decision. propose: what asks one metric;
    a Controller's remembers.
    """
    if scale is None:
        scale = Scale(active(pods), active(pods))
    if history is None:
        history = (Recommendation(now, scale[0]),)
    known = dict(conditions or {}, AbleToScale="SucceededGetScale")
    seen = Decision(scale[0], scale[0], "", known, tuple(history), events or Events())
    decision = _outside(spec, seen, flags)
    if decision is None:
        decision = _by_metrics(spec, seen, (pods, metrics, scale), (now, flags), propose)
    return decision if decision.replicas == scale[0] else _noted(spec, decision, now, flags)


def _by_metrics(spec, seen, observed, moment, propose):
    """The decision that follows the metrics, or the size as it is where they forbid to act."""
    pods, metrics, scale = observed
    tolerances, statuses = _tolerances(spec, moment[1]), []
    for metric in spec.metrics:
        reading = metrics.get(metric.key)
        statuses.append(propose(metric, pods, reading, scale, tolerances, *moment))
    wanted, reason, error = _largest(statuses, seen.before, seen.conditions)
    replicas, history = seen.before, seen.history
    if wanted is not None:
        replicas, history = _limited(spec, seen, wanted, *moment)
    return Decision(
        seen.before, replicas, reason, seen.conditions, history, seen.events, tuple(statuses), error
    )


def _outside(spec, seen, flags):
    """The decision where no metric is asked: size 0 by hand, above max, below min; else None."""
    if seen.before > spec.max_replicas:
        reason = "Current number of replicas above Spec.MaxReplicas"
        return seen._replace(replicas=spec.max_replicas, reason=reason)
    if seen.before == 0:
        asleep = flags.scale_to_zero and seen.conditions.get("ScaledToZero") == "ScaledToZero"
        if asleep and (spec.min_replicas != 0 or _wakes_up(spec)):
            return None
        seen.conditions["ScalingActive"] = "ScalingDisabled"
        if not flags.scale_to_zero:
            seen.conditions.pop("ScaledToZero", None)
        return seen
    if seen.before < spec.min_replicas:
        reason = "Current number of replicas below Spec.MinReplicas"
        return seen._replace(replicas=spec.min_replicas, reason=reason)
    return None


def _wakes_up(spec):
    """Only a metric that lives outside the pods can see work while there is no pod."""
    return any(metric.type in ("Object", "External") for metric in spec.metrics)


def _tolerances(spec, flags):
    """(down, up) as fractions: the flag's, or the manifest's own."""
    default = flags.tolerance
    if spec.behavior is None or not flags.configurable_tolerance:
        return default, default
    down, up = spec.behavior.scale_down.tolerance, spec.behavior.scale_up.tolerance
    return default if down is None else down, default if up is None else up


def _largest(statuses, current, conditions):
    """(the largest wish of the metrics that work, its reason, the error of those that do not).

    A metric that failed might have asked for more, so with one missing nothing is scaled down: the
    wish is then None. Sets the condition ScalingActive.
    """
    wanted, key, failed = 0, "", []
    for status in statuses:
        if status.error:
            failed.append(status)
        elif wanted == 0 or status.replicas > wanted:
            wanted, key = status.replicas, status.key
    conditions["ScalingActive"], error = "ValidMetricFound", ""
    if failed:
        count = f"{len(failed)} invalid out of {len(statuses)}"
        error = f"invalid metrics ({count}), first error is: {failed[0].error}"
        if len(failed) == len(statuses) or wanted < current:
            conditions["ScalingActive"] = f"FailedGet{failed[0].key.split('/')[0]}Metric"
            return None, "", error
    if wanted > current:
        return wanted, f"{key} above target", error
    return max(wanted, 0), "All metrics below target" if wanted < current else "", error


def _limited(spec, seen, wanted, now, flags):
    """(the wish after stabilization windows and limits, the history with the wish in it)."""
    current = seen.before
    if spec.behavior is None:
        window_s = flags.downscale_stabilization_s
        settled, history = limits.stabilize(seen.history, wanted, window_s, now)
        replicas, reason = limits.limit(spec, current, settled)
    else:
        windows_s = _windows_s(spec, flags)
        settled, history = limits.stabilize_with_behavior(
            seen.history, wanted, current, windows_s, now
        )
        replicas, reason = limits.limit_with_behavior(spec, current, settled, seen.events, now)
    able = "ReadyForNewScale"
    if settled != wanted:
        up = spec.behavior is not None and wanted >= current
        able = "ScaleUpStabilized" if up else "ScaleDownStabilized"
    seen.conditions["AbleToScale"], seen.conditions["ScalingLimited"] = able, reason
    return max(replicas, spec.min_replicas) if current == 0 else replicas, history


def _windows_s(spec, flags):
    """(up, down) in seconds."""
    down = spec.behavior.scale_down.stabilization_window_s
    up = spec.behavior.scale_up.stabilization_window_s or 0
    return up, flags.downscale_stabilization_s if down is None else down


def _noted(spec, decision, now, flags):
    """The decision with its change of size noted down."""
    before, after, conditions = decision.before, decision.replicas, decision.conditions
    conditions["AbleToScale"] = "SucceededRescale"
    if flags.scale_to_zero:
        asleep = before > after == spec.min_replicas == 0 and _wakes_up(spec)
        conditions["ScaledToZero"] = "ScaledToZero" if asleep else "NotScaledToZero"
    else:
        conditions.pop("ScaledToZero", None)
    below = "Current number of replicas below Spec.MinReplicas" if before == 0 else ""
    events = _recorded(spec, decision.events, after - before, now)
    return decision._replace(events=events, reason=decision.reason or below)


def _recorded(spec, events, change, now):
    if spec.behavior is None:
        return events
    if change > 0:
        up = limits.record(events.up, change, spec.behavior.scale_up, now)
        return events._replace(up=up)
    return events._replace(down=limits.record(events.down, -change, spec.behavior.scale_down, now))
