"""What /metrics says, in Prometheus' format. Labs 07 and 09.

Averages are differences of counters, never samples of a gauge: a reading once a second can fall
into step with the traffic and stay wrong.
"""

import asyncio
import math
from bisect import bisect_left
from collections import Counter, deque
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
LOOKS = 10


class Histogram:
    """How many values were at most each of the bounds, and their sum.

    Counting is on the way of every request, so it is plain: only the page makes Prometheus'
    classes of it.
    """

    def __init__(self, name, text, bounds):
        self.name, self.text, self.bounds = name, text, bounds
        self.counts, self.sum = [0] * (len(bounds) + 1), 0.0

    def observe(self, value):
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def family(self):
        """The histogram as prometheus_client writes it down."""
        bounds = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(self.counts), strict=True))
        return HistogramMetricFamily(self.name, self.text, buckets, self.sum)


class Metrics:
    """Counts for one gateway. `watch` must run for the averages to move."""

    def __init__(self, settings):
        self.settings, self.answers = settings, Counter()
        self.latency = Histogram(
            "inference_latency_seconds", "From a request's arrival to its answer.", SECONDS
        )
        self.wait = Histogram(
            "inference_queue_wait_seconds", "From an item's arrival to its batch.", SECONDS
        )
        self.size = Histogram("inference_batch_size", "Items in a batch.", SIZES)
        self._past, self._batched = deque(maxlen=LOOKS + 1), 0

    def on_batch(self, size, waits_s):
        """A batch was formed."""
        self._batched += size
        self.size.observe(size)
        for wait_s in waits_s:
            self.wait.observe(wait_s)

    def on_answer(self, status, latency_s):
        """A request was answered."""
        self.answers[status] += 1
        self.latency.observe(latency_s)

    def look(self, fleet, batcher):
        """All counters now: a dict."""
        return {
            "time": asyncio.get_running_loop().time(),
            "queue": batcher.waiting.integral(),
            "in_flight": batcher.in_flight.integral(),
            "ready": fleet.ready_count.integral(),
            "cpu": fleet.cpu_s,
            "batched": self._batched,
        }

    async def watch(self, fleet, batcher):
        """Remember the counters, LOOKS times a period."""
        while True:
            self._past.append(self.look(fleet, batcher))
            await asyncio.sleep(self.settings.period_s / LOOKS)

    def averages(self, fleet, batcher):
        """Averages over the last period: queue, in_flight, utilization in %, items a second."""
        now = self.look(fleet, batcher)
        old = self._past[0] if self._past else now
        change = {name: now[name] - old[name] for name in now}
        seconds = change["time"] or math.inf
        cores = change["ready"] * (self.settings.cpu_milli or 1000) / 1000
        return {
            "queue": change["queue"] / seconds,
            "in_flight": change["in_flight"] / seconds,
            "utilization": 100 * change["cpu"] / cores if cores else 0.0,
            "items_per_s": change["batched"] / seconds,
        }

    def text(self, fleet, batcher):
        """The whole page, bytes."""
        registry = CollectorRegistry()
        registry.register(_Page(self, fleet, batcher))
        return generate_latest(registry)


class _Page:
    """What is known at the moment of asking, for prometheus_client to write down."""

    def __init__(self, metrics, fleet, batcher):
        self.metrics, self.fleet, self.batcher = metrics, fleet, batcher

    def describe(self):
        """Nothing: the names are known when they are collected."""
        return []

    def collect(self):
        """Every gauge, and the counters that others keep."""
        metrics, fleet, batcher = self.metrics, self.fleet, self.batcher
        now, average = metrics.look(fleet, batcher), metrics.averages(fleet, batcher)
        over = f"averaged over the last {metrics.settings.period_s:g} s"
        gauges = {
            "gateway_clock_seconds": ("The clock that belongs to the counters.", now["time"]),
            "inference_queue_length": (f"Items that wait, {over}.", average["queue"]),
            "inference_queue_length_now": ("Items that wait.", batcher.waiting.value),
            "inference_in_flight": (f"Items in replicas, {over}.", average["in_flight"]),
            "inference_in_flight_now": ("Items in replicas.", batcher.in_flight.value),
            "replicas_wanted": ("Replicas asked for.", fleet.wanted),
            "replicas_ready": ("Replicas that can take a batch.", len(fleet.ready)),
            "replica_cpu_utilization_percent": (
                f"CPU used of what ready replicas ask for, {over}.",
                average["utilization"],
            ),
        }
        counters = {
            "inference_queue_length_seconds": ("Items that wait, over time.", now["queue"]),
            "inference_in_flight_seconds": ("Items in replicas, over time.", now["in_flight"]),
            "replicas_ready_seconds": ("Ready replicas, over time.", now["ready"]),
            "replica_deaths": ("Replicas that ended without being asked.", fleet.deaths),
        }
        yield from (GaugeMetricFamily(name, *rest) for name, rest in gauges.items())
        yield from (CounterMetricFamily(name, *rest) for name, rest in counters.items())
        yield from (one.family() for one in (metrics.latency, metrics.wait, metrics.size))
        yield self._answers()
        yield from self._replicas()

    def _answers(self):
        answers = CounterMetricFamily("inference_requests", "Requests answered.", labels=["status"])
        for status, count in sorted(self.metrics.answers.items()):
            answers.add_metric([str(status)], count)
        return answers

    def _replicas(self):
        cpu = CounterMetricFamily(
            "replica_cpu_seconds", "CPU used since it was ready.", labels=["replica"]
        )
        info = GaugeMetricFamily(
            "replica_info", "What is known of a replica.",
            labels=["replica", "pid", "state", "provider"],
        )  # fmt: skip
        for one in self.fleet.members:
            cpu.add_metric([one.name], one.cpu_s)
            info.add_metric([one.name, str(one.pid), one.state, one.provider], 1)
        yield cpu
        yield info
