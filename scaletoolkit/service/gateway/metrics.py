"""What /metrics says, in Prometheus' format. Labs 07, 09 and 11."""

import asyncio
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from scaletoolkit.service.gateway.answers import Answers
from scaletoolkit.service.gateway.connections import JoiningProtocol
from scaletoolkit.service.gateway.fleet import Fleet
from scaletoolkit.service.gateway.tenants import Tenants
from scaletoolkit.service.observation import Page, rates
from scaletoolkit.service.settings import Settings

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
LOOKS = 10


class Histogram:
    """How many values were at most each of the bounds, and their sum.

    Plain, because every request is counted: only the page makes Prometheus' classes of it.
    """

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self.name = name
        self.text = text
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def family(self) -> HistogramMetricFamily:
        """The histogram as prometheus_client writes it down."""
        bounds = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(self.counts), strict=True))
        return HistogramMetricFamily(self.name, self.text, buckets, self.sum)


class Metrics:
    """Counts for one gateway. `watch` must run for the averages to move."""

    def __init__(self, settings: Settings, fleet: Fleet, kept: Answers, tenants: Tenants) -> None:
        self.settings = settings
        self.tenants = tenants
        self.fleet = fleet
        self.kept = kept
        self.batcher = fleet.batcher
        self.batcher.on_batch = self.on_batch
        self.answers: Counter[int] = Counter()
        self.latency = Histogram(
            "inference_latency_seconds", "From a request's arrival to its answer.", SECONDS
        )
        self.wait = Histogram(
            "inference_queue_wait_seconds",
            "From an item's arrival to its batch, to a millisecond.",
            SECONDS,
        )
        self.size = Histogram("inference_batch_size", "Items in a batch.", SIZES)
        self._past: deque[Page] = deque(maxlen=LOOKS + 1)

    def on_batch(self, waits_s: Sequence[float]) -> None:
        """A batch was formed, of requests that had waited so long."""
        self.size.observe(len(waits_s))
        for wait_s in waits_s:
            self.wait.observe(wait_s)

    def on_answer(self, status: int, latency_s: float, tenant: str = "") -> None:
        """A request was answered."""
        self.answers[status] += 1
        if tenant:
            self.tenants.accounts[tenant].answers[status] += 1
        self.latency.observe(latency_s)

    def look(self) -> Page:
        """All counters now: {name: count}."""
        return {
            "time": asyncio.get_running_loop().time(),
            "queue": self.batcher.waiting.integral(),
            "in_flight": self.batcher.in_flight.integral(),
            "device": self.tenants.busy.integral(),
            "ready": self.fleet.ready_count.integral(),
            "cpu": self.fleet.cpu_s,
            "batched": self.size.sum,
        }

    async def watch(self) -> None:
        """Remember the counters, LOOKS times a period."""
        while True:
            self._past.append(self.look())
            await asyncio.sleep(self.settings.period_s / LOOKS)

    def averages(self) -> Page:
        """What each counter counted a second, over the last period; utilization in %."""
        counters = self.look()
        averages = rates(self._past[0] if self._past else counters, counters, "time")
        cores = averages["ready"] * (self.settings.cpu_milli or 1000) / 1000
        return averages | {"utilization": 100 * averages["cpu"] / cores if cores else 0.0}

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client writes down: every gauge and counter, as they are now."""
        counters = self.look()
        for name, (text, value) in self._gauges(counters["time"]).items():
            yield GaugeMetricFamily(name, text, value)
        for name, (text, value) in self._sums(counters).items():
            yield CounterMetricFamily(name, text, value)
        for histogram in (self.latency, self.wait, self.size):
            yield histogram.family()
        yield from self._labelled()
        if self.tenants.accounts:
            yield from self.tenants.families()

    def _gauges(self, time_s: float) -> dict[str, tuple[str, float]]:
        average = self.averages()
        over = f"averaged over the last {self.settings.period_s:g} s"
        used = f"CPU used of what ready replicas ask for, {over}."
        return {
            "gateway_clock_seconds": ("The clock that belongs to the counters.", time_s),
            "inference_queue_length": (f"Items that wait, {over}.", average["queue"]),
            "inference_queue_length_now": ("Items that wait.", self.batcher.waiting.value),
            "inference_in_flight": (f"Items in replicas, {over}.", average["in_flight"]),
            "inference_in_flight_now": ("Items in replicas.", self.batcher.in_flight.value),
            "replicas_wanted": ("Replicas asked for.", self.fleet.wanted),
            "replicas_ready": ("Replicas that can take a batch.", len(self.fleet.ready)),
            "prediction_cache_items": ("Items whose answers are kept.", len(self.kept.cache)),
            "replica_cpu_utilization_percent": (used, average["utilization"]),
        }

    def _sums(self, counters: Page) -> dict[str, tuple[str, float]]:
        deaths = self.fleet.deaths
        refused = JoiningProtocol.refused
        return {
            "inference_queue_length_seconds": ("Items that wait, over time.", counters["queue"]),
            "inference_in_flight_seconds": ("Items in replicas, over time.", counters["in_flight"]),
            "inference_device_seconds": ("Replicas that work, over time.", counters["device"]),
            "replicas_ready_seconds": ("Ready replicas, over time.", counters["ready"]),
            "gateway_cpu_seconds": ("CPU that the gateway has used.", time.process_time()),
            "gateway_refused_connections": ("Ended for breaking HTTP or a limit.", refused),
            "replica_deaths": ("Replicas that ended without being asked.", deaths),
            "prediction_cache_hits": ("Items answered from the cache.", self.kept.cache.hits),
            "prediction_cache_misses": ("Items that the model was asked for.", self.kept.misses),
            "prediction_cache_shared": (
                "Items that waited for another's.",
                self.kept.flight.shared,
            ),
        }

    def _labelled(self) -> Iterator[Metric]:
        answers = CounterMetricFamily("inference_requests", "Requests answered.", labels=["status"])
        for status, count in sorted(self.answers.items()):
            answers.add_metric([str(status)], count)
        yield answers
        labels = ["replica", "pid", "state", "provider"]
        used = "CPU used since it was ready."
        cpu = CounterMetricFamily("replica_cpu_seconds", used, labels=labels[:1])
        info = GaugeMetricFamily("replica_info", "What is known of a replica.", labels=labels)
        for replica in self.fleet.replicas:
            cpu.add_metric([replica.name], replica.cpu_s)
            values = [replica.name, str(replica.pid), replica.state, replica.provider]
            info.add_metric(values, 1)
        yield cpu
        yield info


class Own:
    """What /metrics says to one tenant: nothing of another's."""

    def __init__(self, tenants: Tenants, tenant: str) -> None:
        self._tenants = tenants
        self._tenant = tenant

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client writes down."""
        return self._tenants.families(self._tenant)
