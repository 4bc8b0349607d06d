"""The real batcher, run on a clock that jumps: seconds of traffic in no time, exactly. Lab 07."""

import asyncio
import contextlib
import itertools
import math
import threading

import numpy as np

from scaletoolkit.serving.batching.batcher import Batcher, QueueFull
from scaletoolkit.serving.batching.simulation import BatchRun


class VirtualClock(asyncio.SelectorEventLoop):
    """An event loop that never waits: its clock jumps to the next timer instead."""

    def __init__(self):
        super().__init__()
        self._now = 0.0
        self._select, self._selector.select = self._selector.select, self._jump

    def time(self):
        """Seconds since the loop was made, on its own clock."""
        return self._now

    def _jump(self, timeout):
        if timeout is None:
            raise RuntimeError("every task waits, and nothing is left that could wake one")
        if timeout > 0:  # the head of the heap is exact; adding the timeout would round
            self._now = self._scheduled[0].when()
        return self._select(0)


def run_on_virtual_clock(coroutine):
    """The coroutine's result. It runs in a thread: a notebook's own event loop is busy."""
    outcome = []

    def work():
        with asyncio.Runner(loop_factory=VirtualClock) as runner:
            try:
                outcome.append((runner.run(coroutine), None))
            except Exception as error:
                outcome.append((None, error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error:
        raise error
    return result


def replay(arrivals_s, service_s, servers=1, **options):
    """What `simulate` computes, done by the real `Batcher` on a virtual clock: a BatchRun.

    options: max_batch_size, max_queue_delay_microseconds, max_queue_size.
    """
    return run_on_virtual_clock(_replay(list(arrivals_s), service_s, servers, options))


async def _replay(arrivals_s, service_s, servers, options):
    loop, batcher = asyncio.get_running_loop(), Batcher(**{"max_queue_size": math.inf, **options})
    batches, starts_s, latencies_s = [], [], np.full(len(arrivals_s), math.nan)
    futures, everybody = [], asyncio.Event()

    async def handle(items):
        batches.append(items)
        starts_s.append(loop.time())
        await asyncio.sleep(service_s(len(items)))
        latencies_s[items] = [loop.time() - arrivals_s[i] for i in items]
        return items

    def arrive(numbers):
        for number in numbers:
            with contextlib.suppress(QueueFull):  # its latency stays nan
                futures.append(batcher.submit(number))
        if numbers[-1] == len(arrivals_s) - 1:
            everybody.set()

    tasks = [asyncio.create_task(batcher.serve(handle)) for _ in range(servers)]
    together = itertools.groupby(range(len(arrivals_s)), arrivals_s.__getitem__)
    for time_s, numbers in together:  # timers of the same moment would come in any order
        loop.call_at(time_s, arrive, list(numbers))
    if arrivals_s:
        await everybody.wait()
    await asyncio.gather(*futures)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return BatchRun(batches, starts_s, latencies_s)
