"""The autoscaler's properties, its loop on an injected clock, and the simulator. Lab 09."""

import argparse
import copy
import itertools
import re
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit import lab
from scaletoolkit.cluster import keda, ray
from scaletoolkit.commands import hpa
from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling import (
    Behavior,
    Controller,
    Events,
    Flags,
    ManifestError,
    Metric,
    Pod,
    Policy,
    Recommendation,
    Replica,
    Rules,
    Sample,
    ScaleEvent,
    Spec,
    Workload,
    reconcile,
)
from scaletoolkit.serving.autoscaling.calculator import Proposer, propose
from scaletoolkit.serving.autoscaling.controller import prune
from scaletoolkit.serving.autoscaling.manifest.spec import DEFAULT_DOWN, DEFAULT_UP, FLAGS
from scaletoolkit.serving.autoscaling.workload import containers, wire

CPU = Metric("Resource/cpu", "Resource", "cpu", "Utilization", 70)
QUEUE = Metric("Pods/queue", "Pods", "queue", "AverageValue", 10_000)
OUTSIDE = Metric("External/work", "External", "work", "AverageValue", 5_000)
REQUESTS = {"server": {"cpu": 1000}}
SPEC = Spec("model-server-hpa", "Deployment model-server", 2, 20, (CPU, QUEUE))

policies = st.builds(
    Policy, st.sampled_from(["Pods", "Percent"]), st.integers(1, 200), st.integers(1, 600)
)
rules = st.builds(
    Rules,
    st.one_of(st.none(), st.integers(0, 600)),
    st.sampled_from(["Max", "Min", "Disabled"]),
    st.lists(policies, min_size=1, max_size=3).map(tuple),
    st.one_of(st.none(), st.floats(0, 1)),
)
times = st.integers(-900, 0)
pods = st.builds(
    Pod,
    name=st.uuids().map(str),
    phase=st.sampled_from(["Running", "Running", "Running", "Pending", "Failed"]),
    ready=st.sampled_from([True, True, False, None]),
    started_s=st.one_of(st.none(), times),
    ready_since_s=times,
    deleting=st.booleans(),
    requests_milli=st.just(REQUESTS),
    count=st.integers(1, 4),
)


@st.composite
def specs(draw):
    least = draw(st.integers(0, 10))
    most = draw(st.integers(max(1, least), 30))
    metrics = draw(st.lists(st.sampled_from([CPU, QUEUE, OUTSIDE]), min_size=1, unique=True))
    behavior = draw(st.one_of(st.none(), st.builds(Behavior, rules, rules)))
    return Spec("drawn", "Deployment drawn", least, most, tuple(metrics), behavior)


@st.composite
def situations(draw):
    """The arguments of one reconcile, with measurements that are missing here and there."""
    seen = draw(st.lists(pods, max_size=6))
    samples = {}
    for pod in seen:
        sample = st.builds(Sample, st.integers(0, 4000), times, st.integers(0, 60))
        samples[pod.name] = draw(st.one_of(st.none(), st.integers(0, 4000), sample))
    measured = {name: sample for name, sample in samples.items() if sample is not None}
    readings = {"Resource/cpu": measured, "Pods/queue": measured, "External/work": [70_000]}
    failing = draw(st.sets(st.sampled_from(sorted(readings))))
    metrics = {key: reading for key, reading in readings.items() if key not in failing}
    history = draw(st.lists(st.builds(Recommendation, times, st.integers(0, 40)), max_size=8))
    log = st.lists(st.builds(ScaleEvent, times, st.integers(1, 9)), max_size=5).map(tuple)
    return draw(specs()), seen, metrics, tuple(history), draw(st.builds(Events, log, log)), 0.0


def alike(count, cpu=700, queue=10_000):
    """`count` pods in the same state, with what they report."""
    names = [f"pod-{i}" for i in range(count)]
    seen = [Pod(name, requests_milli=REQUESTS) for name in names]
    return seen, {
        "Resource/cpu": dict.fromkeys(names, cpu),
        "Pods/queue": dict.fromkeys(names, queue),
    }


