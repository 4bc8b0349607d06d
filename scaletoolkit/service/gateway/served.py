"""One model that is served: its queue, its replicas, the answers that are kept. Lab 07."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.types import Receive

from scaletoolkit.service.gateway import asgi, inference
from scaletoolkit.service.gateway.answers import Answers, Waiting
from scaletoolkit.service.gateway.fleet import Door, Fleet
from scaletoolkit.service.gateway.payloads import BadRequest, Format
from scaletoolkit.service.gateway.replicas import Item, ItemBatcher, Row
from scaletoolkit.service.gateway.starter import Starter
from scaletoolkit.service.gateway.tenants import Shared, Tenants
from scaletoolkit.service.settings import Settings
from scaletoolkit.serving import batching

GRACE_S = 0.05
LONG_BYTES = 256 << 10  # a body that would keep everybody waiting for as long as it is read
Caller = dict[bytes, bytes]  # the headers of a request
Answered = tuple[bytes, asgi.Headers]
Read = TypeVar("Read")


class Common:
    """What all models of a gateway have in common. busy: see `Tenants`.

    reader: a thread for long bodies, one after the other: each takes turns with the event loop.
    """

    def __init__(self, settings: Settings, door: Door, tenants: Tenants) -> None:
        self.door = door
        self.tenants = tenants
        self.starter = Starter(settings.warm)
        self.reader = ThreadPoolExecutor(1)
        self.held = asgi.Held()


class Served:
    """One model, and all that answers for it."""

    def __init__(
        self, settings: Settings, common: Common, version: str = inference.VERSION
    ) -> None:
        self.settings = settings
        self.version = version
        self.format = Format(settings.model, settings.max_queue_size)
        self.reader = common.reader
        self.bodies = asgi.Bodies(self.format.most_bytes, settings.timeout_s, common.held)
        tenants = common.tenants
        self.tenants = tenants
        most = settings.max_queue_size
        self.batcher: ItemBatcher = batching.Batcher(
            settings.max_batch_size,
            settings.max_queue_delay_microseconds,
            most,
            Shared(tenants, most) if tenants.accounts else None,
        )
        self.batcher.busy = tenants.busy
        if tenants.accounts:
            self.batcher.on_call = tenants.charge
        self.fleet = Fleet(settings, self.batcher, common.door, common.starter)
        self.answers = Answers(settings, self.fleet)

    async def predict(self, caller: Caller, tenant: str, receive: Receive) -> Answered:
        """POST /v1/predict: a JSON list of items in, a list of results in the same order out."""
        body = await self.body(caller, receive)
        items = await self.read(body, self.format.items)
        return self.format.results(await self.results(tenant, receive, items)), ()

    async def infer(self, caller: Caller, tenant: str, receive: Receive) -> Answered:
        """POST /v2/models/{name}/infer: the Open Inference Protocol."""
        body = await self.body(caller, receive)
        json_bytes = caller.get(inference.LENGTH)
        asked = await self.read(body, lambda read: inference.asked(read, json_bytes, self.format))
        rows = await self.results(tenant, receive, asked.items)
        return inference.answer(asked, rows, self.settings.model, self.version)

    async def body(self, caller: Caller, receive: Receive) -> bytes:
        """The body of a request, which must not be compressed."""
        encoding = caller.get(b"content-encoding", b"identity")
        if encoding != b"identity":
            told = encoding[:40].decode("latin-1")
            raise BadRequest(f"a body with content-encoding {told} is not read: send it plain", 415)
        return await self.bodies.read(receive)

    async def read(self, body: bytes, function: Callable[[bytes], Read]) -> Read:
        """What the function makes of a body; of a long one beside the event loop."""
        if len(body) < LONG_BYTES:
            return function(body)
        return await asyncio.get_running_loop().run_in_executor(self.reader, function, body)

    async def results(self, tenant: str, receive: Receive, items: list[Item]) -> list[Row]:
        """The rows of a request's items: all, or the first one's failure.

        What nobody waits for any more leaves the queue: after a failure, or when the client goes.
        """
        self.tenants.check(tenant, len(items))
        futures: list[Waiting] = []
        watch = asyncio.get_running_loop().call_later(
            GRACE_S, asgi.cancel_when_gone, receive, futures
        )
        try:
            for item in items:
                futures.append(self.answers.submit(item, self.settings.timeout_s, tenant))
            return [(await future)[0] for future in futures]
        finally:
            watch.cancel()
            for future in futures:
                if not future.cancel() and not future.cancelled():
                    future.exception()  # seen, so that asyncio does not complain
