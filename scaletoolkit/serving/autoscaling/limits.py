"""From what the metrics ask for to what may be done now: windows, rates, min and max. Lab 09.

Two rule books stand side by side, as in Kubernetes' horizontal.go (2026): one for a manifest
without `behavior`, one for a manifest with it. Logs are tuples; every function returns a new one.
"""

import math
from typing import NamedTuple, TypeAlias, TypeVar

from scaletoolkit.serving.autoscaling.calculator import INT32_MAX
from scaletoolkit.serving.autoscaling.manifest.spec import Behavior, Flags, Rules, Spec

Entry = TypeVar("Entry")


class Recommendation(NamedTuple):
    """What the metrics asked for at a moment, before any limit."""

    time_s: float
    replicas: int


class ScaleEvent(NamedTuple):
    """A change of size by `change` replicas; outdated ones wait to be overwritten."""

    time_s: float
    change: int
    outdated: bool = False


History: TypeAlias = tuple[Recommendation, ...]
Log: TypeAlias = tuple[ScaleEvent, ...]


class Events(NamedTuple):
    """The log of size changes in each direction."""

    up: Log = ()
    down: Log = ()


def windows_s(behavior: Behavior, flags: Flags) -> tuple[float, float]:
    """(up, down) of the manifest; the flag's for the way down where the manifest has none."""
    down_s = behavior.scale_down.stabilization_window_s
    up_s = behavior.scale_up.stabilization_window_s or 0
    return up_s, flags.downscale_stabilization_s if down_s is None else down_s


def stabilize(history: History, wanted: int, window_s: float, now_s: float) -> tuple[int, History]:
    """Without behavior: (the largest recommendation of the last `window_s`, the new history)."""
    cutoff_s = now_s - window_s
    largest = wanted
    stale = None
    for index, (time_s, replicas) in enumerate(history):
        if time_s < cutoff_s:
            stale = index
        elif replicas > largest:
            largest = replicas
    return largest, _put(history, stale, Recommendation(now_s, wanted))


def stabilize_with_behavior(
    history: History, wanted: int, current: int, windows_s: tuple[float, float], now_s: float
) -> tuple[int, History]:
    """With behavior: (current, moved only as far as both windows agree, the new history).

    windows_s: (up, down). Up goes to the smallest of the one, down to the largest of the other.
    """
    up_s, down_s = windows_s
    up_cutoff_s = now_s - up_s
    down_cutoff_s = now_s - down_s
    lowest = wanted
    highest = wanted
    stale = None
    for index, (time_s, replicas) in enumerate(history):
        if time_s > up_cutoff_s and replicas < lowest:
            lowest = replicas
        if time_s > down_cutoff_s and replicas > highest:
            highest = replicas
        if time_s < up_cutoff_s and time_s < down_cutoff_s:
            stale = index
    settled = min(max(current, lowest), highest)
    return settled, _put(history, stale, Recommendation(now_s, wanted))


def _put(log: tuple[Entry, ...], index: int | None, entry: Entry) -> tuple[Entry, ...]:
    """The log with the entry at `index`, or at its end when the index is None."""
    if index is None:
        return (*log, entry)
    return (*log[:index], entry, *log[index + 1 :])


def limit(spec: Spec, current: int, wanted: int) -> tuple[int, str]:
    """Without behavior: (replicas, reason), at most double or four, within min and max."""
    rate = max(2 * current, 4)
    if wanted < spec.min_replicas:
        return spec.min_replicas, "TooFewReplicas"
    if wanted <= min(rate, spec.max_replicas):
        return wanted, "DesiredWithinRange"
    if rate < spec.max_replicas:
        return rate, "ScaleUpLimit"
    return spec.max_replicas, "TooManyReplicas"


def limit_with_behavior(
    spec: Spec, current: int, wanted: int, events: Events, now_s: float
) -> tuple[int, str]:
    """With behavior: (replicas, reason), as far as the policies of this direction allow."""
    assert spec.behavior is not None
    if wanted > current:
        most = max(scale_up_limit(spec.behavior.scale_up, current, events, now_s), current)
        if wanted > min(most, spec.max_replicas):
            if most < spec.max_replicas:
                return most, "ScaleUpLimit"
            return spec.max_replicas, "TooManyReplicas"
    elif wanted < current:
        least = min(scale_down_limit(spec.behavior.scale_down, current, events, now_s), current)
        if wanted < max(least, spec.min_replicas):
            if least > spec.min_replicas:
                return least, "ScaleDownLimit"
            return spec.min_replicas, "TooFewReplicas"
    return wanted, "DesiredWithinRange"


def scale_up_limit(rules: Rules, current: int, events: Events, now_s: float) -> int:
    """The most replicas that the policies allow now; percentages are rounded up."""
    sizes = _allowed(rules, current, events, now_s, direction=1)
    return min(INT32_MAX, min(sizes) if rules.select_policy == "Min" else max(sizes))


def scale_down_limit(rules: Rules, current: int, events: Events, now_s: float) -> int:
    """The fewest replicas that the policies allow now; percentages are cut off."""
    sizes = _allowed(rules, current, events, now_s, direction=-1)
    return max(sizes) if rules.select_policy == "Min" else min(sizes)


def _allowed(rules: Rules, current: int, events: Events, now_s: float, direction: int) -> list[int]:
    """The size that each policy allows now, up (direction 1) or down (-1)."""
    if rules.select_policy == "Disabled":
        return [current]
    whole = math.ceil if direction > 0 else math.trunc
    sizes = []
    for policy in rules.policies:
        added = replica_change(events.up, policy.period_s, now_s)
        start = current - added + replica_change(events.down, policy.period_s, now_s)
        if policy.type == "Pods":
            sizes.append(start + direction * policy.value)
        else:
            sizes.append(whole(start * (1 + direction * policy.value / 100)))
    return sizes


def replica_change(log: Log, period_s: float, now_s: float) -> int:
    """The replicas that a log of ScaleEvents added up to within the last `period_s`."""
    cutoff_s = now_s - period_s
    return sum(event.change for event in log if event.time_s > cutoff_s)


def record(log: Log, change: int, rules: Rules, now_s: float) -> Log:
    """The log with this change; it takes the place of the last outdated one."""
    cutoff_s = now_s - max((policy.period_s for policy in rules.policies), default=0)
    marked = tuple(e._replace(outdated=True) if e.time_s < cutoff_s else e for e in log)
    outdated = [index for index, event in enumerate(marked) if event.outdated]
    return _put(marked, outdated[-1] if outdated else None, ScaleEvent(now_s, change))
