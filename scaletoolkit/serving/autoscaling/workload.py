"""Replicas that serve requests as a fluid: exact arithmetic instead of random events. Lab 09.

Requests flow in at a rate, wait in one queue, and flow out at the rate of the ready replicas: no
noise, and below saturation nobody waits. Real queues are longer near full load. Replicas that go
stop at once, those that still start first; what they had in hand goes back to the queue.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaletoolkit.serving.autoscaling.manifest.document import ManifestError
from scaletoolkit.serving.autoscaling.manifest.spec import Metric, Spec
from scaletoolkit.serving.autoscaling.pods import Pod, Reading, Sample, Samples, Scale, Seen

CORE_MILLI = 1000
SIGNALS = {
    "in_flight": ("in_flight", "inflight", "concurren", "ongoing"),
    "queue_length": ("queue", "waiting", "backlog"),
    "requests_per_s": ("request", "rps", "qps", "rate"),
}


@dataclass(frozen=True)
class Capacity:
    """What one replica can do, on one core. requests_per_s: its throughput when it never idles.

    service_s: how long a request takes that does not wait. start_up_s: until it serves.
    """

    requests_per_s: float = 50.0
    service_s: float = 0.16
    start_up_s: float = 30.0

    def __repr__(self) -> str:
        return (
            f"Replica: {self.requests_per_s:g} requests/s, {self.service_s:g} s for one, ready "
            f"{self.start_up_s:g} s after it is asked for"
        )

    def __post_init__(self) -> None:
        for name in ("requests_per_s", "service_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.start_up_s < math.inf:
            raise ValueError(f"start_up_s must not be negative, got {self.start_up_s}")


class Workload:
    """The queue and the replicas at a moment of a virtual clock, and what a sync sees of them.

    replicas: asked for. ready: of these. settled: since before the last sync. queue: who waits.
    """

    def __init__(
        self, capacity: Capacity, replicas: int, containers: Sequence[str] = ("server",)
    ) -> None:
        self.capacity = capacity
        self._requests = {name: {"cpu": CORE_MILLI // len(containers)} for name in containers}
        self.now_s = 0.0
        self.queue = 0.0
        self.replicas = replicas
        self.ready = replicas
        self.starting: deque[tuple[float, int]] = deque()  # (ready at second, replicas)
        self._begin_period()

    def _begin_period(self) -> None:
        """Average anew; what is ready now will have been measured for the whole period."""
        self.settled = self.ready
        self.period_s = 0.0
        self.arrived = 0.0
        self.served = 0.0
        self.waited_s = 0.0
        self.could_serve = 0.0

    def advance(self, rate_per_s: float, seconds: float) -> float:
        """Let requests arrive at a rate for so long: how many were served."""
        end_s = self.now_s + seconds
        served = self.served
        while self.starting and self.starting[0][0] <= end_s:
            ready_at_s, replicas = self.starting.popleft()
            self._flow(rate_per_s, ready_at_s - self.now_s)
            self.ready += replicas
        self._flow(rate_per_s, end_s - self.now_s)
        return self.served - served

    def _flow(self, rate_per_s: float, seconds: float) -> None:
        """The same, while the number of ready replicas stays as it is."""
        if seconds <= 0:
            return
        full_per_s = self.ready * self.capacity.requests_per_s
        queue = self.queue
        after = queue + (rate_per_s - full_per_s) * seconds
        if after >= 0:
            self.served += full_per_s * seconds
            self.waited_s += (queue + after) / 2 * seconds
        else:  # the queue runs empty on the way
            self.served += queue + rate_per_s * seconds
            if queue:
                self.waited_s += queue * queue / (full_per_s - rate_per_s) / 2
            after = 0.0
        self.arrived += rate_per_s * seconds
        self.could_serve += full_per_s * seconds
        self.period_s += seconds
        self.queue = after
        self.now_s += seconds

    def resize(self, replicas: int) -> None:
        """Start replicas, or stop some: the youngest that still start first."""
        change = replicas - self.replicas
        self.replicas = replicas
        if change > 0:
            self.starting.append((self.now_s + self.capacity.start_up_s, change))
        while change < 0 and self.starting:
            ready_at_s, youngest = self.starting.pop()
            change += youngest
            if change > 0:
                self.starting.append((ready_at_s, change))
        self.ready += min(change, 0)
        self.settled = min(self.settled, self.ready)

    def observe(self, feeds: Mapping[Metric, str]) -> Seen:
        """What a sync sees, averaged since the last call; feeds: see `wire`."""
        averages = self._averages()
        metrics: dict[str, Reading] = {}
        for metric, signal in feeds.items():
            value_milli = 1000 * averages[signal]
            if metric.type in ("Object", "External"):
                metrics[metric.key] = int(value_milli)
            else:
                each_milli = int(value_milli / self.ready) if self.ready else 0
                metrics[metric.key] = self._each(each_milli, signal == "cpu")
        seen = Seen(self._pods(), metrics, Scale(self.replicas, self.replicas))
        self._begin_period()
        return seen

    def _averages(self) -> dict[str, float]:
        """Sums over all replicas, averaged over the period: requests, requests/s, CPU cores."""
        seconds = self.period_s or 1.0
        busy = self.served / self.could_serve if self.could_serve else 0.0
        return {
            "queue_length": self.waited_s / seconds,
            "in_flight": (self.waited_s + self.served * self.capacity.service_s) / seconds,
            "requests_per_s": self.arrived / seconds,
            "cpu": busy * self.ready,
        }

    def _each(self, value_milli: int, windowed: bool) -> Samples:
        """What every ready replica reports."""
        reading: Samples = {"ready": value_milli} if self.settled else {}
        if self.ready > self.settled:
            window_s = self.period_s if windowed else 0.0
            reading["fresh"] = Sample(value_milli, self.now_s, window_s)
        return reading

    def _pods(self) -> list[Pod]:
        """Three cohorts: ready for the whole period, just become ready, still starting."""
        fresh = self.ready - self.settled
        starting = self.replicas - self.ready
        requests = self._requests
        now_s = self.now_s
        cohorts = [
            Pod("ready", requests_milli=requests, copies=self.settled),
            Pod("fresh", "Running", True, now_s, now_s, False, requests, fresh),
            Pod("starting", "Pending", False, None, now_s, False, requests, starting),
        ]
        return [cohort for cohort in cohorts if cohort.copies]


def wire(spec: Spec, signals: Mapping[str, str] | None = None) -> dict[Metric, str]:
    """{metric: the signal that feeds it}, for each metric of the spec, simulated or live.

    The signals: cpu, queue_length (requests that wait), in_flight (that wait or are worked on),
    requests_per_s (that arrive). A metric's name tells its signal, or `signals` does, {metric name:
    signal}. Raises ManifestError for a metric that no signal can feed.
    """
    return {metric: _signal(metric, signals or {}) for metric in spec.metrics}


def _signal(metric: Metric, chosen: Mapping[str, str]) -> str:
    if metric.type in ("Resource", "ContainerResource"):
        if metric.name == "cpu":
            return "cpu"
        raise ManifestError(f"{metric.key}: cpu is the only resource that is known here.")
    name = metric.name.lower()
    guesses = [s for s, words in SIGNALS.items() if any(word in name for word in words)]
    signal = chosen.get(metric.name, guesses[0] if guesses else "")
    if signal in SIGNALS:
        return signal
    example = f"for example {{{metric.name!r}: 'queue_length'}}"
    known = ", ".join(SIGNALS)
    raise ManifestError(f"{metric.key}: say which signal feeds it, one of {known}; {example}.")


def containers(spec: Spec) -> tuple[str, ...]:
    """The containers that the spec's metrics name; one called "server" when they name none."""
    return tuple({m.container for m in spec.metrics if m.container}) or ("server",)
