"""One item on its way through a queue, and how it can fail. Lab 07."""

import asyncio
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


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
