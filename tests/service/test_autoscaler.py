"""Kubernetes' controller beside a real server: what it sees, and that sizes follow. Lab 09."""

import threading
import time
from dataclasses import replace

import pytest

from scaletoolkit import service
from scaletoolkit.service.autoscaler import Autoscaler, View
from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling.pods import active, group_pods

QUEUE = autoscaling.Metric(
    "Pods/inference_queue_length", "Pods", "inference_queue_length", "AverageValue", 2_000
)
CPU = autoscaling.Metric("Resource/cpu", "Resource", "cpu", "Utilization", 70)
SPEC = autoscaling.Spec("s", "Deployment d", 1, 3, (CPU, QUEUE))


def observation(states, queue_length=6.0, cpu_milli=50.0):
    replicas = [
        {"name": f"replica-{n}", "pid": n, "state": state, "provider": "", "cpu_milli": cpu_milli}
        for n, state in enumerate(states)
    ]
    return service.Observation(1.0, queue_length, 1.0, len(states), replicas)


def test_the_queue_is_shared_among_the_ready_and_cpu_is_each_ones_own():
    seen = View(SPEC, 100)(observation(["ready", "ready", "starting"]), 0.0)
    assert [pod.phase for pod in seen.pods] == ["Running", "Running", "Pending"]
    assert [pod.ready for pod in seen.pods] == [True, True, False]
    assert seen.metrics["Pods/inference_queue_length"] == {"replica-0": 3000, "replica-1": 3000}
    assert [sample.value_milli for sample in seen.metrics["Resource/cpu"].values()] == [50, 50]
    assert seen.pods[0].requests_milli == {"server": {"cpu": 100}}


def test_containers_share_what_a_replica_uses_as_they_share_what_it_asks_for():
    metrics = tuple(
        autoscaling.Metric(f"C/{name}", "ContainerResource", "cpu", "Utilization", 70, name)
        for name in ("server", "proxy")
    )
    seen = View(autoscaling.Spec("s", "d", 1, 3, metrics), 100)(observation(["ready"]), 0.0)
    assert seen.pods[0].requests_milli == {"server": {"cpu": 50}, "proxy": {"cpu": 50}}
    assert seen.metrics["C/proxy"]["replica-0"].value_milli == 25


def test_a_replica_counts_for_cpu_once_a_whole_period_lies_behind_it():
    view = View(SPEC, 100, speed=15)
    counted = []
    for now_s, state in [(0.0, "starting"), (15.0, "ready"), (30.0, "ready")]:
        seen = view(observation(["ready", state]), now_s)
        cpu = seen.metrics["Resource/cpu"]
        groups = group_pods(seen.pods, cpu, "cpu", now_s, autoscaling.FLAGS)
        counted.append([pod.name for pod in groups.ready])
    assert counted == [["replica-0"], ["replica-0"], ["replica-0", "replica-1"]]


def test_replicas_that_leave_do_not_count():
    assert active(View(SPEC, 100)(observation(["ready", "draining"]), 0.0).pods) == 1


def test_the_size_is_what_was_asked_for_also_while_pods_are_missing():
    seen = View(SPEC, 100)(replace(observation(["ready", "draining"]), wanted=3), 0.0)
    assert seen.scale == (3, 1)
    assert autoscaling.reconcile(SPEC, seen, autoscaling.Memory(), 0.0).before == 3


def test_in_flight_is_what_waits_or_is_worked_on():
    metric = autoscaling.Metric("External/in_flight", "External", "in_flight", "Value", 1000)
    spec = autoscaling.Spec("s", "Deployment d", 1, 3, (metric,))
    seen = View(spec, 100)(observation(["ready"], queue_length=6.0), 0.0)
    assert seen.metrics == {metric.key: 7000}


def test_what_the_server_does_not_measure_is_a_metric_that_failed():
    metric = autoscaling.Metric("External/rps", "External", "rps", "Value", 1000)
    spec = autoscaling.Spec("s", "Deployment d", 1, 3, (metric,))
    seen = View(spec, 100)(observation(["ready"]), 0.0)
    decision = autoscaling.reconcile(spec, seen, autoscaling.Memory(), 0.0)
    assert "the server does not measure requests_per_s" in decision.error


def ask_until(stopped, server):
    while not stopped.is_set():
        server.predict([[0.0] * 64] * 8)


@pytest.fixture
def server(digits_model):
    options = {"accelerator_ms": (50, 0), "max_batch_size": 1, "period_s": 0.2}
    with service.start(digits_model, **options) as server:
        yield server


def test_the_size_follows_the_load_up_and_down(server):
    stopped = threading.Event()
    sizes = []
    flags = autoscaling.FLAGS._replace(sync_period_s=15, downscale_stabilization_s=30)
    clients = [threading.Thread(target=ask_until, args=(stopped, server)) for _ in range(4)]
    with Autoscaler(server, SPEC, speed=75, flags=flags) as autoscaler:
        for client in clients:
            client.start()
        for wanted in (3, 1):
            end_s = time.monotonic() + 60
            while server.metrics()["replicas_wanted"] != wanted and time.monotonic() < end_s:
                time.sleep(0.05)
            sizes.append(server.metrics()["replicas_wanted"])
            stopped.set()
    for client in clients:
        client.join()
    assert sizes == [3, 1]
    assert {row["replicas"] for row in autoscaler.rows} >= {1, 3}
    assert len(autoscaler.rows) == len(autoscaler.decisions)


def test_a_server_that_is_gone_ends_it_and_is_said(server):
    autoscaler = Autoscaler(server, SPEC, speed=150)
    server.close()
    with pytest.raises(service.ServerError, match="The server has ended"):
        autoscaler.stop()
