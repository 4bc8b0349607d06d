"""Replicas that serve requests as a fluid: exact arithmetic instead of random events. Lab 09.

Requests flow in at a rate, wait, and flow out at the rate of the ready replicas: no noise, and
below saturation nobody waits. Real queues are longer near full load. They wait in one queue in
front of all replicas; or in one of each pod, as behind a Kubernetes Service: there every pod gets
an equal share of what arrives, and none of what waits elsewhere. Replicas that go stop at once,
those that still start first; what waited for them is sent to the others.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scaletoolkit.serving.autoscaling.capacity import Capacity
from scaletoolkit.serving.autoscaling.manifest.spec import Metric
from scaletoolkit.serving.autoscaling.pods import Pod, Reading, Sample, Samples, Scale, Seen
from scaletoolkit.serving.autoscaling.signals import FAILS, Feed

REQUEST_MILLI = 1000  # what a replica asks for, of each resource


@dataclass
class Lane:
    """Ready replicas that are alike, and how many requests wait for them."""

    replicas: int
    queue: float = 0.0


class Past(NamedTuple):
    """What was measured until a moment: averages over a period, and how many replicas there were.

    averages: {signal: sum over all replicas}. settled: ready since before the period.
    """

    at_s: float
    period_s: float
    averages: Mapping[str, float]
    ready: int
    settled: int


class Workload:
    """The queues and the replicas at a moment of a virtual clock, and what a sync sees of them.

    replicas: asked for. shared: one queue for all, else one for each pod. lag_s: how old a
    measurement is when a sync sees it, once there are any so old.
    """

    def __init__(
        self,
        capacity: Capacity,
        replicas: int,
        containers: Sequence[str] = ("server",),
        shared: bool = True,
        lag_s: float = 0.0,
    ) -> None:
        self.capacity = capacity
        self.replicas = replicas
        self.containers = containers
        self.shared = shared
        self.lag_s = lag_s
        self.now_s = 0.0
        self.lanes = [Lane(replicas)]
        self.starting: deque[tuple[float, int]] = deque()  # (ready at second, replicas)
        self._past: deque[Past] = deque()
        self._begin_period()

    @property
    def ready(self) -> int:
        """The replicas that serve."""
        return sum(lane.replicas for lane in self.lanes)

    @property
    def queue(self) -> float:
        """The requests that wait, in all queues."""
        return sum(lane.queue for lane in self.lanes)

    def _begin_period(self) -> None:
        """Average anew; what is ready now will have been measured for the whole period."""
        crowded = [lane for lane in self.lanes if lane.queue]
        idle = self.ready - sum(lane.replicas for lane in crowded)
        if idle or not crowded:
            crowded.append(Lane(idle))
        self.lanes = crowded
        self.settled = self.ready
        self.period_s = 0.0
        self.arrived = 0.0
        self.served = 0.0
        self.waited_s = 0.0
        self.could_serve = 0.0
        self.cpu_s = 0.0

    def advance(self, rate_per_s: float, seconds: float) -> float:
        """Let requests arrive at a rate for so long: how many were served."""
        end_s = self.now_s + seconds
        served = self.served
        while self.starting and self.starting[0][0] <= end_s:
            ready_at_s, replicas = self.starting.popleft()
            self._flow(rate_per_s, ready_at_s - self.now_s)
            if self.shared:
                self.lanes[0].replicas += replicas
            else:
                self.lanes.append(Lane(replicas))
        self._flow(rate_per_s, end_s - self.now_s)
        return self.served - served

    def _flow(self, rate_per_s: float, seconds: float) -> None:
        """The same, while the number of ready replicas stays as it is."""
        if seconds <= 0:
            return
        ready = self.ready
        for lane in self.lanes:
            share = lane.replicas / ready if ready else 1.0
            self._serve(lane, rate_per_s * share, seconds)
        self.arrived += rate_per_s * seconds
        self.period_s += seconds
        self.now_s += seconds

    def _serve(self, lane: Lane, rate_per_s: float, seconds: float) -> None:
        full_per_s = lane.replicas * self.capacity.requests_per_s
        queue = lane.queue
        after = queue + (rate_per_s - full_per_s) * seconds
        crowded_s = seconds  # how long all of the replicas' power is used
        if after >= 0:
            self.served += full_per_s * seconds
            self.waited_s += (queue + after) / 2 * seconds
        else:  # the queue runs empty on the way
            self.served += queue + rate_per_s * seconds
            crowded_s = queue / (full_per_s - rate_per_s)
            self.waited_s += queue * crowded_s / 2
        lane.queue = max(0.0, after)
        self.could_serve += full_per_s * seconds
        calm = self.capacity.cpu(rate_per_s / full_per_s) if full_per_s else 0.0
        cpu_s = crowded_s * self.capacity.cpu_full + (seconds - crowded_s) * calm
        self.cpu_s += lane.replicas * cpu_s

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
        self._stop(-min(change, 0))
        self.settled = min(self.settled, self.ready)

    def _stop(self, replicas: int) -> None:
        """Stop ready replicas, the youngest first; the others get what waited for them."""
        homeless = 0.0
        while replicas and len(self.lanes) > 1:
            lane = self.lanes[-1]
            gone = min(replicas, lane.replicas)
            replicas -= gone
            homeless += lane.queue * gone / lane.replicas
            lane.queue -= lane.queue * gone / lane.replicas
            lane.replicas -= gone
            if not lane.replicas:
                self.lanes.pop()
        self.lanes[0].replicas -= replicas
        for lane in self.lanes:
            lane.queue += homeless * lane.replicas / max(1, self.ready)

    def observe(self, feeds: Mapping[Metric, Feed]) -> Seen:
        """What a sync sees, averaged since the last call; feeds: see `signals.wire`."""
        now = Past(self.now_s, self.period_s, self._averages(), self.ready, self.settled)
        newest_s = self.now_s - self.lag_s
        self._past.append(now)
        while len(self._past) > 1 and self._past[1].at_s <= newest_s:
            self._past.popleft()
        past = self._past[0]
        fresh = self.ready > self.settled and past is now
        self.settled = min(self.settled, past.settled)
        metrics = {m.key: self._reading(m, feed, past, fresh) for m, feed in feeds.items()}
        seen = Seen(self._pods(feeds), metrics, Scale(self.replicas, self.replicas))
        self._begin_period()
        return seen

    def _averages(self) -> dict[str, float]:
        """Sums over all replicas, averaged over the period; cpu in requests of a replica."""
        seconds = self.period_s or 1.0
        could = self.could_serve or 1.0
        per_s = self.capacity.requests_per_s
        return {
            "queue_length": self.waited_s / seconds,
            "in_flight": (self.waited_s + self.served * self.capacity.service_s) / seconds,
            "requests_per_s": self.arrived / seconds,
            "busy_percent": 100 * self.served / could * self.ready,
            "cpu": self.cpu_s * per_s / could * self.ready,
        }

    def _reading(self, metric: Metric, feed: Feed, past: Past, fresh: bool) -> Reading:
        """What one metric reads; fresh: whether pods that have just become ready report, too."""
        if feed == FAILS:
            return "it was told to fail"
        whole = metric.type in ("Object", "External")
        value = past.averages[feed] if isinstance(feed, str) else feed
        if isinstance(feed, str) and not whole:
            value = value / past.ready if past.ready else 0.0
        if metric.target_type == "Utilization" and feed != "cpu":
            value /= 100  # a number of percent
        if metric.container:
            value /= len(self.containers)
        value_milli = int(round(1000 * value, 6))
        if whole:
            return value_milli
        samples: Samples = {"ready": value_milli} if self.settled else {}
        if fresh:
            window_s = past.period_s if feed == "cpu" else 0.0
            samples["fresh"] = Sample(value_milli, self.now_s, window_s)
        return samples

    def _pods(self, feeds: Mapping[Metric, Feed]) -> list[Pod]:
        """Three cohorts: measured for the whole period, ready, still starting."""
        resources = {metric.name for metric in feeds if "Resource" in metric.type} | {"cpu"}
        each = dict.fromkeys(resources, REQUEST_MILLI // len(self.containers))
        requests = dict.fromkeys(self.containers, each)
        now_s = self.now_s
        fresh = self.ready - self.settled
        starting = self.replicas - self.ready
        cohorts = [
            Pod("ready", requests_milli=requests, copies=self.settled),
            Pod("fresh", "Running", True, now_s, now_s, False, requests, fresh),
            Pod("starting", "Pending", False, None, now_s, False, requests, starting),
        ]
        return [cohort for cohort in cohorts if cohort.copies]
