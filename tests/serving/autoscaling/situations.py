"""What several tests of the autoscaler share: specs, pods, readings, whole situations."""

from typing import NamedTuple

from hypothesis import strategies as st

from scaletoolkit.serving.autoscaling import Memory, Metric, Pod, Sample, Seen, Spec
from scaletoolkit.serving.autoscaling.limits import Events, Recommendation, ScaleEvent
from scaletoolkit.serving.autoscaling.manifest.spec import Behavior, Policy, Rules

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
    copies=st.integers(1, 4),
)


@st.composite
def specs(draw):
    least = draw(st.integers(0, 10))
    most = draw(st.integers(max(1, least), 30))
    metrics = draw(st.lists(st.sampled_from([CPU, QUEUE, OUTSIDE]), min_size=1, unique=True))
    behavior = draw(st.one_of(st.none(), st.builds(Behavior, rules, rules)))
    return Spec("drawn", "Deployment drawn", least, most, tuple(metrics), behavior)


class Situation(NamedTuple):
    """The arguments of one reconcile."""

    spec: Spec
    seen: Seen
    memory: Memory
    now_s: float = 0.0


@st.composite
def situations(draw):
    """Situations with measurements that are missing here and there."""
    listed = draw(st.lists(pods, max_size=6))
    samples = {}
    for pod in listed:
        sample = st.builds(Sample, st.integers(0, 4000), times, st.integers(0, 60))
        samples[pod.name] = draw(st.one_of(st.none(), st.integers(0, 4000), sample))
    measured = {name: sample for name, sample in samples.items() if sample is not None}
    readings = {"Resource/cpu": measured, "Pods/queue": measured, "External/work": [70_000]}
    failing = draw(st.sets(st.sampled_from(sorted(readings))))
    metrics = {key: reading for key, reading in readings.items() if key not in failing}
    return Situation(draw(specs()), Seen(listed, metrics), draw(memories()))


@st.composite
def memories(draw):
    """What a controller may remember."""
    history = draw(st.lists(st.builds(Recommendation, times, st.integers(0, 40)), max_size=8))
    log = st.lists(st.builds(ScaleEvent, times, st.integers(1, 9)), max_size=5).map(tuple)
    conditions = draw(st.sampled_from([{}, {"ScaledToZero": "ScaledToZero"}]))
    return Memory(tuple(history), draw(st.builds(Events, log, log)), conditions)


def alike(count, cpu=700, queue=10_000):
    """`count` pods in the same state, with what they report."""
    names = [f"pod-{index}" for index in range(count)]
    listed = [Pod(name, requests_milli=REQUESTS) for name in names]
    return Seen(
        listed,
        {"Resource/cpu": dict.fromkeys(names, cpu), "Pods/queue": dict.fromkeys(names, queue)},
    )


def fixed(replicas):
    """A spec that leaves no choice."""
    return Spec("fixed", "Deployment fixed", replicas, replicas, (CPU,))
