"""From what the metrics ask for to what may be done now: windows, rates, min and max. Lab 09.

Two rule books stand side by side, as in Kubernetes' horizontal.go (2026): one for a manifest
without `behavior`, one for a manifest with it. Logs are tuples; every function returns a new one.
"""

import math
from typing import NamedTuple

from scaletoolkit.serving.autoscaling.calculator import INT32_MAX


class Recommendation(NamedTuple):
    """What the metrics asked for at a moment, before any limit."""

    time_s: float
    replicas: int


class ScaleEvent(NamedTuple):
    """A change of size by `change` replicas; outdated ones wait to be overwritten."""

    time_s: float
    change: int
    outdated: bool = False


class Events(NamedTuple):
    """The log of size changes in each direction."""

    up: tuple = ()
    down: tuple = ()


def stabilize(history, wanted, window_s, now):
    """Without behavior: (the largest recommendation of the last `window_s`, the new history)."""
    cutoff, stale, largest = now - window_s, None, wanted
    for index, (time_s, replicas) in enumerate(history):
        if time_s < cutoff:
            stale = index
        elif replicas > largest:
            largest = replicas
    return largest, _put(history, stale, Recommendation(now, wanted))


def stabilize_with_behavior(history, wanted, current, windows_s, now):
    """With behavior: (current, moved only as far as both windows agree, the new history).

    windows_s: (up, down). Up goes to the smallest recommendation of the up window, down to the
    largest of the down window.
    """
    up_cutoff, down_cutoff = now - windows_s[0], now - windows_s[1]
    lowest, highest, stale = wanted, wanted, None
    for index, (time_s, replicas) in enumerate(history):
        if time_s > up_cutoff and replicas < lowest:
            lowest = replicas
        if time_s > down_cutoff and replicas > highest:
            highest = replicas
        if time_s < up_cutoff and time_s < down_cutoff:
            stale = index
    settled = min(max(current, lowest), highest)
    return settled, _put(history, stale, Recommendation(now, wanted))


def _put(log, index, entry):
    """The log with the entry at `index`, or at its end when the index is None."""
    if index is None:
        return (*log, entry)
    return (*log[:index], entry, *log[index + 1 :])


def limit(spec, current, wanted):
    """Without behavior: (replicas, reason), at most double or four, within min and max."""
    rate = max(2 * current, 4)
    most, reason = spec.max_replicas, "TooManyReplicas"
    if most > rate:
        most, reason = rate, "ScaleUpLimit"
    if wanted < spec.min_replicas:
        return spec.min_replicas, "TooFewReplicas"
    if wanted > most:
        return most, reason
    return wanted, "DesiredWithinRange"


def limit_with_behavior(spec, current, wanted, events, now):
    """With behavior: (replicas, reason), as far as the policies of this direction allow."""
    if wanted > current:
        rate = max(scale_up_limit(spec.behavior.scale_up, current, events, now), current)
        most, reason = spec.max_replicas, "TooManyReplicas"
        if most > rate:
            most, reason = rate, "ScaleUpLimit"
        if wanted > most:
            return most, reason
    elif wanted < current:
        rate = min(scale_down_limit(spec.behavior.scale_down, current, events, now), current)
        least, reason = spec.min_replicas, "TooFewReplicas"
        if least < rate:
            least, reason = rate, "ScaleDownLimit"
        if wanted < least:
            return least, reason
    return wanted, "DesiredWithinRange"


def scale_up_limit(rules, current, events, now):
    """The most replicas that the policies allow now; percentages are rounded up."""
    if rules.select_policy == "Disabled":
        return current
    allowed = []
    for policy in rules.policies:
        start = _period_start(policy, current, events, now)
        if policy.type == "Pods":
            allowed.append(start + policy.value)
        else:
            allowed.append(math.ceil(start * (1 + policy.value / 100)))
    return min(INT32_MAX, min(allowed) if rules.select_policy == "Min" else max(allowed))


def scale_down_limit(rules, current, events, now):
    """The fewest replicas that the policies allow now; percentages are cut off."""
    if rules.select_policy == "Disabled":
        return current
    allowed = []
    for policy in rules.policies:
        start = _period_start(policy, current, events, now)
        if policy.type == "Pods":
            allowed.append(start - policy.value)
        else:
            allowed.append(int(start * (1 - policy.value / 100)))
    return max(allowed) if rules.select_policy == "Min" else min(allowed)


def _period_start(policy, current, events, now):
    """How many replicas there were when the policy's period began."""
    added = replica_change(events.up, policy.period_s, now)
    return current - added + replica_change(events.down, policy.period_s, now)


def replica_change(log, period_s, now):
    """The replicas that a log of ScaleEvents added up to within the last `period_s` (an int)."""
    cutoff = now - period_s
    return sum(event.change for event in log if event.time_s > cutoff)


def record(log, change, rules, now):
    """The log with this change; it takes the place of the last outdated one."""
    cutoff = now - max((policy.period_s for policy in rules.policies), default=0)
    marked = [event._replace(outdated=True) if event.time_s < cutoff else event for event in log]
    outdated = [index for index, event in enumerate(marked) if event.outdated]
    return _put(tuple(marked), outdated[-1] if outdated else None, ScaleEvent(now, change))
