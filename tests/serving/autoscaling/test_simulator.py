"""The simulator: the same decisions as by hand, no request lost, waits as by formula. Lab 09."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from situations import SPEC, fixed

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
