"""The rule of the batcher as arithmetic: arrival times in, batches and latencies out. Lab 07."""

import heapq
import itertools
import math
from collections import deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BatchRun:
    """What became of a list of requests.

    batches: the numbers of the requests of each, in the order in which they were formed.
    starts_s: when each began. latencies_s: an array, one a request; nan where it was refused.
    """

    batches: list
    starts_s: list
    latencies_s: np.ndarray

    @property
    def refused(self):
        """How many requests found the queue full."""
        return int(np.isnan(self.latencies_s).sum())

    def __repr__(self):
        sizes = [len(batch) for batch in self.batches] or [0]
        return (
            f"BatchRun: {sum(sizes)} requests in {len(self.batches)} batches of "
            f"{np.mean(sizes):.1f} on average, {self.refused} refused"
        )


def simulate(
    arrivals_s,
    service_s,
    max_batch_size=32,
    max_queue_delay_microseconds=0,
    servers=1,
    max_queue_size=math.inf,
):
    """The batches that `Batcher` would form, without waiting: a BatchRun. Simulated.

    arrivals_s: rising times of one request each, in seconds. service_s: how long a batch takes, a
    function of its size. A request that comes at the very moment of a decision is part of it.
    """
    arrivals_s = _rising(arrivals_s)
    queue = _Queue(arrivals_s, max_batch_size, max_queue_delay_microseconds / 1e6, max_queue_size)
    free_s, now_s = [0.0] * servers, 0.0
    batches, starts_s = [], []
    latencies_s = np.full(len(arrivals_s), math.nan)
    while queue.someone(now_s := max(now_s, free_s[0])):
        now_s = queue.due(now_s)
        batch = queue.take()
        end_s = now_s + service_s(len(batch))
        heapq.heapreplace(free_s, end_s)
        latencies_s[batch] = [end_s - arrivals_s[i] for i in batch]
        batches.append(batch)
        starts_s.append(now_s)
    return BatchRun(batches, starts_s, latencies_s)


class _Queue:
    """The requests that wait at a moment, and those that are still to come."""

    def __init__(self, arrivals_s, max_batch_size, delay_s, max_queue_size):
        self.arrivals_s, self.next, self.waiting = arrivals_s, 0, deque()
        self.max_batch_size, self.delay_s = max_batch_size, delay_s
        self.max_queue_size = max_queue_size

    def admit(self, now_s):
        """Let everything in that arrives until now; what finds no room is refused."""
        while self.next < len(self.arrivals_s) and self.arrivals_s[self.next] <= now_s:
            if len(self.waiting) < self.max_queue_size:
                self.waiting.append(self.next)
            self.next += 1

    def someone(self, now_s):
        """Whether anybody waits, or will."""
        self.admit(now_s)
        return bool(self.waiting) or self.next < len(self.arrivals_s)

    def due(self, now_s):
        """When the server that came free at `now_s` takes its batch."""
        if not self.waiting:
            now_s = self.arrivals_s[self.next]
            self.admit(now_s)
        until_s = self.arrivals_s[self.waiting[0]] + self.delay_s
        while len(self.waiting) < self.max_batch_size and now_s < until_s:
            to_come = self.arrivals_s[self.next : self.next + 1] or [math.inf]
            now_s = min(until_s, to_come[0])
            self.admit(now_s)
        return now_s

    def take(self):
        """The first requests in line, as many as a batch may have."""
        count = min(len(self.waiting), self.max_batch_size)
        return [self.waiting.popleft() for _ in range(count)]


def _rising(arrivals_s):
    times = [float(time_s) for time_s in arrivals_s]
    if any(late < early for early, late in itertools.pairwise(times)):
        raise ValueError("arrivals_s must rise: every request comes after the one before it")
    if times and not (times[0] >= 0 and math.isfinite(times[-1])):
        raise ValueError(f"arrivals_s must be finite and not negative, got {times[0]}")
    return times
