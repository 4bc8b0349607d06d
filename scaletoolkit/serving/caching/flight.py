"""Calls for the same key at the same time are one. Lab 08."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Who asks while an answer is under way waits for that one.

    A failure reaches all who wait and is forgotten: the next call tries again. Who gives up takes
    nobody along; when all have given up, the work is cancelled. `shared` counts who did not call.
    """

    def __init__(self) -> None:
        self.shared = 0
        self._flights: dict[Hashable, tuple[asyncio.Future[Result], list[object]]] = {}

    def join(
        self, key: Hashable, work: Callable[[], Awaitable[Result]]
    ) -> "asyncio.Future[Result]":
        """The future of the key's answer, of this caller alone; `work()` makes it if nobody does.

        Raises what `work()` itself raises; then nothing is under way.
        """
        if key in self._flights:
            self.shared += 1
        else:
            flight: asyncio.Future[Result] = asyncio.ensure_future(work())
            self._flights[key] = (flight, [])
            flight.add_done_callback(lambda _: self._flights.pop(key))
        flight, waiting = self._flights[key]
        mine: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting.append(mine)
        mine.add_done_callback(lambda _: self._leave(flight, waiting, mine))
        flight.add_done_callback(lambda _: _hand_on(flight, mine))
        return mine

    def _leave(self, flight: "asyncio.Future[Result]", waiting: list[object], mine: object) -> None:
        waiting.remove(mine)
        if not waiting and not flight.done():
            flight.cancel()


def _hand_on(source: "asyncio.Future[Result]", target: "asyncio.Future[Result]") -> None:
    if target.done():
        if not source.cancelled():
            source.exception()  # seen, so that asyncio does not complain
    elif source.cancelled():
        target.cancel()
    elif error := source.exception():
        target.set_exception(error)
    else:
        target.set_result(source.result())
