"""One version of a model that a tenant has brought: ready, used, retired. Lab 11."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scaletoolkit.service.gateway.payloads import BadRequest
from scaletoolkit.service.gateway.served import Common, Served
from scaletoolkit.service.settings import Settings

LOAD_S = 60.0
LOOK_S = 0.02
FOLDERS = re.compile(r"(?<![\w.])/\S*/")  # of a path from the root
SHOWN_CHARACTERS = 300  # of why a model cannot be loaded


class Version:
    """A model's file and all that answers for it. number: of this version, as text.

    Raises BadRequest where the file is no model that can be served.
    """

    def __init__(self, number: str, settings: Settings, common: Common) -> None:
        self.number = number
        self._path = Path(settings.folder)
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.served = Served(settings, common, number)

    @property
    def memory_bytes(self) -> int:
        """What its replica took to load it; at least its file."""
        ready = self.served.fleet.ready
        return max([self._path.stat().st_size, *(replica.memory_bytes for replica in ready)])

    @contextmanager
    def used(self) -> Iterator[None]:
        """It is not retired inside the block."""
        self._users += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()

    async def start(self) -> None:
        """Start its replica, and wait until it has answered; BadRequest says why it cannot."""
        fleet = self.served.fleet
        fleet.resize(1)
        looks = range(round(LOAD_S / LOOK_S))
        for _ in looks:
            if fleet.ready:
                return
            if fleet.deaths:
                why = fleet.trouble or "its process ended while it was loaded"
                raise BadRequest(told(why), 422)
            await asyncio.sleep(LOOK_S)
        raise BadRequest(f"the model was not ready within {LOAD_S:g} s", 422)

    async def retire(self) -> None:
        """Answer what it has been asked, then end its replica and remove its file."""
        await self._idle.wait()
        await self.served.fleet.close()
        shutil.rmtree(self._path.parent, ignore_errors=True)


class Shelf:
    """A tenant's model. count: versions so far. previous: loaded as well, to be rolled back to."""

    def __init__(self) -> None:
        self.count = 0
        self.current: Version | None = None
        self.previous: Version | None = None

    def switch(self, version: Version) -> None:
        """From now on this one is asked."""
        self.previous = self.current
        self.current = version


def told(why: str) -> str:
    """The reason as a tenant may hear it: in which folders files lie here is not its business."""
    return FOLDERS.sub("", " ".join(why.split()))[:SHOWN_CHARACTERS]
