"""The queue of a model server and the rule that forms batches from it. Lab 07.

A server that is free takes what waits, up to `max_batch_size`. With `max_queue_delay_microseconds`
it first gives a batch that is not full so long to grow, counted from its first request (the names
and the rule are those of Triton's dynamic batcher). The delay is as fine as the event loop's
timers, which tick in milliseconds.
"""

import asyncio
from collections import OrderedDict

from scaletoolkit.machine.measure import Level

MAX_ATTEMPTS = 2


class QueueFull(Exception):
    """No room: as many requests wait as the queue may hold."""


class QueueClosed(Exception):
    """The server stops and takes no more requests."""


class DeadlineExceeded(Exception):
    """A request was not answered within its time."""


class ServerLost(Exception):
    """What worked on a batch is gone, and so may its answers be."""


class Request:
    """One item on its way: when it came, how often a server has tried it, who waits for it."""

    __slots__ = ("attempts", "enqueued_at", "expiry", "future", "item")

    def __init__(self, item, future, enqueued_at):
        self.item, self.future, self.enqueued_at = item, future, enqueued_at
        self.attempts, self.expiry = 0, None


class Batcher:
    """A bounded queue from which any number of servers take batches. Made inside a running loop.

    `waiting` and `in_flight` are Levels. `on_batch(sizes, waits_s)` is called with every batch
    formed: its size, and how long each of its requests waited.
    """

    def __init__(
        self,
        max_batch_size=32,
        max_queue_delay_microseconds=0,
        max_queue_size=1024,
        on_batch=lambda size, waits_s: None,
    ):
        for name, value, least in [
            ("max_batch_size", max_batch_size, 1),
            ("max_queue_delay_microseconds", max_queue_delay_microseconds, 0),
            ("max_queue_size", max_queue_size, 1),
        ]:
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        self.max_batch_size, self.max_queue_size = max_batch_size, max_queue_size
        self.delay_s, self.on_batch = max_queue_delay_microseconds / 1e6, on_batch
        self._loop = asyncio.get_running_loop()
        self.waiting, self.in_flight = Level(self._loop.time), Level(self._loop.time)
        self._queue, self._closed = OrderedDict(), False
        self._forming, self._changed = asyncio.Lock(), asyncio.Event()

    def submit(self, item, timeout_s=None):
        """Queue an item: the future of its result. Raises QueueFull or QueueClosed.

        Cancel the future and the item leaves the queue. After `timeout_s` it fails with
        DeadlineExceeded, wherever the item is.
        """
        if self._closed:
            raise QueueClosed("the server is stopping")
        if len(self._queue) >= self.max_queue_size:
            raise QueueFull(f"{len(self._queue)} requests wait already; no more are taken")
        request = Request(item, self._loop.create_future(), self._loop.time())
        if timeout_s is not None:
            request.expiry = self._loop.call_later(timeout_s, _expire, request.future, timeout_s)
        request.future.add_done_callback(lambda _: self._done(request))
        self._enter(request)
        return request.future

    def close(self):
        """Take no more requests and fail those that wait; batches in flight are answered."""
        self._closed = True
        for request in list(self._queue):
            _fail(request, QueueClosed("the server is stopping"))

    async def serve(self, handle, wanted=lambda: True):
        """One server: form a batch, let `handle` answer it, again and again while `wanted()`.

        handle: a coroutine function, list of items to list of results of the same length; a result
        that is an Exception fails its item only. When handle raises, the batch is halved until the
        items that cause it are found. Cancelled, or on ServerLost, what is unanswered goes back to
        the head of the queue, once; the second time it fails with ServerLost.
        """
        while wanted():
            batch = await self._next_batch()
            self.in_flight.change(len(batch))
            try:
                await self._answer(batch, handle)
            except (asyncio.CancelledError, ServerLost) as lost:
                self._put_back(batch, lost)
                raise
            finally:
                self.in_flight.change(-len(batch))

    async def _next_batch(self):
        async with self._forming:  # servers form batches in the order in which they came free
            while not (batch := self._take()):
                await self._until_due()
            return batch

    def _due_at(self):
        """When the batch that could be formed now is due; None while nobody waits."""
        if not self._queue:
            return None
        first = next(iter(self._queue))
        return 0.0 if len(self._queue) >= self.max_batch_size else first.enqueued_at + self.delay_s

    def _take(self):
        """The next batch, if one is due; the empty list if not."""
        due_at = self._due_at()
        if due_at is None or due_at > self._loop.time():
            return []
        count = min(len(self._queue), self.max_batch_size)
        taken = [self._queue.popitem(last=False)[0] for _ in range(count)]
        self.waiting.change(-count)
        batch = [request for request in taken if not request.future.done()]
        if batch:
            now = self._loop.time()
            self.on_batch(len(batch), [now - request.enqueued_at for request in batch])
        return batch

    async def _until_due(self):
        """Wait until the batch is due, or until something has changed about when it is."""
        self._changed.clear()
        due_at = self._due_at()
        alarm = due_at is not None and self._loop.call_at(due_at, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            if alarm:
                alarm.cancel()

    def _enter(self, request):
        self._queue[request] = None
        self.waiting.change(1)
        if len(self._queue) in (1, self.max_batch_size):
            self._changed.set()

    def _done(self, request):
        """Answered, failed or cancelled, wherever the request was."""
        if request.expiry:
            request.expiry.cancel()
        if request in self._queue:
            del self._queue[request]
            self.waiting.change(-1)

    def _put_back(self, batch, lost):
        """To the head of the queue, in order, unless it was there before."""
        for request in reversed(batch):
            request.attempts += 1
            if request.future.done():
                continue
            if self._closed or request.attempts >= MAX_ATTEMPTS:
                _fail(request, ServerLost(f"tried {request.attempts} times: {lost}"))
                continue
            self._enter(request)
            self._queue.move_to_end(request, last=False)
        self._changed.set()

    async def _answer(self, batch, handle):
        """Set every future of the batch, halving it for as long as handle raises."""
        batch = [request for request in batch if not request.future.done()]
        if not batch:
            return
        try:
            results = await handle([request.item for request in batch])
        except ServerLost:
            raise
        except Exception as error:
            await self._find_culprits(batch, handle, error)
        else:
            _settle(batch, results)

    async def _find_culprits(self, batch, handle, error):
        """Fail the one item of the batch, or try each half of it alone."""
        if len(batch) == 1:
            _fail(batch[0], error)
            return
        middle = len(batch) // 2
        await self._answer(batch[:middle], handle)
        await self._answer(batch[middle:], handle)


def _settle(batch, results):
    if len(results) != len(batch):
        short = ValueError(f"{len(batch)} items gave {len(results)} results")
        results = [short] * len(batch)
    for request, result in zip(batch, results, strict=True):
        if isinstance(result, Exception):
            _fail(request, result)
        elif not request.future.done():
            request.future.set_result(result)


def _fail(request, error):
    if not request.future.done():
        request.future.set_exception(error)


def _expire(future, timeout_s):
    if not future.done():
        future.set_exception(DeadlineExceeded(f"not answered within {timeout_s:g} s"))
