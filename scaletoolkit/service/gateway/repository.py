"""Models that tenants bring themselves: loaded, warmed, switched to, rolled back. Lab 11.

Each version has a replica and a queue of its own, so what one tenant loads touches no other's.
Names are a tenant's own as well: to everybody else there is no such model. Of a model two versions
are loaded at most, the current one and the one before, which gives way when a new one is loaded
(not to a file that is no model, or too large; but it is not there any more if the new one fails).

The pages are named as in github.com/triton-inference-server/server,
docs/protocol/extension_model_repository.md; but the body of a load is the ONNX file itself.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson
from starlette.types import Receive

from scaletoolkit.machine import processes
from scaletoolkit.service import tenancy
from scaletoolkit.service.gateway import asgi, inference
from scaletoolkit.service.gateway.payloads import BadRequest
from scaletoolkit.service.gateway.served import Answered, Caller, Common, Served
from scaletoolkit.service.gateway.tenants import Account
from scaletoolkit.service.gateway.versions import Shelf, Version, told
from scaletoolkit.service.settings import Settings

Endpoint = Callable[[Caller, str, Receive], Awaitable[Answered]]
Ask = Callable[[Served, Caller, str, Receive], Awaitable[Answered]]
Change = Callable[[str, str, Receive], Awaitable[Version | None]]


class Desk:
    """Where one tenant's models are changed: one after the other."""

    def __init__(self, account: Account, timeout_s: float, held: asgi.Held) -> None:
        self.account = account
        self.lock = asyncio.Lock()
        self.bodies = asgi.Bodies(min(account.model_bytes, asgi.HELD_BYTES), timeout_s, held)

    @property
    def left_bytes(self) -> int:
        """What the tenant's models may still take."""
        return self.account.model_bytes - sum(self.account.models.values())