@given(situations(), st.integers(1, 40))
def test_never_outside_min_and_max(situation, current):
    spec = situation[0]
    decision = reconcile(*situation, scale=(current, current))
    assert spec.min_replicas <= decision.replicas <= spec.max_replicas


@given(situations())
def test_reconcile_is_pure(situation):
    untouched, conditions = copy.deepcopy(situation), {"ScaledToZero": "ScaledToZero"}
    first = reconcile(*situation, conditions=conditions)
    assert reconcile(*untouched, conditions=dict(conditions)) == first
    assert situation == untouched
    assert conditions == {"ScaledToZero": "ScaledToZero"}


@given(situations(), st.randoms())
def test_the_order_of_pods_and_metrics_does_not_matter(situation, random):
    spec, seen, metrics, history, events, now = situation
    shuffled = random.sample(seen, len(seen))
    turned = Spec(spec.name, spec.target, spec.min_replicas, spec.max_replicas,
                  spec.metrics[::-1], spec.behavior)  # fmt: skip
    one = reconcile(spec, seen, metrics, history, events, now)
    assert reconcile(turned, shuffled, metrics, history, events, now).replicas == one.replicas


@given(situations())
def test_a_cohort_decides_as_its_pods_one_by_one(situation):
    spec, seen, metrics, history, events, now = situation
    single = [p._replace(name=f"{p.name}/{i}", count=1) for p in seen for i in range(p.count)]
    each = {
        key: {pod.name: v for pod in single if (v := value.get(pod.name.split("/")[0])) is not None}
        if isinstance(value, dict)
        else value
        for key, value in metrics.items()
    }
    together = reconcile(spec, seen, metrics, history, events, now)
    apart = reconcile(spec, single, each, history, events, now)
    assert (apart.replicas, apart.error == "") == (together.replicas, together.error == "")


@given(st.integers(2, 20), st.integers(0, 600))
def test_at_its_target_a_workload_stays_as_it_is(count, seconds):
    controller = Controller(SPEC)
    for now in (0, seconds, 2 * seconds):
        decision = controller.sync(*alike(count), now)
        assert (decision.replicas, decision.rescaled) == (count, False)


@given(st.integers(2, 20), st.integers(0, 60_000), st.integers(0, 60_000))
def test_more_load_never_means_fewer_replicas(count, queue, more):
    def wish(level):
        return reconcile(SPEC, *alike(count, queue=level), (), Events(), 0.0).replicas

    assert wish(queue) <= wish(queue + more)


@pytest.mark.parametrize(
    ("behavior", "sizes"),
    [(None, [2, 4, 8, 16, 20]), (Behavior(DEFAULT_UP, DEFAULT_DOWN), [2, 6, 12, 20])],
)
def test_the_model_server_grows_as_on_a_cluster(behavior, sizes):
    spec = Spec(SPEC.name, SPEC.target, 2, 20, SPEC.metrics, behavior)
    controller, found = Controller(spec), [2]
    for now in itertools.count(0, 15):
        found.append(controller.sync(*alike(found[-1], 900, 35_000), now).replicas)
        if found[-1] == 20:
            break
    assert found == sizes


def test_a_decision_reads_as_a_sentence():
    decision = reconcile(SPEC, *alike(2, 900, 35_000), None, Events(), 0.0)
    assert repr(decision) == "Decision: 2 → 4 replicas (Pods/queue above target; ScaleUpLimit)"


def test_a_metric_that_fails_blocks_the_way_down_but_not_up():
    seen, metrics = alike(5, cpu=300)
    down = reconcile(SPEC, seen, metrics | {"Pods/queue": "no answer"}, (), Events(), 0.0)
    assert (down.replicas, down.conditions["ScalingActive"]) == (5, "FailedGetPodsMetric")
    assert "unable to get metric queue: no answer" in down.error
    seen, metrics = alike(5, cpu=990)
    assert reconcile(SPEC, seen, metrics | {"Pods/queue": None}, (), Events(), 0.0).replicas == 8


