"""Replicas that serve as a fluid, and the signals that feed metrics. Lab 09."""

import pytest
from serving.autoscaling.situations import CPU, OUTSIDE, QUEUE

from scaletoolkit.serving.autoscaling import Capacity, Metric, Spec
from scaletoolkit.serving.autoscaling.signals import guess, wire
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


@pytest.mark.parametrize(("load", "percent"), [(0.1, 40), (0.2, 80), (0.5, 100), (1.0, 100)])
def test_with_batches_the_cpu_is_used_up_long_before_the_replica(load, percent):
    assert 100 * Capacity(cpu_alone=4).cpu(load) == pytest.approx(percent)
    assert 100 * Capacity(cpu_alone=4, cpu_full=2).cpu(load) == pytest.approx(2 * percent)
    workload = Workload(Capacity(100, cpu_alone=4), 2)
    workload.advance(200 * load, 15.0)
    assert workload.observe({CPU: "cpu"}).metrics["Resource/cpu"] == {"ready": 10 * percent}


def test_a_constant_is_read_in_the_unit_of_its_target():
    memory = Metric("Resource/memory", "Resource", "memory", "Utilization", 80)
    workload = Workload(Capacity(), 2)
    workload.advance(10.0, 15.0)
    seen = workload.observe({memory: 60.0, OUTSIDE: 7.0})
    assert seen.metrics == {"Resource/memory": {"ready": 600}, "External/work": 7000}
    assert seen.pods[0].requests_milli == {"server": {"cpu": 1000, "memory": 1000}}


def test_what_waited_for_pods_that_stop_is_sent_to_the_others():
    workload = Workload(Capacity(100, start_up_s=0), 1, shared=False)
    workload.advance(300.0, 1.0)
    workload.resize(2)
    workload.advance(400.0, 1.0)
    assert [(lane.replicas, lane.queue) for lane in workload.lanes] == [(1, 300), (1, 100)]
    workload.resize(1)
    assert [(lane.replicas, lane.queue) for lane in workload.lanes] == [(1, 400)]


GUESSES = {
    "queue_length": "inference_queue_length vllm:num_requests_waiting nv_pending_requests "
    "rabbitmq_queue_messages_ready worker.backlog",
    "in_flight": "vllm:num_requests_running web_active_requests in_flight_requests concurrency",
    "requests_per_s": "http_requests http_requests_per_second rps web.qps requestsPerSecond",
    "": "error_rate tokens_generated queue_latency_seconds avg_time_queue_us request_duration_ms "
    "DCGM_FI_DEV_GPU_UTIL http_requests_total sqs_messages_visible rate kafka_lag queue_age",
}


@pytest.mark.parametrize(
    ("name", "signal"), [(name, signal) for signal in GUESSES for name in GUESSES[signal].split()]
)
def test_a_name_says_its_signal_or_is_asked_for(name, signal):
    assert guess(name) == signal
