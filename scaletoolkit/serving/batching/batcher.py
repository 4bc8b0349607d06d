"""The queue of a model server and the rule that forms batches from it. Lab 07.

A replica that is free takes what waits, up to `max_batch_size`. With `max_queue_delay_microseconds`
it first gives a batch that is not full so long to grow, counted from its first request (names and
rule are those of Triton's dynamic batcher). The event loop's timers tick in milliseconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic

from scaletoolkit.machine.measure import Level
from scaletoolkit.serving.batching.lines import (
    Fifo,
    Item,
    Line,
    Request,
    Result,
    check_rule,
)

MAX_ATTEMPTS = 2

Handle = Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]]


class QueueClosed(Exception):
    """The server stops and takes no more requests."""


class ReplicaLost(Exception):
    """The replica that worked on a batch is gone, and so may its answers be."""


Batch = list[Request[Item, Result]]


class Batcher(Generic[Item, Result]):
    """A bounded queue from which any number of replicas take batches. Made in a running loop.

    line: where requests wait, and in which order; None: a Fifo of at most `max_queue_size`.
    `waiting`, `in_flight`: requests over time; `busy`: replicas that work. `on_batch(waits_s)`, if
    set, hears of every batch, `on_call(batch, seconds)` of every call of `handle`, failed or not.
    """

    def __init__(
        self,
        max_batch_size: int = 32,
        max_queue_delay_microseconds: float = 0,
        max_queue_size: float = 1024,
        line: Line[Item, Result] | None = None,
    ) -> None:
        check_rule(max_batch_size, max_queue_delay_microseconds, max_queue_size)
        self.max_batch_size = max_batch_size
        self.max_queue_size = max_queue_size
        self.delay_s = max_queue_delay_microseconds / 1e6
        self.on_batch: Callable[[list[float]], None] = lambda waits_s: None
        self.on_call: Callable[[Batch[Item, Result], float], None] = lambda batch, seconds: None
        self._loop = asyncio.get_running_loop()
        self.waiting = Level(self._loop.time)
        self.in_flight = Level(self._loop.time)
        self.busy = Level(time.perf_counter)  # the loop's counts whole milliseconds
        self._line: Line[Item, Result] = Fifo(max_queue_size) if line is None else line
        self._closed = False
        self._forming = asyncio.Lock()
        self._changed = asyncio.Event()

    def submit(
        self, item: Item, timeout_s: float | None = None, tenant: str = ""
    ) -> asyncio.Future[Result]:
        """Queue an item: the future of its result. Raises QueueFull or QueueClosed.

        Cancel it and the item leaves the queue. After `timeout_s` it fails with DeadlineExceeded.
        """
        if self._closed:
            raise QueueClosed("the server is stopping")
        self._line.check(tenant)
        future: asyncio.Future[Result] = self._loop.create_future()
        request = Request(item, future, self._loop.time(), tenant)
        if timeout_s is not None:
            request.expiry = self._loop.call_later(timeout_s, request.expire, timeout_s)
        future.add_done_callback(lambda _: self._done(request))
        self._line.enter(request)
        self._entered()
        return future

    def close(self) -> None:
        """Take no more requests and fail those that wait; batches in flight are answered."""
        self._closed = True
        for request in self._line.all():
            request.settle(QueueClosed("the server is stopping"))

    async def serve(
        self, handle: Handle[Item, Result], wanted: Callable[[], bool] = lambda: True
    ) -> None:
        """One replica: form a batch, let `handle` answer it, again and again while `wanted()`.

        handle: a coroutine function, list of items to list of results of the same length; a result
        that is an Exception fails its item only. When it raises, the batch is halved until the
        culprits are found. Cancelled, or on ReplicaLost, what is unanswered goes back to the head
        of the queue, once; the second time it fails with ReplicaLost.
        """
        while wanted():
            async with self._forming:  # batches form in the order in which replicas came free
                while not (batch := self._take()):
                    await self._until_due()
            self.in_flight.change(len(batch))
            try:
                await self._answer(batch, handle)
            except (asyncio.CancelledError, ReplicaLost) as lost:
                self._put_back(batch, lost)
                raise
            finally:
                self.in_flight.change(-len(batch))

    def _due_s(self) -> float | None:
        """When the batch that could be formed now is due; None while nobody waits."""
        if not self._line:
            return None
        if len(self._line) >= self.max_batch_size:
            return 0.0
        return self._line.oldest().enqueued_s + self.delay_s

    def _take(self) -> Batch[Item, Result]:
        """The next batch, if one is due; the empty list if not."""
        due_s = self._due_s()
        if due_s is None or due_s > self._loop.time():
            return []
        count = min(len(self._line), self.max_batch_size)
        taken = [self._line.take() for _ in range(count)]
        self.waiting.change(-count)
        batch = [request for request in taken if not request.future.done()]
        if batch:
            now_s = self._loop.time()
            self.on_batch([now_s - request.enqueued_s for request in batch])
        return batch

    async def _until_due(self) -> None:
        """Wait until the batch is due, or something has changed about when it is."""
        self._changed.clear()
        due_s = self._due_s()
        if due_s is None:
            await self._changed.wait()
            return
        alarm = self._loop.call_at(due_s, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            alarm.cancel()

    def _entered(self) -> None:
        self.waiting.change(1)
        if len(self._line) in (1, self.max_batch_size):
            self._changed.set()

    def _done(self, request: Request[Item, Result]) -> None:
        """Answered, failed or cancelled, wherever the request was."""
        if request.expiry:
            request.expiry.cancel()
        if request in self._line:
            self._line.discard(request)
            self.waiting.change(-1)

    def _put_back(self, batch: Batch[Item, Result], lost: BaseException) -> None:
        """To the head of the queue, in order, unless it was there before."""
        for request in reversed(batch):
            request.attempts += 1
            if request.future.done():
                continue
            if self._closed or request.attempts >= MAX_ATTEMPTS:
                request.settle(ReplicaLost(f"tried {request.attempts} times: {lost}"))
                continue
            self._line.put_back(request)
            self._entered()
        self._changed.set()

    async def _answer(self, batch: Batch[Item, Result], handle: Handle[Item, Result]) -> None:
        """Set every future of the batch, halving it for as long as handle raises."""
        batch = [request for request in batch if not request.future.done()]
        if not batch:
            return
        try:
            results = await self._call(batch, handle)
        except ReplicaLost:
            raise
        except Exception as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._answer(batch[:middle], handle)
                await self._answer(batch[middle:], handle)
                return
            results = [error]
        if len(results) != len(batch):
            results = [ValueError(f"{len(batch)} items gave {len(results)} results")] * len(batch)
        for request, result in zip(batch, results, strict=True):
            request.settle(result)

    async def _call(
        self, batch: Batch[Item, Result], handle: Handle[Item, Result]
    ) -> Sequence[Result | Exception]:
        """What `handle` says to the batch; its time is counted, also where it fails."""
        start_s = self.busy.change(1)
        try:
            return await handle([request.item for request in batch])
        finally:
            self.on_call(batch, self.busy.change(-1) - start_s)