def test_to_zero_and_back_again():
    spec = Spec("worker", "Deployment worker", 0, 9, (OUTSIDE,))
    controller = Controller(spec, Flags(downscale_stabilization_s=0))
    assert controller.sync([Pod("a")], {"External/work": 5_000}, 0.0).replicas == 1
    asleep = controller.sync([Pod("a")], {"External/work": 0}, 15.0)
    assert (asleep.replicas, asleep.conditions["ScaledToZero"]) == (0, "ScaledToZero")
    assert controller.sync([], {"External/work": 0}, 30.0).replicas == 0
    assert controller.sync([], {"External/work": [9_000, 6_000]}, 45.0).replicas == 3
    by_hand = Controller(spec).sync([], {"External/work": 15_000}, 0.0)
    assert (by_hand.replicas, by_hand.conditions["ScalingActive"]) == (0, "ScalingDisabled")


@settings(max_examples=50)
@given(specs(), st.lists(st.tuples(st.integers(0, 120), st.integers(0, 60)), max_size=40))
def test_pruning_the_history_changes_no_decision(spec, steps):
    spec = Spec("s", "Deployment d", spec.min_replicas, 30, (OUTSIDE,), spec.behavior)
    controller, history, events, now, size = Controller(spec), None, Events(), 0.0, 5
    for gap, load in steps:
        now += gap
        reading, scale = {"External/work": load * 1000}, (size, size)
        by_hand = reconcile(spec, [], reading, history, events, now, scale=scale,
                            conditions=controller.conditions)  # fmt: skip
        assert controller.sync([], reading, now, scale).replicas == by_hand.replicas
        history, events, size = by_hand.history, by_hand.events, by_hand.replicas


def test_pruning_keeps_what_a_window_may_still_ask_for():
    log = tuple(Recommendation(t, n) for t, n in enumerate([9, 3, 8, 5, 5, 6, 4]))
    assert [one.replicas for one in prune(log, 1)] == [3, 8, 6, 4]


class VirtualClock:
    """Seconds that pass only while somebody waits."""

    def __init__(self, syncs):
        self.now, self.left = 100.0, syncs

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now, self.left = self.now + seconds, self.left - 1
        return self.left == 0


def test_the_live_loop_keeps_its_period_and_its_time_scale():
    clock, sizes, moments = VirtualClock(syncs=4), [2], []

    def read(now):
        moments.append(now)
        clock.now += 0.25  # reading takes its time
        return alike(sizes[-1], 900, 35_000)

    controller = Controller(SPEC)
    decisions = list(
        autoscaling.live(controller, read, sizes.append, clock.wait, speed=15, clock=clock)
    )
    assert moments == pytest.approx([0, 15, 30, 45])
    assert sizes == [2, 4, 8, 16, 20]
    assert [decision.replicas for decision in decisions] == sizes[1:]


def test_the_live_loop_ends_when_it_is_told_to():
    stop = threading.Event()
    decisions = autoscaling.live(Controller(SPEC), lambda now: alike(2), None, stop.wait, speed=1e4)
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


def waves(seconds, seed=1):
    """Two waves of traffic with noise, in requests a second."""
    noise = np.random.default_rng(seed).normal(0, 15, seconds)
    return np.clip(300 * (1 - np.cos(np.arange(seconds) * 4 * np.pi / seconds)) + noise, 0, None)


@pytest.mark.parametrize("behavior", [None, Behavior(DEFAULT_UP._replace(policies=(
    Policy("Pods", 2, 60),), stabilization_window_s=30), DEFAULT_DOWN)])  # fmt: skip
def test_the_simulator_decides_as_reconcile_by_hand(behavior):
    spec = Spec(SPEC.name, SPEC.target, 2, 20, SPEC.metrics, behavior)
    rates, flags, replica = waves(3000), Flags(sync_period_s=1), Replica(start_up_s=20)
    workload = Workload(replica, 2, containers=containers(spec))
    history, events, sizes = None, Events(), []
    for rate in rates.tolist():
        workload.advance(rate, 1.0)
        seen, metrics = workload.observe(wire(spec))
        decision = reconcile(spec, seen, metrics, history, events, workload.now, flags=flags)
        history, events = decision.history, decision.events
        workload.resize(decision.replicas)
        sizes.append(decision.replicas)
    found = autoscaling.simulate(spec, rates, replica, flags=flags)
    assert found.replicas.tolist() == sizes
    assert found.syncs == len(rates)
    assert max(sizes) > 10


