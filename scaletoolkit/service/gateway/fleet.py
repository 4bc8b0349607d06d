"""Keeps as many replicas alive as are wanted: what a Deployment does in Kubernetes. Lab 09."""

import asyncio

from scaletoolkit.machine.measure import Level
from scaletoolkit.service.frames import Orders
from scaletoolkit.service.gateway.door import Door
from scaletoolkit.service.gateway.replicas import ItemBatcher, Replica
from scaletoolkit.service.gateway.starter import Starter
from scaletoolkit.service.settings import Settings

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0


class Fleet:
    """The replicas of one gateway. They connect back through its door.

    ready_count: replicas that can take a batch, over time. deaths: of those that were not told to
    go.
    """

    def __init__(self, settings: Settings, batcher: ItemBatcher, door: Door) -> None:
        self.settings = settings
        self.batcher = batcher
        self.wanted = settings.replicas
        self.replicas: list[Replica] = []
        self.deaths = 0
        self.ready_count = Level(asyncio.get_running_loop().time)
        self._door = door
        self._starter = Starter(settings.warm)
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = 0
        self._pause_s = 0.0
        self._retired_cpu_s = 0.0

    def open(self) -> None:
        """Start the first replicas."""
        self._adjust()

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
        ready = self.ready
        starting = [replica for replica in self.replicas if replica.state == "starting"]
        missing = self.wanted - len(starting) - len(ready)
        for _ in range(missing):
            self._start()
        newest_first = starting + ready[::-1]
        for replica in newest_first[: max(0, -missing)]:
            replica.drain()

    def _start(self) -> None:
        self._started += 1
        name = f"replica-{self._started}"
        orders: Orders = {
            "name": name,
            "port": self._door.port,
            "token": self._door.token,
            "folder": str(self.settings.folder),
            "model": self.settings.model,
            "cpu_milli": self.settings.cpu_milli,
            "accelerator_ms": self.settings.accelerator_ms,
            "start_up_s": self.settings.start_up_s,
        }
        replica = Replica(orders, self._door.expect(name), self.settings.batch_timeout_s)
        self.replicas.append(replica)
        task = asyncio.create_task(self._live(replica))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, replica: Replica) -> None:
        """A replica's whole life; when it died of itself another one takes its place.

        Replicas that die before they are ready are replaced ever more slowly.
        """
        await replica.live(self._starter, self.batcher, lambda: self.ready_count.change(1))
        self.replicas.remove(replica)
        self._retired_cpu_s += replica.cpu_s
        if replica.was_ready:
            self.ready_count.change(-1)
        if replica.leaving:
            return
        self.deaths += 1
        longer_s = max(FIRST_PAUSE_S, min(LONGEST_PAUSE_S, 2 * self._pause_s))
        self._pause_s = 0.0 if replica.was_ready else longer_s
        asyncio.get_running_loop().call_later(self._pause_s, self._adjust)

    async def close(self) -> None:
        """Drain every replica, wait for the batches in flight, end every process."""
        self.resize(0)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._starter.close()
