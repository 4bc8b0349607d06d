"""Keeps as many replicas alive as are wanted: what a Deployment does in Kubernetes. Lab 09."""

import asyncio
import contextlib
import hmac
import itertools
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import asdict

from scaletoolkit.machine.measure import Level
from scaletoolkit.service import frames
from scaletoolkit.service.gateway.replicas import ItemBatcher, Replica, Streams
from scaletoolkit.service.gateway.starter import Starter
from scaletoolkit.service.settings import Settings

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
INTRODUCTION_S = 10.0


class Door:
    """A port on loopback that lets in expected replicas, each once; only they know `token`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = secrets.token_hex(16)
        self._numbers = itertools.count(1)
        self._expected: dict[str, asyncio.Future[Streams]] = {}

    def next_name(self) -> str:
        """A name that no other replica of this gateway has had."""
        return f"replica-{next(self._numbers)}"

    def expect(self, name: str) -> asyncio.Future[Streams]:
        """From now on a replica of that name may come: the future of its connection."""
        connected: asyncio.Future[Streams] = asyncio.get_running_loop().create_future()
        self._expected[name] = connected
        connected.add_done_callback(lambda _: self._expected.pop(name))
        return connected

    async def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody connects: who is it? Anybody who does not know the token is sent away."""
        strange = (EOFError, ValueError, TimeoutError, OSError, AttributeError, RecursionError)
        with contextlib.suppress(*strange):
            frame = frames.read(reader, frames.INTRODUCTION_BYTES)
            said, _ = await asyncio.wait_for(frame, INTRODUCTION_S)
            known = hmac.compare_digest(str(said.get("token")).encode(), self.token.encode())
            connected = self._expected.get(str(said.get("name")))
            if known and connected and not connected.done():
                connected.set_result((reader, writer))
                return
        writer.close()


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Door]:
    """A Door whose port is open inside the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        door = Door(listening.getsockname()[1])
        with contextlib.closing(await asyncio.start_server(door.welcome, sock=listening)):
            yield door


class Fleet:
    """The replicas of one model. ready_count: over time. deaths: of those not told to go.

    trouble: why the model could not be loaded; "" again once a replica was ready.
    """

    def __init__(
        self, settings: Settings, batcher: ItemBatcher, door: Door, starter: Starter
    ) -> None:
        self.settings = settings
        self.batcher = batcher
        self.wanted = 0
        self.replicas: list[Replica] = []
        self.deaths = 0
        self.ready_count = Level(asyncio.get_running_loop().time)
        self._door = door
        self._starter = starter
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause_s = 0.0
        self._again: asyncio.TimerHandle | None = None
        self._retired_cpu_s = 0.0
        self._version = ""
        self.trouble = ""

    @property
    def version(self) -> str:
        """The sha256 of the model of the newest replica that was ready; "" before there is one.

        While no replica can answer, it is that of the last one.
        """
        for replica in reversed(self.replicas):
            if replica.was_ready:
                return replica.version
        return self._version

    @property
    def ready(self) -> list[Replica]:
        """The replicas that can take a batch."""
        return [replica for replica in self.replicas if replica.state == "ready"]

    @property
    def cpu_s(self) -> float:
        """CPU seconds that replicas have used so far, those that are gone included."""
        return self._retired_cpu_s + sum(replica.cpu_s for replica in self.replicas)

    def resize(self, wanted: int) -> None:
        """Want so many replicas: starts some or drains some, those that still start first."""
        self.wanted = wanted
        self._adjust()

    def _adjust(self) -> None:
        if self._again:
            self._again.cancel()
            self._again = None
        starting = [replica for replica in self.replicas if replica.state == "starting"]
        expendable_first = starting + self.ready[::-1]
        missing = self.wanted - len(expendable_first)
        for _ in range(missing):
            self._start()
        for replica in expendable_first[: max(0, -missing)]:
            replica.drain()

    def _start(self) -> None:
        name = self._door.next_name()
        orders: frames.Orders = {
            "name": name,
            "port": self._door.port,
            "token": self._door.token,
            "settings": asdict(self.settings) | {"tenants": None},  # no business of a replica's
            "model": self.settings.model,
        }
        replica = Replica(orders, self._door.expect(name), self.settings.batch_timeout_s)
        self.replicas.append(replica)
        task = asyncio.create_task(self._live(replica))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, replica: Replica) -> None:
        """A replica's whole life; it is replaced when it dies, ever later while none gets ready."""
        await replica.live(self._starter, self.batcher, self._on_ready)
        self.trouble = replica.trouble or self.trouble
        self._version = self.version
        self.replicas.remove(replica)
        self._retired_cpu_s += replica.cpu_s
        if replica.was_ready:
            self.ready_count.change(-1)
        if replica.leaving:
            return
        self.deaths += 1
        if replica.was_ready:
            self._adjust()
        elif not self._again:  # those that die together, as with their template, wait once
            self._pause_s = max(FIRST_PAUSE_S, min(LONGEST_PAUSE_S, 2 * self._pause_s))
            self._again = asyncio.get_running_loop().call_later(self._pause_s, self._adjust)

    def _on_ready(self) -> None:
        self.trouble = ""
        self._pause_s = 0.0
        self.ready_count.change(1)

    async def close(self) -> None:
        """Drain every replica, wait for the batches in flight, end every process."""
        self.resize(0)
        await asyncio.gather(*self._tasks, return_exceptions=True)
