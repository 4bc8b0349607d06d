"""Keeps as many replicas alive as are wanted: what a Deployment does in Kubernetes. Lab 09."""

import asyncio
import hmac
import secrets

from scaletoolkit.service import frames
from scaletoolkit.service.gateway.replicas import Member
from scaletoolkit.service.gateway.starter import Nursery
from scaletoolkit.serving.batching import Level

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


class Fleet:
    """The replicas of one gateway. They connect back to a port of its own on loopback."""

    def __init__(self, settings, batcher):
        self.settings, self.batcher, self.wanted = settings, batcher, settings.replicas
        self.members, self.deaths, self._started, self._pause_s = [], 0, 0, 0.0
        self._lives, self._retired_cpu_s = set(), 0.0
        self.ready_count = Level(asyncio.get_running_loop().time)
        self._token, self._door = secrets.token_hex(16), None
        self._nursery = Nursery(settings.warm)

    async def open(self):
        """Listen for replicas and start the first ones."""
        self._door = await asyncio.start_server(self._welcome, "127.0.0.1", 0)
        self._adjust()

    @property
    def ready(self):
        """The replicas that can take a batch."""
        return [member for member in self.members if member.state == "ready"]

    @property
    def cpu_s(self):
        """CPU seconds that replicas have used so far, those that are gone included."""
        return self._retired_cpu_s + sum(member.cpu_s for member in self.members)

    def resize(self, wanted):
        """Want so many replicas: starts some or drains some, those that still start first."""
        self.wanted = wanted
        self._adjust()

    def _adjust(self):
        active = [member for member in self.members if member.state in ("starting", "ready")]
        for _ in range(self.wanted - len(active)):
            self._start()
        excess = len(active) - self.wanted
        oldest_last = [m for m in active if m.state != "ready"] + self.ready[::-1]
        for member in oldest_last[: max(0, excess)]:
            member.drain()

    def _start(self):
        settings, self._started = self.settings, self._started + 1
        orders = {
            "port": self._door.sockets[0].getsockname()[1],
            "token": self._token,
            "folder": str(settings.folder),
            "model": settings.model,
            "cpu_milli": settings.cpu_milli,
            "accelerator_ms": settings.accelerator_ms,
            "start_up_s": settings.start_up_s,
        }
        member = Member(f"replica-{self._started}", orders, settings.batch_timeout_s)
        self.members.append(member)
        life = asyncio.create_task(self._live(member))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    async def _live(self, member):
        """A replica's whole life; when it died of itself another one takes its place.

        Replicas that die before they are ready are replaced ever more slowly.
        """
        await member.live(self._nursery, self.batcher, lambda: self.ready_count.change(1))
        self.members.remove(member)
        self._retired_cpu_s += member.cpu_s
        self.ready_count.change(-1 if member.provider else 0)
        if member.leaving:
            return
        self.deaths += 1
        longer_s = max(FIRST_PAUSE_S, min(LONGEST_PAUSE_S, 2 * self._pause_s))
        self._pause_s = 0.0 if member.provider else longer_s
        asyncio.get_running_loop().call_later(self._pause_s, self._adjust)

    async def _welcome(self, reader, writer):
        """A replica connects: who is it? Anybody who does not know the token is sent away."""
        try:
            hello, _ = await asyncio.wait_for(frames.read(reader), 10)
            expected = [m for m in self.members if m.name == hello.get("name")]
            known = hmac.compare_digest(str(hello.get("token")).encode(), self._token.encode())
            if known and expected and not expected[0].connected.done():
                expected[0].connected.set_result((reader, writer))
                return
        except (EOFError, ValueError, TimeoutError, OSError, AttributeError):
            pass
        writer.close()

    async def close(self):
        """Drain every replica, wait for the batches in flight, end every process."""
        self.resize(0)
        await asyncio.gather(*self._lives, return_exceptions=True)
        await self._nursery.close()
        self._door.close()
