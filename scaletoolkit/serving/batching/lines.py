"""Who waits for a batch, and in which order: first come, first served. Lab 07."""

import asyncio
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class QueueFull(Exception):
    """No room: as many requests wait as the queue may hold."""


class DeadlineExceeded(Exception):
    """A request was not answered within its time."""


def check_rule(
    max_batch_size: float,
    max_queue_delay_microseconds: float,
    max_queue_size: float,
    servers: int = 1,
) -> None:
    """Raise ValueError for a rule by which no request would ever be answered."""
    for name, value, least in [
        ("max_batch_size", max_batch_size, 1),
        ("max_queue_delay_microseconds", max_queue_delay_microseconds, 0),
        ("max_queue_size", max_queue_size, 1),
        ("servers", servers, 1),
    ]:
        if not value >= least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


class Request(Generic[Item, Result]):
    """One item: whose it is, when it came, how often a replica has tried it, who waits for it."""

    __slots__ = ("attempts", "enqueued_s", "expiry", "future", "item", "tenant")

    def __init__(
        self, item: Item, future: asyncio.Future[Result], enqueued_s: float, tenant: str = ""
    ) -> None:
        self.item = item
        self.future = future
        self.enqueued_s = enqueued_s
        self.tenant = tenant
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


class Line(Protocol[Item, Result]):
    """What a Batcher asks of the line in which its requests wait."""

    def __len__(self) -> int: ...

    def __contains__(self, request: object, /) -> bool: ...

    def check(self, tenant: str) -> None:
        """Raise QueueFull where one more item of this tenant has no room."""

    def enter(self, request: Request[Item, Result]) -> None:
        """One more waits."""

    def put_back(self, request: Request[Item, Result]) -> None:
        """Undo a `take`: it is next again, whether or not there is room."""

    def take(self) -> Request[Item, Result]:
        """Who is next leaves the line. There must be one."""

    def discard(self, request: Request[Item, Result]) -> None:
        """One that waits leaves the line untaken."""

    def all(self) -> list[Request[Item, Result]]:
        """All that wait."""

    def oldest(self) -> Request[Item, Result]:
        """Who has waited longest. There must be one."""


class Fifo(Generic[Item, Result]):
    """First come, first served; at most `most` wait, whosever they are."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._requests: OrderedDict[Request[Item, Result], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._requests)

    def __contains__(self, request: object, /) -> bool:
        return request in self._requests

    def check(self, tenant: str) -> None:
        """Raise QueueFull where one more item has no room."""
        if len(self._requests) >= self._most:
            raise QueueFull(f"{len(self._requests)} requests wait already; no more are taken")

    def enter(self, request: Request[Item, Result]) -> None:
        """One more waits, at the end."""
        self._requests[request] = None

    def put_back(self, request: Request[Item, Result]) -> None:
        """Undo a `take`: to the head of the line."""
        self._requests[request] = None
        self._requests.move_to_end(request, last=False)

    def take(self) -> Request[Item, Result]:
        """The head of the line leaves it."""
        return self._requests.popitem(last=False)[0]

    def discard(self, request: Request[Item, Result]) -> None:
        """One that waits leaves the line untaken."""
        del self._requests[request]

    def all(self) -> list[Request[Item, Result]]:
        """All that wait, in order."""
        return list(self._requests)

    def oldest(self) -> Request[Item, Result]:
        """The head of the line."""
        return next(iter(self._requests))
