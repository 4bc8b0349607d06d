"""The simulator: the same decisions as by hand, no request lost, waits as by formula. Lab 09."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving.autoscaling.situations import CPU, SPEC, fixed

from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling import Capacity, Flags, Memory, Metric, Spec, reconcile
from scaletoolkit.serving.autoscaling.manifest.spec import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    Behavior,
    Policy,
)
from scaletoolkit.serving.autoscaling.signals import containers, wire
from scaletoolkit.serving.autoscaling.workload import Workload

SLOW_UP = DEFAULT_UP._replace(policies=(Policy("Pods", 2, 60),), stabilization_window_s=30)


def waves(seconds, seed=1):
    """Two waves of traffic with noise, in requests a second."""
    noise = np.random.default_rng(seed).normal(0, 15, seconds)
    return np.clip(300 * (1 - np.cos(np.arange(seconds) * 4 * np.pi / seconds)) + noise, 0, None)


@pytest.mark.parametrize("behavior", [None, Behavior(SLOW_UP, DEFAULT_DOWN)])
def test_the_simulator_decides_as_reconcile_by_hand(behavior):
    spec = replace(SPEC, behavior=behavior)
    rates = waves(3000)
    flags = Flags(sync_period_s=1)
    capacity = Capacity(start_up_s=20)
    workload = Workload(capacity, 2, containers=containers(spec))
    memory = Memory()
    sizes = []
    for rate in rates.tolist():
        workload.advance(rate, 1.0)
        decision = reconcile(spec, workload.observe(wire(spec)), memory, workload.now_s, flags)
        memory = decision.memory
        workload.resize(decision.replicas)
        sizes.append(decision.replicas)
    replay = autoscaling.simulate(spec, rates, capacity, flags)
    assert replay.replicas.tolist() == sizes
    assert replay.syncs == len(rates)
    assert max(sizes) > 10


@given(st.lists(st.floats(0, 500), min_size=1, max_size=60))
def test_every_request_is_served_or_waiting(rates):
    replay = autoscaling.simulate(SPEC, rates, Capacity(start_up_s=7.5))
    accounted = replay.served.sum() + replay.queue[-1]
    assert accounted == pytest.approx(replay.requests, abs=1e-6)
    assert 0 <= replay.over_objective(0.5) <= replay.requests * (1 + 1e-9) + 1e-6


@pytest.mark.parametrize("waited_s", [0.5, 3.0, 9.5])
def test_requests_over_the_objective_as_by_the_formula(waited_s):
    """Twice the capacity for 10 s: who arrives at t waits t, so 200 × (10 − w) wait over w."""
    replay = autoscaling.simulate(fixed(1), [200.0] * 10 + [0.0] * 20, Capacity(100, 0.1))
    assert replay.over_objective(0.1 + waited_s) == pytest.approx(200 * (10 - waited_s))
    assert replay.wait_s[:10] == pytest.approx(np.arange(1, 11))


def test_replica_hours_count_from_the_request_to_the_end():
    replay = autoscaling.simulate(fixed(3), [10.0] * 7200)
    assert replay.replica_hours == pytest.approx(6.0)
    assert repr(replay) == (
        "Replay: 72,000 requests in 2 simulated hours on 3 to 3 replicas, 6.0 replica-hours"
    )


def test_a_worker_sleeps_at_night_and_wakes_up():
    rate = Metric("External/requests", "External", "requests", "AverageValue", 15_000)
    spec = Spec("worker", "Deployment worker", 0, 5, (rate,))
    rates = [30.0] * 900 + [0.0] * 900 + [30.0] * 900
    replay = autoscaling.simulate(spec, rates, Capacity(20, 0.1, 5))
    assert (replay.replicas[880], replay.replicas[1790], replay.replicas[2690]) == (2, 0, 2)


@pytest.mark.parametrize(
    ("rates", "period_s", "sentence"),
    [
        ([], 15, "list of rates"),
        ([1, -1], 15, "0 or more, got -1"),
        ([1, float("nan")], 15, "0 or more, got nan"),
        ([1], 0.5, "whole number of seconds, got 0.5"),
        ([1], 2.5, "whole number of seconds, got 2.5"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_one_sentence(rates, period_s, sentence):
    with pytest.raises(ValueError, match=sentence):
        autoscaling.simulate(SPEC, rates, flags=Flags(sync_period_s=period_s))


def test_a_run_fifteen_times_as_fast_waits_a_fifteenth_in_its_own_seconds():
    """As lab 09's live run beside its twin: one unit of time, and nothing differs."""
    levels = [10.0, 120.0, 10.0]
    capacity = Capacity(20, 0.3, 15.0)
    slow = autoscaling.simulate(SPEC, np.repeat(levels, [300, 600, 600]), capacity)
    hurried = Flags(1, 20, 0.1, 20, 2)
    scaled = Capacity(300, 0.02, 1.0)
    fast = autoscaling.simulate(
        SPEC, np.repeat(np.multiply(levels, 15), [20, 40, 40]), scaled, hurried
    )
    assert fast.replicas.tolist() == slow.replicas[14::15].tolist()
    assert max(fast.replicas) > 6
    assert fast.queue == pytest.approx(slow.queue[14::15])
    assert 15 * fast.wait_s.max() == pytest.approx(slow.wait_s[14::15].max())
    assert slow.wait_s.max() > 15


