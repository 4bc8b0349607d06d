"""What /metrics says, in Prometheus' format. Labs 07 and 09."""

import asyncio
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from scaletoolkit.service.counters import Change
from scaletoolkit.service.gateway.fleet import Fleet
from scaletoolkit.service.gateway.replicas import ItemBatcher
from scaletoolkit.service.settings import Settings

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
LOOKS = 10


class Histogram:
    """How many values were at most each of the bounds, and their sum.

    Counting is on the way of every request, so it is plain: only the page makes Prometheus'
    classes of it.
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

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.answers: Counter[int] = Counter()
        self.latency = Histogram(
            "inference_latency_seconds", "From a request's arrival to its answer.", SECONDS
        )
        self.wait = Histogram(
            "inference_queue_wait_seconds", "From an item's arrival to its batch.", SECONDS
        )
        self.size = Histogram("inference_batch_size", "Items in a batch.", SIZES)
        self._past: deque[dict[str, float]] = deque(maxlen=LOOKS + 1)
        self._batched = 0

    def on_batch(self, size: int, waits_s: Iterable[float]) -> None:
        """A batch was formed."""
        self._batched += size
        self.size.observe(size)
        for wait_s in waits_s:
            self.wait.observe(wait_s)

    def on_answer(self, status: int, latency_s: float) -> None:
        """A request was answered."""
        self.answers[status] += 1
        self.latency.observe(latency_s)

    def look(self, fleet: Fleet, batcher: ItemBatcher) -> dict[str, float]:
        """All counters now: {name: count}."""
        return {
            "time": asyncio.get_running_loop().time(),
            "queue": batcher.waiting.integral(),
            "in_flight": batcher.in_flight.integral(),
            "ready": fleet.ready_count.integral(),
            "cpu": fleet.cpu_s,
            "batched": self._batched,
        }

    async def watch(self, fleet: Fleet, batcher: ItemBatcher) -> None:
        """Remember the counters, LOOKS times a period."""
        while True:
            self._past.append(self.look(fleet, batcher))
            await asyncio.sleep(self.settings.period_s / LOOKS)

    def averages(self, fleet: Fleet, batcher: ItemBatcher) -> dict[str, float]:
        """Averages over the last period: queue, in_flight, utilization in %, items_per_s."""
        counters = self.look(fleet, batcher)
        change = Change(self._past[0] if self._past else counters, counters, "time")
        asked_s = change.of("ready") * (self.settings.cpu_milli or 1000) / 1000
        return {
            "queue": change.per_second("queue"),
            "in_flight": change.per_second("in_flight"),
            "utilization": 100 * change.of("cpu") / asked_s if asked_s else 0.0,
            "items_per_s": change.per_second("batched"),
        }

    def text(self, fleet: Fleet, batcher: ItemBatcher) -> bytes:
        """The whole page."""
        registry = CollectorRegistry()
        registry.register(_Page(self, fleet, batcher))
        return generate_latest(registry)


class _Page:
    """What is known at the moment of asking, for prometheus_client to write down."""

    def __init__(self, metrics: Metrics, fleet: Fleet, batcher: ItemBatcher) -> None:
        self.metrics = metrics
        self.fleet = fleet
        self.batcher = batcher

    def describe(self) -> list[Metric]:
        """Nothing: the names are known when they are collected."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every gauge, and the counters that others keep."""
        counters = self.metrics.look(self.fleet, self.batcher)
        yield GaugeMetricFamily(
            "gateway_clock_seconds", "The clock that belongs to the counters.", counters["time"]
        )
        yield from self._gauges()
        yield from self._counters(counters)
        for histogram in (self.metrics.latency, self.metrics.wait, self.metrics.size):
            yield histogram.family()
        yield self._answers()
        yield from self._replicas()

    def _gauges(self) -> Iterator[Metric]:
        average = self.metrics.averages(self.fleet, self.batcher)
        over = f"averaged over the last {self.metrics.settings.period_s:g} s"
        gauges = {
            "inference_queue_length": (f"Items that wait, {over}.", average["queue"]),
            "inference_queue_length_now": ("Items that wait.", self.batcher.waiting.value),
            "inference_in_flight": (f"Items in replicas, {over}.", average["in_flight"]),
            "inference_in_flight_now": ("Items in replicas.", self.batcher.in_flight.value),
            "replicas_wanted": ("Replicas asked for.", self.fleet.wanted),
            "replicas_ready": ("Replicas that can take a batch.", len(self.fleet.ready)),
            "replica_cpu_utilization_percent": (
                f"CPU used of what ready replicas ask for, {over}.",
                average["utilization"],
            ),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value)

    def _counters(self, counters: dict[str, float]) -> Iterator[Metric]:
        deaths = self.fleet.deaths
        families = {
            "inference_queue_length_seconds": ("Items that wait, over time.", counters["queue"]),
            "inference_in_flight_seconds": ("Items in replicas, over time.", counters["in_flight"]),
            "replicas_ready_seconds": ("Ready replicas, over time.", counters["ready"]),
            "replica_deaths": ("Replicas that ended without being asked.", deaths),
        }
        for name, (text, value) in families.items():
            yield CounterMetricFamily(name, text, value)

    def _answers(self) -> Metric:
        answers = CounterMetricFamily("inference_requests", "Requests answered.", labels=["status"])
        for status, count in sorted(self.metrics.answers.items()):
            answers.add_metric([str(status)], count)
        return answers

    def _replicas(self) -> Iterator[Metric]:
        cpu = CounterMetricFamily(
            "replica_cpu_seconds", "CPU used since it was ready.", labels=["replica"]
        )
        info = GaugeMetricFamily(
            "replica_info",
            "What is known of a replica.",
            labels=["replica", "pid", "state", "provider"],
        )
        for replica in self.fleet.replicas:
            cpu.add_metric([replica.name], replica.cpu_s)
            labels = [replica.name, str(replica.pid), replica.state, replica.provider]
            info.add_metric(labels, 1)
        yield cpu
        yield info
