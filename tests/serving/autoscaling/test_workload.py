"""Replicas that serve as a fluid, and the signals that feed metrics. Lab 09."""

import pytest
from situations import OUTSIDE, QUEUE

from scaletoolkit.serving.autoscaling import Capacity, Spec
from scaletoolkit.serving.autoscaling.signals import wire
from scaletoolkit.serving.autoscaling.workload import Workload


def test_a_new_replica_serves_after_its_start_up_and_the_starting_ones_go_first():
    workload = Workload(Capacity(requests_per_s=100, start_up_s=2.5), 1)
    workload.resize(3)
    assert workload.advance(300.0, 2.0) == pytest.approx(200)
    assert workload.advance(300.0, 1.0) == pytest.approx(50 + 150)
    workload.resize(5)
    workload.resize(2)
    assert (workload.ready, workload.replicas, list(workload.starting)) == (2, 2, [])


def test_the_gauge_is_averaged_over_the_sync_period():
    workload = Workload(Capacity(requests_per_s=100, service_s=0.1), 1)
    workload.advance(200.0, 10.0)
    workload.advance(0.0, 10.0)
    metrics = workload.observe({QUEUE: "queue_length", OUTSIDE: "cpu"}).metrics
    assert metrics == {"Pods/queue": {"ready": 500_000}, "External/work": 1000}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Capacity(requests_per_s=0), "requests_per_s must be positive, got 0"),
        (lambda: Capacity(start_up_s=-1), "must not be negative, got -1"),
        (lambda: wire(Spec("s", "d", 1, 2, (OUTSIDE,))), "External/work: say which signal"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
