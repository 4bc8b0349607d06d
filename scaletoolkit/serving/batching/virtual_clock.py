"""The real batcher, run on a clock that jumps: seconds of traffic in no time, exactly. Lab 07."""

import asyncio
import heapq
import itertools
import math
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

import numpy as np

from scaletoolkit.serving.batching.batcher import Batcher
from scaletoolkit.serving.batching.request import QueueFull
from scaletoolkit.serving.batching.simulation import BatchRun

Outcome = TypeVar("Outcome")
Arguments = TypeVarTuple("Arguments")


class JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: tells how long it would have waited, and looks."""

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now, after a jump instead of a wait."""
        self._jump(timeout)
        return super().select(0)


class VirtualClock(asyncio.SelectorEventLoop):
    """An event loop that never waits: its clock jumps to the next timer instead."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._timers: list[asyncio.TimerHandle] = []
        super().__init__(JumpingSelector(self._jump))

    def time(self) -> float:
        """Seconds since the loop was made, on its own clock."""
        return self._now_s

    def call_at(
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """A timer as every event loop has it, remembered: the clock jumps from one to the next."""
        timer = super().call_at(when, callback, *args, context=context)
        heapq.heappush(self._timers, timer)
        return timer

    def _jump(self, timeout_s: float | None) -> None:
        if timeout_s is None:
            raise RuntimeError("every task waits, and nothing is left that could wake one")
        if timeout_s > 0:  # a timer's own moment is exact; adding the timeout would round
            while self._timers[0].cancelled() or self._timers[0].when() <= self._now_s:
                heapq.heappop(self._timers)
            self._now_s = self._timers[0].when()


def run_on_virtual_clock(coroutine: Coroutine[Any, Any, Outcome]) -> Outcome:
    """The coroutine's result. It runs in a thread: a notebook's own event loop is busy."""
    results: list[Outcome] = []
    errors: list[Exception] = []

    def work() -> None:
        with asyncio.Runner(loop_factory=VirtualClock) as runner:
            try:
                results.append(runner.run(coroutine))
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def replay(
    arrivals_s: Iterable[float], service_s: Callable[[int], float], servers: int = 1, **options: Any
) -> BatchRun:
    """What `simulate` computes, done by the real `Batcher` on a virtual clock: a BatchRun.

    options: max_batch_size, max_queue_delay_microseconds, max_queue_size.
    """
    return run_on_virtual_clock(_replay(list(arrivals_s), service_s, servers, options))


async def _replay(
    arrivals_s: list[float],
    service_s: Callable[[int], float],
    servers: int,
    options: dict[str, Any],
) -> BatchRun:
    loop = asyncio.get_running_loop()
    batcher: Batcher[int, int] = Batcher(**{"max_queue_size": math.inf, **options})
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
        if numbers[-1] == len(arrivals_s) - 1:
            everybody_came.set()

    together = itertools.groupby(range(len(arrivals_s)), arrivals_s.__getitem__)
    for time_s, numbers in together:  # timers of the same moment would come in any order
        loop.call_at(time_s, arrive, list(numbers))
    if arrivals_s:
        await everybody_came.wait()
    return futures
