"""The rule of the batcher as arithmetic: arrival times in, batches and latencies out. Lab 07."""

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from scaletoolkit.serving.batching.lines import check_rule


@dataclass(frozen=True)
class BatchRun:
    """What became of a list of requests. batches: the numbers of the requests of each, in order.

    starts_s: when each began. latencies_s: an array, one a request; nan where it was refused.
    """

    batches: list[list[int]]
    starts_s: list[float]
    latencies_s: np.ndarray

    @property
    def refused(self) -> int:
        """How many requests found the queue full."""
        return int(np.isnan(self.latencies_s).sum())

    def __repr__(self) -> str:
        sizes = [len(batch) for batch in self.batches] or [0]
        return (
            f"BatchRun: {sum(sizes)} requests in {len(self.batches)} batches of "
            f"{np.mean(sizes):.1f} on average, {self.refused} refused"
        )


def simulate(
    arrivals_s: Iterable[float],
    service_s: Callable[[int], float],
    max_batch_size: int = 32,
    max_queue_delay_microseconds: float = 0,
    servers: int = 1,
    max_queue_size: float = math.inf,
) -> BatchRun:
    """The batches that `Batcher` would form, without waiting: a BatchRun. Simulated.

    arrivals_s: in seconds, ValueError if they do not rise; one at the moment of a decision is part
    of it. service_s: how long a batch takes, a function of its size. ValueError for a rule that
    Batcher does not take either, or no servers.
    """
    check_rule(max_batch_size, max_queue_delay_microseconds, max_queue_size, servers)
    times_s = rising(arrivals_s)
    queue = _Queue(times_s, max_batch_size, max_queue_delay_microseconds / 1e6, max_queue_size)
    free_s = [0.0] * servers
    run = BatchRun([], [], np.full(len(times_s), math.nan))
    while queue.waiting or queue.next < len(times_s):
        start_s = queue.wait_until_due()
        size = min(len(queue.waiting), max_batch_size)
        batch = [queue.waiting.popleft() for _ in range(size)]
        end_s = start_s + service_s(size)
        heapq.heapreplace(free_s, end_s)
        run.latencies_s[batch] = [end_s - times_s[number] for number in batch]
        run.batches.append(batch)
        run.starts_s.append(start_s)
        queue.admit(free_s[0])
    return run


class _Queue:
    """The requests that wait, and those that are still to come, at a moment that moves on."""

    def __init__(
        self, arrivals_s: list[float], max_batch_size: int, delay_s: float, max_queue_size: float
    ) -> None:
        self.arrivals_s = arrivals_s
        self.max_batch_size = max_batch_size
        self.delay_s = delay_s
        self.max_queue_size = max_queue_size
        self.waiting: deque[int] = deque()
        self.next = 0
        self.now_s = 0.0

    def admit(self, until_s: float) -> None:
        """Let everything in that arrives until then; what finds no room is refused."""
        self.now_s = max(self.now_s, until_s)
        while self.next < len(self.arrivals_s) and self.arrivals_s[self.next] <= self.now_s:
            if len(self.waiting) < self.max_queue_size:
                self.waiting.append(self.next)
            self.next += 1

    def wait_until_due(self) -> float:
        """Let time pass until a server that is free now takes its batch: when that is."""
        if not self.waiting:
            self.admit(self.arrivals_s[self.next])
        due_s = self.arrivals_s[self.waiting[0]] + self.delay_s
        while len(self.waiting) < self.max_batch_size and self.now_s < due_s:
            come_s = self.arrivals_s[self.next] if self.next < len(self.arrivals_s) else math.inf
            self.admit(min(due_s, come_s))
        return self.now_s


def rising(arrivals_s: Iterable[float]) -> list[float]:
    """The times as a list; ValueError where they do not rise, or cannot be."""
    times_s = [float(time_s) for time_s in arrivals_s]
    if times_s != sorted(times_s):
        raise ValueError("arrivals_s must rise: every request comes after the one before it")
    if times_s and not (times_s[0] >= 0 and math.isfinite(times_s[-1])):
        got = f"{times_s[0]} to {times_s[-1]}"
        raise ValueError(f"arrivals_s must be finite and not negative, got {got}")
    return times_s