def test_a_queue_in_each_pod_is_emptied_by_that_pod_alone():
    """One pod takes 100/s of 250/s for 10 s; then another takes its half of what comes."""
    up = replace(SPEC, min_replicas=1, max_replicas=4, metrics=(CPU,))
    flags = Flags(sync_period_s=10, downscale_stabilization_s=3600)
    rates = [250.0] * 40
    capacity = Capacity(100, 0.1, 0.0)
    shared = autoscaling.simulate(up, rates, capacity, flags)
    alone = autoscaling.simulate(up, rates, capacity, flags, queue="per pod")
    assert shared.replicas[9] == alone.replicas[9] == 2
    assert (shared.queue[9], alone.queue[9]) == (1500, 1500)
    assert (shared.queue[19], alone.queue[19]) == (2000, 2000)
    assert alone.lanes[19] == [(1, 1750.0), (1, 250.0)]
    assert alone.wait_s[19] == 17.5
    assert alone.lanes[29] == [(1, 2000.0), (1, 500.0)]
    assert shared.queue[29] == 2500
    assert shared.wait_s[:30].max() < alone.wait_s[:30].max() == 20


def test_late_for_counts_the_seconds_in_which_over_a_twentieth_are_late():
    replay = autoscaling.simulate(
        fixed(1), [0.0] * 5 + [200.0] * 10 + [0.0] * 20, Capacity(100, 0.1)
    )
    late = replay.late(3.1)
    assert late[:5].tolist() == [0] * 5  # nobody came: nobody was late
    assert late[5:15] == pytest.approx([0, 0, 0] + [200] * 7)
    assert replay.late_s(3.1) == 7
    assert (replay.wait_s[:5] == 0).all()


def test_old_measurements_delay_every_decision_by_their_age():
    rates = [20.0] * 300 + [300.0] * 600
    now = autoscaling.simulate(SPEC, rates)
    later = autoscaling.simulate(SPEC, rates, lag_s=30)
    assert later.replicas[330:600].tolist() == now.replicas[300:570].tolist()


def test_what_kubernetes_would_say_is_counted():
    broken = Metric("Object/Service/web/rps", "Object", "rps", "Unusable", 1)
    spec = replace(SPEC, metrics=(CPU, broken), max_replicas=4)
    notes = autoscaling.simulate(spec, [300.0] * 300).notes
    assert notes["ScalingLimited TooManyReplicas"] > 0
    assert [count for note, count in notes.items() if "neither a value" in note] == [20]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"queue": "none"}, "queue must be one of shared, per pod, got 'none'"),
        ({"start_replicas": -1}, "start_replicas must be 0 or more, got -1"),
        ({"lag_s": -1}, "lag_s must be from 0 to 600 seconds, got -1"),
        ({"lag_s": float("nan")}, "lag_s must be from 0 to 600"),
    ],
)
def test_options_that_cannot_be_are_said_in_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        autoscaling.simulate(SPEC, [1.0], **options)


def test_an_option_that_there_is_not_is_refused_by_name():
    with pytest.raises(TypeError, match=r"simulate takes start_replicas.*; got lag"):
        autoscaling.simulate(SPEC, [1.0], lag=30)
