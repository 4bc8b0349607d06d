"""The little HTTP that the gateway needs between uvicorn and a batch. Lab 07.

Starlette would build a Request, a Response and four layers of routing and exceptions for each
prediction: as much processor time as all that the gateway does with it. So predictions take a
short way in, and everything else goes through Starlette.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scaletoolkit.service.gateway.payloads import BadRequest

MOST_BODY_BYTES = 16 << 20
JSON = (b"content-type", b"application/json")


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class OneWrite:
    """A transport that sends what is written in one turn of the event loop at the turn's end.

    uvicorn writes the head of an answer and then its body. Sent one by one they cost two system
    calls, and wake the client twice.
    """

    def __init__(self, transport):
        self._transport, self._parts = transport, []
        self._call_soon = asyncio.get_running_loop().call_soon

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def write(self, data):
        """Keep the bytes until the end of this turn."""
        if not self._parts:
            self._call_soon(self._flush)
        self._parts.append(data)

    def _flush(self):
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(b"".join(parts))

    def close(self):
        """Send what is left, then close."""
        self._flush()
        self._transport.close()


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, on a transport that writes once a turn."""

    def connection_made(self, transport):
        """A client has connected."""
        super().connection_made(OneWrite(transport))


class ShortWay:
    """An ASGI application: POST to one of these paths is answered here, the rest by `others`.

    endpoints: {path: a coroutine function of ASGI's receive and send}.
    """

    def __init__(self, endpoints, others):
        self.endpoints, self.others = endpoints, others

    async def __call__(self, scope, receive, send):
        """Answer one request."""
        endpoint = self.endpoints.get(scope.get("path"))
        if endpoint and scope.get("method") == "POST":
            await endpoint(receive, send)
        else:
            await self.others(scope, receive, send)


async def body_of(receive):
    """The whole body of a request, bytes; BadRequest when it is too long."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece, more = message.get("body", b""), message.get("more_body", False)
        if len(body) + len(piece) > MOST_BODY_BYTES:
            raise BadRequest(f"the body has more than {MOST_BODY_BYTES:,} bytes", 413)
        body = body + piece if body else piece
    return body


async def reply(send, body, status=200, headers=()):
    """Send one answer, its body bytes of JSON; headers: pairs of bytes."""
    length = (b"content-length", b"%d" % len(body))
    start = {"type": "http.response.start", "status": status, "headers": [JSON, length, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def cancel_when_gone(receive, futures):
    """From now on, cancel what was asked for when the client goes."""

    async def watch():
        while (await receive())["type"] != "http.disconnect":
            pass
        for future in futures:
            future.cancel()

    if not all(future.done() for future in futures):
        task = asyncio.create_task(watch())
        for future in futures:
            future.add_done_callback(lambda _: all(one.done() for one in futures) and task.cancel())
