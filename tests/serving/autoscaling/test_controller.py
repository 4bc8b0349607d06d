"""Reconcile in a loop: what a controller remembers, its period, its clock. Lab 09."""

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving.autoscaling.situations import OUTSIDE, SPEC, alike, specs

from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling import Controller, Memory, Metric, Pod, Seen, Spec, reconcile
from scaletoolkit.serving.autoscaling.controller import prune
from scaletoolkit.serving.autoscaling.limits import Recommendation
from scaletoolkit.serving.autoscaling.manifest.spec import DEFAULT_DOWN, DEFAULT_UP, Behavior
from scaletoolkit.serving.autoscaling.pods import Scale


@given(st.integers(2, 20), st.integers(0, 600))
def test_at_its_target_a_workload_stays_as_it_is(count, seconds):
    controller = Controller(SPEC)
    for now_s in (0, seconds, 2 * seconds):
        decision = controller.sync(alike(count), now_s)
        assert (decision.replicas, decision.rescaled) == (count, False)


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [(None, [2, 4, 8, 16, 20]), (Behavior(DEFAULT_UP, DEFAULT_DOWN), [2, 6, 12, 20])],
)
def test_the_model_server_grows_as_on_a_cluster(behavior, expected):
    controller = Controller(replace(SPEC, behavior=behavior))
    sizes = [2]
    for now_s in itertools.count(0, 15):
        sizes.append(controller.sync(alike(sizes[-1], 900, 35_000), now_s).replicas)
        if sizes[-1] == 20:
            break
    assert sizes == expected


@settings(max_examples=50)
@given(specs(), st.lists(st.tuples(st.integers(0, 120), st.integers(0, 60)), max_size=40))
def test_pruning_the_history_changes_no_decision(spec, steps):
    spec = replace(spec, max_replicas=30, metrics=(OUTSIDE,))
    controller = Controller(spec)
    memory = Memory()
    now_s = 0.0
    size = 5
    for gap_s, load in steps:
        now_s += gap_s
        seen = Seen([], {"External/work": load * 1000}, Scale(size, size))
        by_hand = reconcile(spec, seen, memory, now_s)
        assert controller.sync(seen, now_s).replicas == by_hand.replicas
        memory = by_hand.memory
        size = by_hand.replicas


@pytest.mark.parametrize("behavior", [None, Behavior(DEFAULT_UP, DEFAULT_DOWN)])
def test_a_day_of_pruning_changes_no_decision(behavior):
    spec = replace(SPEC, max_replicas=500, metrics=(OUTSIDE,), behavior=behavior)
    random = np.random.default_rng(1)
    loads = 1_000_000 + 900_000 * np.sin(np.arange(5760) / 300) * random.uniform(0.9, 1, 5760)
    controller = Controller(spec)
    memory = Memory()
    size = 200
    for sync, load_milli in enumerate(loads.astype(int).tolist()):
        seen = Seen([], {"External/work": load_milli}, Scale(size, size))
        by_hand = reconcile(spec, seen, memory, 15.0 * sync)
        assert controller.sync(seen, 15.0 * sync).replicas == by_hand.replicas
        memory = by_hand.memory
        size = by_hand.replicas


def test_pruning_keeps_what_a_window_may_still_ask_for():
    log = tuple(Recommendation(time_s, n) for time_s, n in enumerate([9, 3, 8, 5, 5, 6, 4]))
    assert [wish.replicas for wish in prune(log, 1)] == [3, 8, 6, 4]


def test_a_history_does_not_grow_for_ever():
    controller = Controller(SPEC)
    for sync in range(1000):
        controller.sync(alike(5), 15.0 * sync)
    assert len(controller.memory.history) < 50


def test_the_larger_wish_of_two_metrics_of_one_resource_decides():
    shares = Metric("Resource/memory", "Resource", "memory", "Utilization", 80)
    bytes_each = Metric("Resource/memory", "Resource", "memory", "AverageValue", 300)
    spec = Spec("s", "Deployment d", 1, 20, (shares, bytes_each))
    pods = [Pod(name, requests_milli={"server": {"memory": 1000}}) for name in "abc"]
    seen = Seen(pods, {"Resource/memory": dict.fromkeys("abc", 700)})
    assert Controller(spec).sync(seen, 0.0).replicas == 6  # 7, at most twice as many
    assert [status.replicas for status in Controller(spec).sync(seen, 0.0).metrics] == [3, 7]


class VirtualClock:
    """Seconds that pass only while somebody waits."""

    def __init__(self, syncs):
        self.now_s = 100.0
        self.left = syncs

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.now_s += seconds
        self.left -= 1
        return self.left == 0


def test_the_live_loop_keeps_its_period_and_its_time_scale():
    clock = VirtualClock(syncs=4)
    sizes = [2]
    moments = []

    def read(now_s):
        moments.append(now_s)
        clock.now_s += 0.25  # reading takes its time
        return alike(sizes[-1], 900, 35_000)

    controller = Controller(SPEC)
    decisions = list(
        autoscaling.live(controller, read, sizes.append, clock.wait, speed=15, clock=clock)
    )
    assert moments == pytest.approx([0, 15, 30, 45])
    assert sizes == [2, 4, 8, 16, 20]
    assert [decision.replicas for decision in decisions] == sizes[1:]


def test_syncs_that_a_long_one_has_missed_are_not_made_up_for():
    clock = VirtualClock(syncs=3)
    moments = []

    def read(now_s):
        moments.append(now_s)
        clock.now_s += 0.25 if now_s else 2.5  # the first takes two and a half periods
        return alike(2)

    assert list(autoscaling.live(Controller(SPEC), read, None, clock.wait, 15, clock))
    assert moments == pytest.approx([0, 45, 60])


def test_the_live_loop_ends_when_it_is_told_to():
    stop = threading.Event()
    decisions = autoscaling.live(
        Controller(SPEC), lambda now_s: alike(2), None, stop.wait, speed=1e4
    )
    assert next(decisions).replicas == next(decisions).replicas == 2
    stop.set()
    assert list(decisions) == []


def test_the_time_scale_is_said_in_a_sentence():
    assert autoscaling.time_scale(SPEC, 15) == (
        "Time runs 15 times as fast as in the manifest: the sync period of 15 s takes 1 s here, "
        "the longest stabilization window of 300 s takes 20 s."
    )
    with pytest.raises(ValueError, match="positive number, got 0"):
        autoscaling.time_scale(SPEC, 0)
