"""The queue of a model server and the rule that forms batches from it. Lab 07.

A replica that is free takes what waits, up to `max_batch_size`. With `max_queue_delay_microseconds`
it first gives a batch that is not full so long to grow, counted from its first request (names and
rule are those of Triton's dynamic batcher). The event loop's timers tick in milliseconds.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from scaletoolkit.machine.measure import Level

MAX_ATTEMPTS = 2

Item = TypeVar("Item")
Result = TypeVar("Result")
Handle = Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]]


class QueueFull(Exception):
    """No room: as many requests wait as the queue may hold."""


class QueueClosed(Exception):
    """The server stops and takes no more requests."""


class DeadlineExceeded(Exception):
    """A request was not answered within its time."""


class ReplicaLost(Exception):
    """The replica that worked on a batch is gone, and so may its answers be."""


class Request(Generic[Item, Result]):
    """One item: when it came, how often a replica has tried it, who waits for it."""

    __slots__ = ("attempts", "enqueued_s", "expiry", "future", "item")

    def __init__(self, item: Item, future: asyncio.Future[Result], enqueued_s: float) -> None:
        self.item = item
        self.future = future
        self.enqueued_s = enqueued_s
        self.attempts = 0
        self.expiry: asyncio.TimerHandle | None = None

    def settle(self, result: Result | Exception) -> None:
        """Hand the result, or the error, to who waits for it, unless nobody does any more."""
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)

    def expire(self, timeout_s: float) -> None:
        """Fail, because it took too long."""
        self.settle(DeadlineExceeded(f"not answered within {timeout_s:g} s"))


Batch = list[Request[Item, Result]]


class Batcher(Generic[Item, Result]):
    """A bounded queue from which any number of replicas take batches. Made in a running loop.

    `waiting`, `in_flight`: requests over time. `on_batch(waits_s)`, if set, hears of every batch.
    """

    def __init__(
        self,
        max_batch_size: int = 32,
        max_queue_delay_microseconds: float = 0,
        max_queue_size: float = 1024,
    ) -> None:
        for name, value, least in [
            ("max_batch_size", max_batch_size, 1),
            ("max_queue_delay_microseconds", max_queue_delay_microseconds, 0),
            ("max_queue_size", max_queue_size, 1),
        ]:
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        self.max_batch_size = max_batch_size
        self.max_queue_size = max_queue_size
        self.delay_s = max_queue_delay_microseconds / 1e6
        self.on_batch: Callable[[list[float]], None] = lambda waits_s: None
        self._loop = asyncio.get_running_loop()
        self.waiting = Level(self._loop.time)
        self.in_flight = Level(self._loop.time)
        self._queue: OrderedDict[Request[Item, Result], None] = OrderedDict()
        self._closed = False
        self._forming = asyncio.Lock()
        self._changed = asyncio.Event()

    def submit(self, item: Item, timeout_s: float | None = None) -> asyncio.Future[Result]:
        """Queue an item: the future of its result. Raises QueueFull or QueueClosed.

        Cancel it and the item leaves the queue. After `timeout_s` it fails with DeadlineExceeded.
        """
        if self._closed:
            raise QueueClosed("the server is stopping")
        if len(self._queue) >= self.max_queue_size:
            raise QueueFull(f"{len(self._queue)} requests wait already; no more are taken")
        future: asyncio.Future[Result] = self._loop.create_future()
        request = Request(item, future, self._loop.time())
        if timeout_s is not None:
            request.expiry = self._loop.call_later(timeout_s, request.expire, timeout_s)
        future.add_done_callback(lambda _: self._done(request))
        self._enter(request)
        return future

    def close(self) -> None:
        """Take no more requests and fail those that wait; batches in flight are answered."""
        self._closed = True
        for request in list(self._queue):
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
        if not self._queue:
            return None
        if len(self._queue) >= self.max_batch_size:
            return 0.0
        return next(iter(self._queue)).enqueued_s + self.delay_s

    def _take(self) -> Batch[Item, Result]:
        """The next batch, if one is due; the empty list if not."""
        due_s = self._due_s()
        if due_s is None or due_s > self._loop.time():
            return []
        count = min(len(self._queue), self.max_batch_size)
        taken = [self._queue.popitem(last=False)[0] for _ in range(count)]
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

    def _enter(self, request: Request[Item, Result]) -> None:
        self._queue[request] = None
        self.waiting.change(1)
        if len(self._queue) in (1, self.max_batch_size):
            self._changed.set()

    def _done(self, request: Request[Item, Result]) -> None:
        """Answered, failed or cancelled, wherever the request was."""
        if request.expiry:
            request.expiry.cancel()
        if request in self._queue:
            del self._queue[request]
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
            self._enter(request)
            self._queue.move_to_end(request, last=False)
        self._changed.set()

    async def _answer(self, batch: Batch[Item, Result], handle: Handle[Item, Result]) -> None:
        """Set every future of the batch, halving it for as long as handle raises."""
        batch = [request for request in batch if not request.future.done()]
        if not batch:
            return
        try:
            results = await handle([request.item for request in batch])
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
