"""Calls for the same key at the same time are one. Lab 08."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Any, Generic, TypeVar

from scaletoolkit.serving.batching.virtual_clock import run_on_virtual_clock

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Who asks while an answer is under way waits for that one.

    A failure reaches all who wait and is forgotten: the next call tries again. Who gives up takes
    nobody along; when all have given up, the work is cancelled. `shared` counts who did not call.
    """

    def __init__(self) -> None:
        self.shared = 0
        self._flights: dict[Hashable, tuple[asyncio.Future[Result], set[object]]] = {}

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
            self._flights[key] = (flight, set())
            flight.add_done_callback(lambda done: self._forget(key, done))
        flight, waiting = self._flights[key]
        mine: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting.add(mine)

        def leave(_: object) -> None:
            waiting.discard(mine)
            if not waiting and not flight.done():
                self._forget(key, flight)  # first: nobody may join what is being cancelled
                flight.cancel()

        mine.add_done_callback(leave)
        flight.add_done_callback(lambda _: _hand_on(flight, mine))
        return mine

    def _forget(self, key: Hashable, flight: "asyncio.Future[Result]") -> None:
        if key in self._flights and self._flights[key][0] is flight:
            del self._flights[key]


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


Share = Callable[[dict[str, Any], str, Callable[[], Awaitable[int]]], Awaitable[int]]
Caller = tuple[float, str, float | None]


def play(share: Share, callers: Iterable[Caller]) -> list[tuple[float, int | str]]:
    """What each caller got, and when, on a virtual clock: (second, number of the model call).

    callers: (when they come, key, after how long they leave or None). share(flights, key, work) is
    awaited for each; `flights` is one dict for all. A call of the model takes 0.9 s, and fails for
    keys that begin with "bad": then "failed" stands for the number, "left" for who left in time,
    and "lost" for who was cancelled although waiting.
    """
    return run_on_virtual_clock(_play(share, list(callers)))


async def _play(share: Share, callers: list[Caller]) -> list[tuple[float, int | str]]:
    clock = asyncio.get_running_loop().time
    flights: dict[str, Any] = {}
    numbers = itertools.count(1)

    async def model(key: str) -> int:
        number = next(numbers)
        await asyncio.sleep(0.9)
        if key.startswith("bad"):
            raise ValueError(f"the model cannot answer {key}")
        return number

    async def call(comes_s: float, key: str, patience_s: float | None) -> tuple[float, int | str]:
        await asyncio.sleep(comes_s)
        try:
            async with asyncio.timeout(patience_s):
                got: int | str = await share(flights, key, lambda: model(key))
        except TimeoutError:
            got = "left"
        except ValueError:
            got = "failed"
        except asyncio.CancelledError:
            got = "lost"
        return clock(), got

    return await asyncio.gather(*(call(*caller) for caller in callers))
