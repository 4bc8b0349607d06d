"""The little HTTP that the gateway needs between uvicorn and a batch. Lab 07.

Starlette takes as much processor time for a prediction as all that the gateway does with it. So a
POST of a prediction goes straight to its endpoint, and everything else through Starlette.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.types import Receive, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scaletoolkit.service.gateway.payloads import BadRequest

MOST_BODY_BYTES = 16 << 20
JSON = (b"content-type", b"application/json")

Headers = Sequence[tuple[bytes, bytes]]


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class JoiningTransport:
    """A transport that sends what is written in one turn of the event loop at the turn's end.

    uvicorn writes an answer's head and body apart: two system calls, and the client wakes twice.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []
        self._call_soon = asyncio.get_running_loop().call_soon

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep the bytes until the end of this turn."""
        if not self._parts:
            self._call_soon(self._flush)
        self._parts.append(data)

    def _flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()

    def close(self) -> None:
        """Send what is left, then close."""
        self._flush()
        self._transport.close()


class JoiningProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, on a transport that writes once a turn."""

    # As uvicorn's own: asyncio hands transports that can be written to protocols of streams.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        # What JoiningTransport does not have itself, it takes from the transport.
        super().connection_made(JoiningTransport(transport))  # type: ignore[arg-type]


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request; raises BadRequest when it is too long, or ClientGone."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) + len(piece) > MOST_BODY_BYTES:
            raise BadRequest(f"the body has more than {MOST_BODY_BYTES:,} bytes", 413)
        body = body + piece if body else piece
    return body


async def reply(send: Send, body: bytes, status: int = 200, headers: Headers = ()) -> None:
    """Send one answer, its body bytes of JSON; headers: pairs of bytes."""
    length = (b"content-length", b"%d" % len(body))
    start = {"type": "http.response.start", "status": status, "headers": [JSON, length, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def cancel_when_gone(receive: Receive, futures: Sequence[asyncio.Future[Any]]) -> None:
    """From now on until all is answered, cancel what was asked for when the client goes."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        for future in futures:
            future.cancel()

    task = asyncio.create_task(watch())
    answered = asyncio.gather(*futures, return_exceptions=True)
    answered.add_done_callback(lambda _: task.cancel())
