"""The autoscaler in a loop, on whatever clock: what a live run and the simulator share. Lab 09."""

import math
import time
from collections.abc import Callable, Iterator

from scaletoolkit.serving.autoscaling import limits
from scaletoolkit.serving.autoscaling.decision import Decision, Memory, reconcile
from scaletoolkit.serving.autoscaling.limits import History
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS, Flags, Spec
from scaletoolkit.serving.autoscaling.pods import Seen


class Controller:
    """Calls `reconcile` again and again, and remembers for it."""

    def __init__(self, spec: Spec, flags: Flags = FLAGS) -> None:
        self.spec = spec
        self.flags = flags
        self.memory = Memory()
        self._window_s = longest_window_s(spec, flags)

    def sync(self, seen: Seen, now_s: float) -> Decision:
        """One Decision by `reconcile`, remembered. `now_s` is in the manifest's seconds."""
        history = self.memory.history
        history = history and prune(history, now_s - self._window_s)
        memory = self.memory._replace(history=history)
        decision = reconcile(self.spec, seen, memory, now_s, self.flags)
        self.memory = decision.memory
        return decision


def longest_window_s(spec: Spec, flags: Flags) -> float:
    """How far back a recommendation can still matter, in seconds."""
    if spec.behavior is None:
        return flags.downscale_stabilization_s
    return max(limits.windows_s(spec.behavior, flags))


def prune(history: History, oldest_s: float) -> History:
    """The recommendations that can still decide anything, of a history with the oldest first.

    One between two younger ones, of which one is at least and one at most as large, is never again
    the largest or the smallest of a window. Kubernetes keeps it; no decision differs.
    """
    kept = []
    lowest = math.inf
    highest = -math.inf
    for recommendation in reversed(history):
        time_s, replicas = recommendation
        if time_s >= oldest_s and (replicas < lowest or replicas > highest):
            kept.append(recommendation)
            lowest = min(replicas, lowest)
            highest = max(replicas, highest)
    return tuple(kept[::-1])


def live(
    controller: Controller,
    read: Callable[[float], Seen],
    resize: Callable[[int], object],
    wait: Callable[[float], bool],
    speed: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Decision]:
    """Sync again and again with a running workload: yields every Decision.

    read(now_s) gives what is Seen; resize(replicas) changes the size; wait(seconds) says whether to
    stop, as `threading.Event().wait`. speed: the manifest's seconds, as now_s, in one of the clock.
    What a long sync has missed is left out: the next comes at the next multiple of the period.
    """
    start_s = clock()
    period_s = controller.flags.sync_period_s / speed
    syncs = 0
    while True:
        now_s = (clock() - start_s) * speed
        decision = controller.sync(read(now_s), now_s)
        if decision.rescaled:
            resize(decision.replicas)
        yield decision
        syncs = max(syncs, math.floor((clock() - start_s) / period_s)) + 1
        if wait(max(0.0, start_s + syncs * period_s - clock())):
            return


def time_scale(spec: Spec, speed: float) -> str:
    """How fast time runs in a live run, as a sentence; ValueError for a speed of 0 or less."""
    if not speed > 0 or not math.isfinite(speed):
        raise ValueError(f"speed must be a positive number, got {speed}")
    window_s = longest_window_s(spec, FLAGS)
    return (
        f"Time runs {speed:g} times as fast as in the manifest: the sync period of "
        f"{FLAGS.sync_period_s:g} s takes {FLAGS.sync_period_s / speed:g} s here, the longest "
        f"stabilization window of {window_s:g} s takes {window_s / speed:g} s."
    )
