"""Replicas that serve requests as a fluid: exact arithmetic instead of random events. Lab 09.

Requests flow in at a rate, wait in one queue, and flow out at the rate of the replicas that are
ready. So there is no noise, and below saturation nobody waits: real queues are longer near full
load. New replicas serve after their start-up time; replicas that go stop at once, the ones that
are still starting first; what they had in hand goes back to the queue.
"""

import math
from collections import deque
from dataclasses import dataclass

from scaletoolkit.serving.autoscaling.manifest.document import ManifestError
from scaletoolkit.serving.autoscaling.pods import Pod, Sample

SIGNALS = {
    "in_flight": ("in_flight", "inflight", "concurren", "ongoing"),
    "queue_length": ("queue", "waiting", "backlog"),
    "requests_per_s": ("request", "rps", "qps", "rate"),
}


@dataclass(frozen=True)
class Replica:
    """What one replica can do, and what it takes to start one.

    requests_per_s: its throughput when it never idles. service_s: how long a request takes that
    does not wait. cpu_busy_milli: CPU that it uses at full load, of the `cpu_request_milli` that
    it asked for.
    """

    requests_per_s: float = 50.0
    service_s: float = 0.16
    start_up_s: float = 30.0
    cpu_request_milli: int = 1000
    cpu_busy_milli: int = 1000

    def __repr__(self):
        return (
            f"Replica: {self.requests_per_s:g} requests/s, {self.service_s:g} s for one, ready "
            f"{self.start_up_s:g} s after it is asked for"
        )

    def __post_init__(self):
        for name in ("requests_per_s", "service_s", "cpu_request_milli", "cpu_busy_milli"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.start_up_s < math.inf:
            raise ValueError(f"start_up_s must not be negative, got {self.start_up_s}")


class Workload:
    """The queue and the replicas at a moment of a virtual clock, and what a sync sees of them."""

    def __init__(self, replica, replicas, max_queue=math.inf, containers=("server",)):
        self.replica, self.max_queue = replica, max_queue
        each = replica.cpu_request_milli // len(containers)
        self._requests = {name: {"cpu": each} for name in containers}
        self._cohort = Pod("ready", count=0, requests_milli=self._requests)
        self.now, self.queue, self.refused = 0.0, 0.0, 0.0
        self.replicas = self.ready = self.settled = replicas
        self.starting = deque()
        self._begin_period()

    def _begin_period(self):
        """Average anew; what is ready now will have been measured for the whole period."""
        self.settled = self.ready
        self.period_s = self.arrived = self.served = self.waited = self.capacity = 0.0

    def advance(self, rate, seconds):
        """Let `rate` requests a second arrive for so long: (requests served, requests refused)."""
        end, served, refused = self.now + seconds, self.served, self.refused
        while self.starting and self.starting[0][0] <= end:
            ready_at, count = self.starting.popleft()
            self._flow(rate, ready_at - self.now)
            self.ready += count
        self._flow(rate, end - self.now)
        return self.served - served, self.refused - refused

    def _flow(self, rate, seconds):
        """The same, while the number of ready replicas stays as it is."""
        if seconds <= 0:
            return
        capacity, queue = self.ready * self.replica.requests_per_s, self.queue
        after = queue + (rate - capacity) * seconds
        if after >= 0:
            self.served += capacity * seconds
            self.waited += (queue + after) / 2 * seconds
        else:  # the queue runs empty on the way
            self.served += queue + rate * seconds
            if queue:
                self.waited += queue * queue / (capacity - rate) / 2
            after = 0.0
        if after > self.max_queue:
            self.refused += after - self.max_queue
            after = self.max_queue
        self.arrived += rate * seconds
        self.capacity += capacity * seconds
        self.period_s += seconds
        self.queue, self.now = after, self.now + seconds

    def resize(self, replicas):
        """Start replicas, or stop some: the youngest that still start first."""
        change, self.replicas = replicas - self.replicas, replicas
        if change > 0:
            self.starting.append((self.now + self.replica.start_up_s, change))
        while change < 0 and self.starting:
            ready_at, count = self.starting.pop()
            if count + change > 0:
                self.starting.append((ready_at, count + change))
            change = min(0, count + change)
        self.ready += min(change, 0)
        self.settled = min(self.settled, self.ready)

    def observe(self, signals):
        """What a sync sees: (pods, metrics), averaged since the last call. signals: see `wire`."""
        averages = self._averages()
        metrics = {}
        for key, kind, signal in signals:
            value = averages.get(signal)
            if kind in ("Object", "External"):
                metrics[key] = value if value is None else int(value * 1000)
            elif value is not None:
                each = value * 1000 / self.ready if self.ready else 0
                metrics[key] = self._each(int(each), signal == "cpu")
        seen = self._pods(), metrics
        self._begin_period()
        return seen

    def _averages(self):
        """Sums over all replicas, averaged over the period: requests, requests/s, CPU cores."""
        seconds = self.period_s or 1.0
        waiting, in_service = self.waited, self.served * self.replica.service_s
        busy = self.served / self.capacity if self.capacity else 0.0
        return {
            "queue_length": waiting / seconds,
            "in_flight": (waiting + in_service) / seconds,
            "requests_per_s": self.arrived / seconds,
            "cpu": busy * self.ready * self.replica.cpu_busy_milli / 1000,
        }

    def _each(self, value_milli, windowed):
        found = {"ready": value_milli} if self.settled else {}
        if self.ready > self.settled:
            window_s = self.period_s if windowed else 0.0
            found["fresh"] = Sample(value_milli, self.now, window_s)
        return found

    def _pods(self):
        """Three cohorts: ready for the whole period, just become ready, still starting."""
        fresh, starting = self.ready - self.settled, self.replicas - self.ready
        requests, now = self._requests, self.now
        found = []
        if self.settled:
            if self._cohort.count != self.settled:
                self._cohort = self._cohort._replace(count=self.settled)
            found.append(self._cohort)
        if fresh:
            found.append(Pod("fresh", "Running", True, now, now, False, requests, fresh))
        if starting:
            found.append(Pod("starting", "Pending", False, None, now, False, requests, starting))
        return found


def wire(spec, chosen=None):
    """What feeds each metric of the spec in a simulation: [(key, type, signal)].

    Signals: cpu, queue_length (waiting), in_flight (waiting or being served), requests_per_s
    (arriving). The name of a metric tells which ("inference_queue_length"), or `chosen`,
    {metric name: signal}. Raises ManifestError for a metric that the fluid cannot produce.
    """
    return [(metric.key, metric.type, _signal(metric, chosen or {})) for metric in spec.metrics]


def _signal(metric, chosen):
    if metric.type in ("Resource", "ContainerResource"):
        if metric.name == "cpu":
            return "cpu"
        raise ManifestError(f"{metric.key}: the simulator knows no resource but cpu.")
    guessed = [s for s, words in SIGNALS.items() if any(w in metric.name.lower() for w in words)]
    signal = chosen.get(metric.name, guessed[0] if guessed else None)
    if signal in SIGNALS:
        return signal
    raise ManifestError(
        f"{metric.key}: say which signal feeds it, one of {', '.join(SIGNALS)}; "
        f"for example {{{metric.name!r}: 'queue_length'}}."
    )


def containers(spec):
    """The containers that the spec's metrics name; one called "server" when they name none."""
    return tuple({m.container for m in spec.metrics if m.container}) or ("server",)