def fixed(replicas):
    return Spec("fixed", "Deployment fixed", replicas, replicas, (CPU,))


@given(st.lists(st.floats(0, 500), min_size=1, max_size=60), st.integers(0, 400))
def test_every_request_is_served_refused_or_waiting(rates, max_queue):
    found = autoscaling.simulate(SPEC, rates, Replica(start_up_s=7.5), max_queue=max_queue)
    assert found.served.sum() + found.refused.sum() + found.queue[-1] == pytest.approx(
        found.requests, abs=1e-6
    )
    assert found.queue.max() <= max_queue
    assert 0 <= found.over_objective(0.5) <= found.requests * (1 + 1e-9) + 1e-6


@pytest.mark.parametrize("waited_s", [0.5, 3.0, 9.5])
def test_requests_over_the_objective_as_by_the_formula(waited_s):
    """Twice the capacity for 10 s: who arrives at t waits t, so 200 × (10 − w) wait over w."""
    found = autoscaling.simulate(fixed(1), [200.0] * 10 + [0.0] * 20, Replica(100, 0.1))
    assert found.over_objective(0.1 + waited_s) == pytest.approx(200 * (10 - waited_s))
    assert found.wait_s[:10] == pytest.approx(np.arange(1, 11))


def test_replica_hours_count_from_the_request_to_the_end():
    found = autoscaling.simulate(fixed(3), [10.0] * 7200)
    assert found.replica_hours == pytest.approx(6.0)
    assert repr(found) == (
        "Replay: 72,000 requests in 2 simulated hours on 3 to 3 replicas, 6.0 replica-hours"
    )


def test_a_worker_sleeps_at_night_and_wakes_up():
    rate = Metric("External/rate", "External", "rate", "AverageValue", 15_000)
    spec = Spec("worker", "Deployment worker", 0, 5, (rate,))
    rates = [30.0] * 900 + [0.0] * 900 + [30.0] * 900
    found = autoscaling.simulate(spec, rates, Replica(20, 0.1, 5))
    assert (found.replicas[880], found.replicas[1790], found.replicas[2690]) == (2, 0, 2)


def test_a_new_replica_serves_after_its_start_up_and_the_starting_ones_go_first():
    workload = Workload(Replica(requests_per_s=100, start_up_s=2.5), 1)
    workload.resize(3)
    assert workload.advance(300.0, 2.0) == pytest.approx((200, 0))
    assert workload.advance(300.0, 1.0) == pytest.approx((50 + 150, 0))
    workload.resize(5)
    workload.resize(2)
    assert (workload.ready, workload.replicas, list(workload.starting)) == (2, 2, [])


def test_the_gauge_is_averaged_over_the_sync_period():
    workload = Workload(Replica(requests_per_s=100, service_s=0.1), 1)
    workload.advance(200.0, 10.0)
    workload.advance(0.0, 10.0)
    metrics = workload.observe([("Pods/queue", "Pods", "queue_length"), ("e", "External", "cpu")])[
        1
    ]
    assert metrics == {"Pods/queue": {"ready": 500_000}, "e": 1000}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: autoscaling.simulate(SPEC, []), "list of rates"),
        (lambda: autoscaling.simulate(SPEC, [1, -1]), "0 or more"),
        (lambda: autoscaling.simulate(SPEC, [1], tick_s=4), "whole number of ticks, got 15 s"),
        (lambda: Replica(requests_per_s=0), "requests_per_s must be positive, got 0"),
        (lambda: Replica(start_up_s=-1), "must not be negative, got -1"),
        (lambda: wire(Spec("s", "d", 1, 2, (OUTSIDE,))), "External/work: say which signal"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


MANIFEST = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: mine}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: mine}
  minReplicas: 1
  maxReplicas: 10
