"""The autoscaler in a loop, on whatever clock: what a live run and the simulator share. Lab 09."""

import math
import time

from scaletoolkit.serving.autoscaling.calculator import Proposer
from scaletoolkit.serving.autoscaling.decision import reconcile
from scaletoolkit.serving.autoscaling.limits import Events
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS


class Controller:
    """Remembers between two syncs what `reconcile` must be told again."""

    def __init__(self, spec, flags=FLAGS):
        self.spec, self.flags = spec, flags
        self.history, self.events, self.conditions = None, Events(), {}
        self._window_s, self._propose = longest_window_s(spec, flags), Proposer()

    def sync(self, pods, metrics, now, scale=None):
        """One Decision by `reconcile`, remembered. `now` is in the manifest's seconds."""
        history = self.history and prune(self.history, now - self._window_s)
        decision = reconcile(
            self.spec, pods, metrics, history, self.events, now,
            scale=scale, conditions=self.conditions, flags=self.flags, propose=self._propose,
        )  # fmt: skip
        self.history, self.events = decision.history, decision.events
        self.conditions = decision.conditions
        return decision


def longest_window_s(spec, flags):
    """How far back a recommendation can still matter, in seconds."""
    if spec.behavior is None:
        return flags.downscale_stabilization_s
    windows = [rules.stabilization_window_s for rules in spec.behavior]
    return max(flags.downscale_stabilization_s if w is None else w for w in windows)


def prune(history, oldest_s):
    """The recommendations that can still decide anything, oldest first.

    A recommendation between two younger ones, one at least as large and one at most as large, is
    never again the largest or the smallest of a window. Kubernetes keeps it; no decision differs.
    """
    kept, lowest, highest = [], math.inf, -math.inf
    for one in reversed(history):
        time_s, replicas = one
        if time_s >= oldest_s and (replicas < lowest or replicas > highest):
            kept.append(one)
            lowest = replicas if replicas < lowest else lowest
            highest = replicas if replicas > highest else highest
    return tuple(kept[::-1])


def live(controller, read, resize, wait, speed=1.0, clock=time.monotonic):
    """Sync again and again with a running workload: yields every Decision.

    read(now) gives (pods, metrics), where a metric that cannot be read is a sentence. resize
    (replicas) is called when the size must change. wait(seconds) waits and says whether to stop:
    `threading.Event().wait` fits. speed: how many of the manifest's seconds pass in one second of
    the clock; all times handed over are in the manifest's seconds, counted from the start.
    """
    start, period_s, syncs = clock(), controller.flags.sync_period_s / speed, 0
    while True:
        now = (clock() - start) * speed
        pods, metrics = read(now)
        decision = controller.sync(pods, metrics, now)
        if decision.rescaled:
            resize(decision.replicas)
        yield decision
        syncs += 1
        if wait(max(0.0, start + syncs * period_s - clock())):
            return


def time_scale(spec, speed, flags=FLAGS):
    """The sentence that says how fast time runs in a live run, and what that makes of the spec."""
    if not speed > 0 or not math.isfinite(speed):
        raise ValueError(f"speed must be a positive number, got {speed}")
    window_s = longest_window_s(spec, flags)
    return (
        f"Time runs {speed:g} times as fast as in the manifest: the sync period of "
        f"{flags.sync_period_s:g} s takes {flags.sync_period_s / speed:g} s here, the longest "
        f"stabilization window of {window_s:g} s takes {window_s / speed:g} s."
    )