class Repository:
    """The tenants' own models: a Shelf for each (tenant, name)."""

    def __init__(self, settings: Settings, common: Common) -> None:
        self._shared = settings.model["name"]
        self._settings = replace(settings, tenants=None, replicas=1)
        self._common = common
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._versions: set[Version] = set()
        self._home: Path | None = None
        accounts = common.tenants.accounts.items()
        self._desks = {
            name: Desk(account, settings.timeout_s, common.held) for name, account in accounts
        }

    @property
    def served(self) -> list[Served]:
        """All versions that are loaded, or about to be."""
        return [version.served for version in self._versions]

    def endpoint(self, method: str, path: str) -> Endpoint | None:
        """What answers this page, if it is one of a tenant's own models."""
        changes: dict[str, Change] = {
            "load": self._load,
            "unload": self._unload,
            "roll-back": self._roll_back,
        }
        match (method, *path.split("/")[1:]):
            case ("POST", "v1", "predict", name):
                return self._asking(name, Served.predict, path)
            case ("POST", "v2", "models", name, "infer"):
                return self._asking(name, Served.infer, path)
            case ("GET", "v2", "models", name) if name != self._shared:
                return self._asking(name, _about, path)
            case ("POST", "v2", "repository", "models", name, action) if action in changes:
                return self._changing(name, changes[action])
            case ("POST", "v2", "repository", "index"):
                return self._index
        return None

    async def close(self) -> None:
        """End the replicas of all versions."""
        await asyncio.gather(*(version.served.fleet.close() for version in self._versions))

    def _asking(self, name: str, ask: Ask, path: str) -> Endpoint:
        """One version answers the whole request, and says which."""

        async def answer(caller: Caller, tenant: str, receive: Receive) -> Answered:
            shelf = self._shelves.get((tenant, name))
            version = shelf.current if shelf else None
            if not version:
                raise BadRequest(f"{path}: Not Found", 404)
            with version.used():
                body, headers = await ask(version.served, caller, tenant, receive)
            return body, [*headers, (b"x-model-version", version.number.encode())]

        return answer

    def _changing(self, name: str, change: Change) -> Endpoint:
        async def answer(caller: Caller, tenant: str, receive: Receive) -> Answered:
            async with self._desks[tenant].lock:
                version = await change(tenant, name, receive)
            return orjson.dumps({"name": name, "version": version and version.number}), ()

        return answer

    async def _index(self, caller: Caller, tenant: str, receive: Receive) -> Answered:
        """POST /v2/repository/index: the tenant's own models."""
        models = [
            {"name": name, "version": shelf.current.number, "state": "READY"}
            for (owner, name), shelf in self._shelves.items()
            if owner == tenant and shelf.current
        ]
        return orjson.dumps(models), ()

    async def _load(self, tenant: str, name: str, receive: Receive) -> Version:
        """A new version, which is asked from now on: its replica has answered the first items."""
        desk = self._desks[tenant]
        if not desk.account.model_bytes:
            raise BadRequest(f"tenant {tenant!r} may bring no models: its model_bytes is 0", 403)
        if not tenancy.NAME.fullmatch(name) or name == self._shared:
            raise BadRequest("a model's name has 1 to 63 small letters, digits and hyphens", 400)
        body = await desk.bodies.read(receive)
        shelf = self._shelves.get((tenant, name)) or Shelf()
        version = await self._made(tenant, name, shelf, body)
        previous = shelf.previous
        try:
            if previous:  # gives way only to a file that is a model
                shelf.previous = None
                await self._retire(tenant, name, previous)
            desk.account.models[name, version.number] = len(body)
            await version.start()  # while it is loaded it may take what its tenant has left
        except BaseException:
            await self._retire(tenant, name, version)
            raise
        desk.account.models[name, version.number] = version.memory_bytes
        shelf.count += 1
        shelf.switch(version)
        self._shelves[tenant, name] = shelf
        return version

    async def _made(self, tenant: str, name: str, shelf: Shelf, body: bytes) -> Version:
        """The version whose file is the body, where that is a model and fits; not started."""
        account = self._desks[tenant].account
        left_bytes = self._desks[tenant].left_bytes
        if shelf.previous:
            left_bytes += account.models[name, shelf.previous.number]
        if len(body) > left_bytes:
            has = f"model {name!r} has {len(body):,} bytes"
            raise BadRequest(f"{has}; tenant {tenant!r} has {left_bytes:,} left", 413)
        self._home = self._home or processes.workspace("models")
        number = str(shelf.count + 1)
        path = self._home / tenant / name / number / f"{name}.onnx"
        settings = await asyncio.get_running_loop().run_in_executor(
            self._common.reader, self._write, path, body, left_bytes
        )
        with _or_removed(path.parent):
            version = Version(number, settings, self._common)
        self._versions.add(version)
        return version

    def _write(self, path: Path, body: bytes, left_bytes: int) -> Settings:
        """The settings of a file that is written to a folder of its own: it may read no others."""
        path.parent.mkdir(parents=True)
        with _or_removed(path.parent):
            path.write_bytes(body)
            return replace(self._settings, folder=str(path), memory_bytes=left_bytes)

    async def _roll_back(self, tenant: str, name: str, receive: Receive) -> Version:
        """The version before is asked again, which is still loaded; once more: the later one."""
        shelf = self._shelf(tenant, name)
        if not shelf.previous:
            raise BadRequest(f"there is no version of {name!r} to go back to", 409)
        shelf.switch(shelf.previous)
        assert shelf.current
        return shelf.current

    async def _unload(self, tenant: str, name: str, receive: Receive) -> None:
        """The model is there no more; what was asked before is answered."""
        shelf = self._shelf(tenant, name)
        del self._shelves[tenant, name]
        for version in (shelf.current, shelf.previous):
            if version:
                await self._retire(tenant, name, version)

    def _shelf(self, tenant: str, name: str) -> Shelf:
        shelf = self._shelves.get((tenant, name))
        if not shelf or not shelf.current:
            raise BadRequest(f"tenant {tenant!r} has no model {name!r}", 404)
        return shelf

    async def _retire(self, tenant: str, name: str, version: Version) -> None:
        await version.retire()
        self._versions.discard(version)
        self._desks[tenant].account.models.pop((name, version.number), None)


@contextmanager
def _or_removed(folder: Path) -> Iterator[None]:
    """Where the block fails the folder is removed; a ValueError is the fault of the file in it."""
    try:
        yield
    except ValueError as error:
        shutil.rmtree(folder)
        raise BadRequest(told(str(error)), 422) from None
    except BaseException:
        shutil.rmtree(folder)
        raise


async def _about(served: Served, caller: Caller, tenant: str, receive: Receive) -> Answered:
    """GET /v2/models/{name}: what the model takes and gives."""
    return orjson.dumps(inference.metadata(served.settings.model, served.version)), ()
