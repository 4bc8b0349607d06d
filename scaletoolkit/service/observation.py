"""What happened to a server between two readings of /metrics. Lab 09."""

from dataclasses import dataclass, field
from typing import TypedDict

from scaletoolkit.service.counters import Change

Sample = str | tuple[str, ...]  # a name; or, where it has labels, (name, label value, …)
Page = dict[Sample, float]


class ReplicaFacts(TypedDict):
    """What a page says of a replica. state: starting, ready or draining."""

    name: str
    pid: int
    state: str
    provider: str


class ObservedReplica(ReplicaFacts):
    """The same, and the thousandths of a core that it used since the last sync."""

    cpu_milli: float


@dataclass(frozen=True)
class Observation:
    """What an autoscaler sees of a server at a sync, averaged since the one before.

    queue_length, in_flight: items, on average over `period_s`. wanted: replicas asked for.
    replicas: a list of dicts with name, pid, state, provider and cpu_milli, the thousandths of a
    core that it used since it was ready or since the last sync.
    """

    period_s: float
    queue_length: float
    in_flight: float
    wanted: int
    replicas: list[ObservedReplica] = field(repr=False)

    @property
    def ready(self) -> int:
        """How many replicas can take a batch."""
        return sum(replica["state"] == "ready" for replica in self.replicas)

    def __repr__(self) -> str:
        return (
            f"Observation: {self.ready} of {self.wanted} replicas ready, {self.queue_length:.1f} "
            f"items waited and {self.in_flight:.1f} were in flight over {self.period_s:.1f} s"
        )


def between(before: Page, after: Page) -> Observation:
    """The Observation between two pages, each as `Server.metrics` returns it."""
    change = Change(before, after, "gateway_clock_seconds")

    def observed(facts: ReplicaFacts) -> ObservedReplica:
        cores = change.per_second(("replica_cpu_seconds_total", facts["name"]))
        return {**facts, "cpu_milli": 1000 * cores}

    return Observation(
        period_s=change.seconds,
        queue_length=change.per_second("inference_queue_length_seconds_total"),
        in_flight=change.per_second("inference_in_flight_seconds_total"),
        wanted=int(after["replicas_wanted"]),
        replicas=[observed(facts) for facts in replicas(after)],
    )


def replicas(page: Page) -> list[ReplicaFacts]:
    """What a page says of each replica: a list of dicts with name, pid, state, provider."""
    labelled = [sample for sample in page if isinstance(sample, tuple)]
    infos = [labels for name, *labels in labelled if name == "replica_info"]
    return [
        {"name": name, "pid": int(pid), "state": state, "provider": provider}
        for pid, provider, name, state in infos  # in alphabetical order of the labels
    ]