"""


def run_command(*arguments):
    parser = argparse.ArgumentParser()
    run = hpa.command(parser)
    return run(parser.parse_args([str(one) for one in arguments]))


def files(folder, manifest=MANIFEST, traffic="seconds,rate\n0,20\n300,400\n900,20\n"):
    (folder / "hpa.yaml").write_text(manifest)
    (folder / "traffic.csv").write_text(traffic)
    return "--manifest", folder / "hpa.yaml", "--traffic", folder / "traffic.csv"


def test_the_command_replays_a_learners_own_files(tmp_path, capsys):
    picture = tmp_path / "replay.png"
    assert run_command(*files(tmp_path), "--plot", picture, "--start-up-s", "10") == 0
    said = capsys.readouterr().out
    assert "mine keeps Deployment mine between 1 and 10 replicas" in said
    for line in ("Requests over the objective of 0.5 s: ", "Replica-hours: ", "1 to 10"):
        assert line in said
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"manifest": "a: ["}, "The manifest is not YAML: line 1"),
        ({"traffic": "0,1\n"}, "needs two or more rows"),
        ({"traffic": "0,1\n5,x\n"}, "Traffic, line 2: expected two numbers"),
        ({"traffic": "0,1\n0,2\n"}, "Traffic, line 2: the seconds must rise"),
        ({"traffic": "0,1\n5,-2\n"}, "Traffic, line 2: expected a rate from 0 to 1e+09, got -2"),
        ({"traffic": "0,1\n5000000,2\n"}, "at most 2,678,400 s"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, change, sentence):
    with pytest.raises(lab.LabError, match=re.escape(sentence)):
        run_command(*files(tmp_path, **change), "--plot", tmp_path / "p.png")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--traffic", "none.csv", "The traffic file 'none.csv' cannot be read: no such file"),
        ("--plot", "no/such/folder.png", "The picture 'no/such/folder.png' cannot be written"),
        ("--plot", "picture.xyz", "The picture 'picture.xyz' cannot be written"),
        ("--start-up-s", "-3", "start_up_s must not be negative, got -3"),
        ("--service-s", "nan", "service_s must be positive, got nan"),
        ("--objective-s", "0", "objective_s must be a positive number of seconds, got 0"),
        ("--sync-period-s", "0.3", "a whole number of ticks, got 0.3 s"),
        ("--signal", "queue", "--signal needs METRIC=SIGNAL, got 'queue'"),
    ],
)
def test_the_command_says_which_option_is_wrong(tmp_path, option, value, sentence):
    with pytest.raises(lab.LabError, match=re.escape(sentence)):
        run_command(*files(tmp_path), option, value)


@given(st.text(max_size=200) | st.lists(st.tuples(st.floats(), st.floats())).map(
    lambda rows: "\n".join(f"{a},{b}" for a, b in rows)))  # fmt: skip
def test_any_traffic_file_gives_rates_or_one_sentence(text):
    sentence, rates = "", np.zeros(1)
    try:
        rates = hpa.read_traffic(text)
    except ManifestError as error:
        sentence = str(error)
    assert "\n" not in sentence
    assert rates.size
    assert np.isfinite(rates).all()


def test_traffic_is_held_between_its_rows():
    assert hpa.read_traffic("0,5\n2,7\n3,1\n").tolist() == [5, 5, 7, 1]


def test_exports_say_what_gets_lost():
    manifest, losses = keda.scaled_object(SPEC, "http://prometheus:9090")
    assert manifest["spec"]["triggers"][0]["metadata"] == {"value": "70"}
    assert manifest["spec"]["triggers"][1]["metadata"]["threshold"] == "10"
    assert any("missing" in one for one in losses)
    config, losses = ray.autoscaling_config(SPEC)
    assert config == {"min_replicas": 2, "max_replicas": 20, "target_ongoing_requests": 10.0}
    assert any("Resource/cpu is dropped" in one for one in losses)
    with pytest.raises(ValueError, match="has no Pods metric"):
        ray.autoscaling_config(fixed(1))


def test_a_proposer_says_what_propose_says_also_when_its_arguments_are_changed_in_place():
    proposer, now = Proposer(), 0.0
    pods, readings = [Pod("a"), Pod("b")], {"a": 1000, "b": 3000}
    for value, size in [(3000, 2), (3000, 2), (90_000, 2), (90_000, 3), (0, 3)]:
        readings["b"], now = value, now + 15
        arguments = (QUEUE, pods, readings, (size, size), (0.1, 0.1), now, FLAGS)
        assert proposer(*arguments) == propose(*arguments)
