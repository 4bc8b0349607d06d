"""What happened to a server between two readings of /metrics. Labs 09 and 11.

Averages are differences of counters, never samples of a gauge: a gauge that is read once a second
can fall into step with the traffic and stay wrong.
"""

import math
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

Sample = str | tuple[str, ...]  # a name; or, where it has labels, (name, label value, …)
Page = dict[Sample, float]


class ReplicaFacts(TypedDict):
    """What is known of a replica. state: starting, ready, draining or ended.

    cpu_milli: thousandths of a core that it used since the last sync, known to an Observation only.
    """

    name: str
    pid: int
    state: str
    provider: str
    cpu_milli: NotRequired[float]


class TenantFacts(TypedDict):
    """What a tenant has had: requests answered, refused for want of room, failed; device seconds.

    waiting: its items that wait now. device_s: the replicas' time, by its share of each batch.
    """

    answered: int
    refused: int
    failed: int
    waiting: int
    device_s: float


@dataclass(frozen=True)
class Observation:
    """What an autoscaler sees of a server at a sync, averaged since the one before.

    queue_length, in_flight: items, on average over `period_s`. wanted: replicas asked for.
    """

    period_s: float
    queue_length: float
    in_flight: float
    wanted: int
    replicas: list[ReplicaFacts] = field(repr=False)

    @property
    def ready(self) -> list[ReplicaFacts]:
        """The replicas that can take a batch."""
        return [replica for replica in self.replicas if replica["state"] == "ready"]

    def __repr__(self) -> str:
        ready = f"{len(self.ready)} of {self.wanted} replicas ready"
        return (
            f"Observation: {ready}, {self.queue_length:.1f} items waited and "
            f"{self.in_flight:.1f} were in flight over {self.period_s:.1f} s"
        )


def rates(before: Page, after: Page, clock: str) -> Page:
    """By how much each counter grew a second between two pages; 0 when no time has passed.

    clock: the counter of seconds. A counter that is missing in the first page began at 0.
    """
    growth = {sample: value - before.get(sample, 0.0) for sample, value in after.items()}
    seconds = growth[clock] or math.inf
    return {sample: by / seconds for sample, by in growth.items()}


def between(before: Page, after: Page) -> Observation:
    """The Observation between two pages, each as `Server.metrics` returns it."""
    clock = "gateway_clock_seconds"
    averages = rates(before, after, clock)
    observed = replicas(after)
    for facts in observed:
        facts["cpu_milli"] = 1000 * averages["replica_cpu_seconds_total", facts["name"]]
    return Observation(
        period_s=after[clock] - before[clock],
        queue_length=averages["inference_queue_length_seconds_total"],
        in_flight=averages["inference_in_flight_seconds_total"],
        wanted=int(after["replicas_wanted"]),
        replicas=observed,
    )


def replicas(page: Page) -> list[ReplicaFacts]:
    """What a page says of each replica."""
    labelled = [sample for sample in page if isinstance(sample, tuple)]
    infos = [labels for name, *labels in labelled if name == "replica_info"]
    return [
        {"name": name, "pid": int(pid), "state": state, "provider": provider}
        for pid, provider, name, state in infos  # in alphabetical order of the labels
    ]


def tenants(page: Page) -> dict[str, TenantFacts]:
    """What a page says of each tenant."""
    labelled = {sample: value for sample, value in page.items() if isinstance(sample, tuple)}
    facts: dict[str, TenantFacts] = {
        labels[0]: {
            "answered": 0,
            "refused": 0,
            "failed": 0,
            "waiting": int(value),
            "device_s": page["tenant_device_seconds_total", labels[0]],
        }
        for (name, *labels), value in labelled.items()
        if name == "tenant_queue_length_now"
    }
    for (name, *labels), value in labelled.items():
        if name == "tenant_requests_total":
            status, tenant = labels
            facts[tenant][_outcome(status)] += int(value)
    return facts


def _outcome(status: str) -> Literal["answered", "refused", "failed"]:
    """As a load test calls it."""
    if status.startswith("2"):
        return "answered"
    return "refused" if status == "503" else "failed"
