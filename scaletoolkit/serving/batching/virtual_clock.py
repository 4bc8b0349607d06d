"""The real batcher, run on a clock that jumps: seconds of traffic in no time, exactly. Lab 07."""

import asyncio
import heapq
import itertools
import math
import selectors
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar, TypeVarTuple

import numpy as np

from scaletoolkit.serving.batching.batcher import Batcher
from scaletoolkit.serving.batching.lines import QueueFull, check_rule
from scaletoolkit.serving.batching.simulation import BatchRun, rising

Outcome = TypeVar("Outcome")
Given = TypeVarTuple("Given")


class JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: its clock jumps to the next of its timers instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.timers: list[asyncio.TimerHandle] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready after the jump."""
        if timeout is None:
            raise RuntimeError("every task waits, and nothing is left that could wake one")
        if timeout > 0:  # a timer's own moment is exact; adding the timeout would round
            while self.timers[0].cancelled() or self.timers[0].when() <= self.now_s:
                heapq.heappop(self.timers)
            self.now_s = self.timers[0].when()
        return super().select(0)


class VirtualClock(asyncio.SelectorEventLoop):
    """An event loop that never waits: its clock jumps to the next timer instead."""

    def __init__(self) -> None:
        self._clock = JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds since the loop was made, on its own clock."""
        return self._clock.now_s

    def call_at(
        self, when: float, callback: Callable[[*Given], object], *args: *Given, context: Any = None
    ) -> asyncio.TimerHandle:
        """A timer as every event loop has it, remembered for the clock."""
        timer = super().call_at(when, callback, *args, context=context)
        heapq.heappush(self._clock.timers, timer)
        return timer


def run_on_virtual_clock(coroutine: Coroutine[Any, Any, Outcome]) -> Outcome:
    """The coroutine's result. It runs in a thread: a notebook's own event loop is busy."""

    def work() -> Outcome:
        with asyncio.Runner(loop_factory=VirtualClock) as runner:
            return runner.run(coroutine)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def replay(
    arrivals_s: Iterable[float],
    service_s: Callable[[int], float],
    max_batch_size: int = 32,
    max_queue_delay_microseconds: float = 0,
    servers: int = 1,
    max_queue_size: float = math.inf,
) -> BatchRun:
    """What `simulate` computes, done by the real `Batcher` on a virtual clock: a BatchRun."""
    check_rule(max_batch_size, max_queue_delay_microseconds, max_queue_size, servers)
    rule = (max_batch_size, max_queue_delay_microseconds, max_queue_size)
    return run_on_virtual_clock(_replay(rising(arrivals_s), service_s, servers, rule))


async def _replay(
    arrivals_s: list[float],
    service_s: Callable[[int], float],
    servers: int,
    rule: tuple[int, float, float],
) -> BatchRun:
    loop = asyncio.get_running_loop()
    batcher: Batcher[int, int] = Batcher(*rule)
    run = BatchRun([], [], np.full(len(arrivals_s), math.nan))

    async def handle(items: list[int]) -> list[int]:
        run.batches.append(items)
        run.starts_s.append(loop.time())
        await asyncio.sleep(service_s(len(items)))
        run.latencies_s[items] = [loop.time() - arrivals_s[number] for number in items]
        return items

    tasks = [asyncio.create_task(batcher.serve(handle)) for _ in range(servers)]
    await asyncio.gather(*await _submitted(batcher, arrivals_s))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return run


async def _submitted(
    batcher: Batcher[int, int], arrivals_s: list[float]
) -> list[asyncio.Future[int]]:
    """Submit every request at its moment, by its number: the futures of those that found room."""
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[int]] = []
    everybody_came = asyncio.Event()

    def arrive(numbers: list[int]) -> None:
        for number in numbers:
            with suppress(QueueFull):  # its latency stays nan
                futures.append(batcher.submit(number))

    together = itertools.groupby(range(len(arrivals_s)), arrivals_s.__getitem__)
    for time_s, numbers in together:  # timers of the same moment would come in any order
        loop.call_at(time_s, arrive, list(numbers))
    if arrivals_s:
        loop.call_at(arrivals_s[-1], everybody_came.set)
        await everybody_came.wait()
    return futures
