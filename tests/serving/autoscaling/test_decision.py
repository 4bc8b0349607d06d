"""One decision: its properties over random situations, and the order of its steps. Lab 09."""

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving.autoscaling.situations import OUTSIDE, SPEC, alike, situations

from scaletoolkit.serving.autoscaling import (
    Controller,
    Flags,
    Memory,
    Metric,
    Pod,
    Seen,
    Spec,
    reconcile,
)
from scaletoolkit.serving.autoscaling.pods import Scale


@given(situations(), st.integers(1, 40))
def test_never_outside_min_and_max(situation, current):
    spec, seen, memory, now_s = situation
    seen = seen._replace(scale=Scale(current, current))
    decision = reconcile(spec, seen, memory, now_s)
    assert spec.min_replicas <= decision.replicas <= spec.max_replicas


@given(situations(), st.one_of(st.none(), st.integers(0, 40)))
def test_reconcile_is_pure(situation, current):
    scale = None if current is None else Scale(current, current)
    situation = situation._replace(seen=situation.seen._replace(scale=scale))
    untouched = copy.deepcopy(situation)
    first = reconcile(*situation)
    assert situation == untouched
    assert reconcile(*untouched) == first


@given(situations(), st.randoms())
def test_the_order_of_pods_and_metrics_does_not_matter(situation, random):
    spec, seen, memory, now_s = situation
    shuffled = seen._replace(pods=random.sample(seen.pods, len(seen.pods)))
    turned = replace(spec, metrics=spec.metrics[::-1])
    decision = reconcile(spec, seen, memory, now_s)
    assert reconcile(turned, shuffled, memory, now_s).replicas == decision.replicas


def one_by_one(seen):
    """Each pod on its own, with what the cohort reports."""
    pods = [
        pod._replace(name=f"{pod.name}/{index}", copies=1)
        for pod in seen.pods
        for index in range(pod.copies)
    ]
    cohorts = {pod.name: pod.name.split("/")[0] for pod in pods}
    metrics = {
        key: {pod: reading[of] for pod, of in cohorts.items() if of in reading}
        if isinstance(reading, dict)
        else reading
        for key, reading in seen.metrics.items()
    }
    return Seen(pods, metrics)


@given(situations())
def test_a_cohort_decides_as_its_pods_one_by_one(situation):
    together = reconcile(*situation)
    apart = reconcile(*situation._replace(seen=one_by_one(situation.seen)))
    assert (apart.replicas, apart.error == "") == (together.replicas, together.error == "")


@given(st.integers(2, 20), st.integers(0, 60_000), st.integers(0, 60_000))
def test_more_load_never_means_fewer_replicas(count, queue, more):
    def wish(level):
        return reconcile(SPEC, alike(count, queue=level), Memory(()), 0.0).replicas

    assert wish(queue) <= wish(queue + more)


def test_a_decision_reads_as_a_sentence():
    decision = reconcile(SPEC, alike(2, 900, 35_000), Memory(), 0.0)
    assert repr(decision) == "Decision: 2 → 4 replicas (Pods/queue above target; ScaleUpLimit)"


def failing(seen, reason):
    return seen._replace(metrics={**seen.metrics, "Pods/queue": reason})


def test_a_metric_that_fails_blocks_the_way_down_but_not_up():
    down = reconcile(SPEC, failing(alike(5, cpu=300), "no answer"), Memory(()), 0.0)
    assert (down.replicas, down.conditions["ScalingActive"]) == (5, "FailedGetPodsMetric")
    assert "unable to get metric queue: no answer" in down.error
    up = reconcile(SPEC, failing(alike(5, cpu=990), None), Memory(()), 0.0)
    assert up.replicas == 8


def work(milli, pods=()):
    return Seen(pods, {"External/work": milli})


def test_to_zero_and_back_again():
    spec = Spec("worker", "Deployment worker", 0, 9, (OUTSIDE,))
    controller = Controller(spec, Flags(downscale_stabilization_s=0))
    assert controller.sync(work(5_000, [Pod("a")]), 0.0).replicas == 1
    asleep = controller.sync(work(0, [Pod("a")]), 15.0)
    assert (asleep.replicas, asleep.conditions["ScaledToZero"]) == (0, "ScaledToZero")
    assert controller.sync(work(0), 30.0).replicas == 0
    assert controller.sync(work([9_000, 6_000]), 45.0).replicas == 3
    by_hand = reconcile(spec, work(15_000), Memory(), 0.0)
    assert (by_hand.replicas, by_hand.conditions["ScalingActive"]) == (0, "ScalingDisabled")


@pytest.mark.parametrize(
    ("kind", "target", "reading", "replicas"),
    [
        ("External", "AverageValue", [-70_000], 8),
        ("External", "AverageValue", [-1, 20_000], 8),
        ("External", "AverageValue", [40_000, -20_000], 2),
        ("External", "AverageValue", [2**62, 2**62], 8),
        ("External", "Value", [-70_000], 1),
        ("Object", "AverageValue", -70_000, 1),
    ],
)
def test_kubernetes_takes_a_negative_sum_for_an_overflow(kind, target, reading, replicas):
    """The rule of GetExternalPerPodMetricReplicas: a lag below 0 asks for all it may."""
    metric = Metric(f"{kind}/lag", kind, "lag", target, 10_000)
    spec = Spec("web", "Deployment web", 1, 8, (metric,))
    seen = Seen([Pod(f"p{n}") for n in range(4)], {metric.key: reading})
    memory = Memory(history=())
    assert reconcile(spec, seen, memory, 0.0).replicas == replicas
