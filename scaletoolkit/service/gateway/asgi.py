"""The little HTTP that the gateway needs between a connection and a batch. Lab 07.

Starlette takes as much processor time for a prediction as all that the gateway does with it. So a
POST of a prediction goes straight to its endpoint, and everything else through Starlette.
"""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from types import coroutine
from typing import Any

from starlette.types import Message, Receive, Send

from scaletoolkit.service.gateway.payloads import BadRequest

HELD_BYTES = 64 << 20  # of bodies whose end has not come
LOCAL_HOSTS = (b"127.0.0.1", b"localhost")
CLOSE = (b"connection", b"close")
JSON = (b"content-type", b"application/json")

Headers = Sequence[tuple[bytes, bytes]]


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


@dataclass
class Held:
    """The bytes of bodies whose end has not come, whosever they are; at most HELD_BYTES."""

    size_bytes: int = 0


class Bodies:
    """Reads bodies of requests: each of at most `most_bytes`, whole within `most_s`.

    held: what all that share it hold together.
    """

    def __init__(self, most_bytes: int, most_s: float, held: Held) -> None:
        self.most_bytes = most_bytes
        self.most_s = most_s
        self._held = held

    async def read(self, receive: Receive) -> bytes:
        """A whole body; raises BadRequest when it is too long or too slow, or ClientGone."""
        first = None
        waits_for = None
        coming = receive().__await__()
        try:  # without an alarm, which costs more than all else here: mostly the body has come
            waits_for = next(coming)
        except StopIteration as here:
            first = here.value
            body, more = _content(first)
            if not more and len(body) <= self.most_bytes:
                return body
        try:
            async with asyncio.timeout(self.most_s):
                return await self._whole(first or await _result(coming, waits_for), receive)
        except TimeoutError:
            raise BadRequest(f"the body was not here within {self.most_s:g} s", 408) from None

    async def _whole(self, message: Message, receive: Receive) -> bytes:
        """The body that begins with this message."""
        part, more = _content(message)
        parts = [part]
        held_bytes = 0
        try:
            while more:
                self._held.size_bytes += len(part)
                held_bytes += len(part)
                self._check(held_bytes)
                part, more = _content(await receive())
                parts.append(part)
        finally:
            self._held.size_bytes -= held_bytes
        self._check(held_bytes + len(part))
        return b"".join(parts)

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self.most_bytes:
            raise BadRequest(f"the body has more than {self.most_bytes:,} bytes", 413)
        if self._held.size_bytes > HELD_BYTES:
            raise BadRequest("too many long bodies are on their way; come back later", 503)


def _content(message: Message) -> tuple[bytes, bool]:
    """(some bytes, whether more come)."""
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


@coroutine
def _result(steps: Generator[Any, Any, Message], waits_for: Any) -> Generator[Any, Any, Message]:
    """What comes out of an awaitable that has taken its first step, and waits for this."""
    try:
        while True:
            try:
                yield waits_for
            except BaseException as error:  # as when it is cancelled: its own business
                waits_for = steps.throw(error)
            else:
                waits_for = next(steps)
    except StopIteration as end:
        message: Message = end.value
        return message


def fields(lines: Headers) -> dict[bytes, bytes]:
    """A request's headers; one on several lines has all its values: RFC 9110, section 5.3.

    So a client that says who it is, beside what somebody before this server says, is nobody.
    """
    said = dict(lines)
    if len(said) < len(lines):
        said = {name: b", ".join(v for n, v in lines if n == name) for name in said}
    return said


def check_caller(headers: dict[bytes, bytes]) -> None:
    """Refuse what a page of somebody else's makes a browser on this machine send."""
    host = headers.get(b"host", LOCAL_HOSTS[0]).partition(b":")[0]
    origin = headers.get(b"origin", b"http://localhost").partition(b"://")[2].partition(b":")[0]
    if host not in LOCAL_HOSTS or origin not in LOCAL_HOSTS:
        raise BadRequest("this server is for programs of this machine: Host must be 127.0.0.1", 403)


async def reply(send: Send, body: bytes, status: int = 200, headers: Headers = ()) -> None:
    """Send one answer, its body bytes of JSON unless `headers`, pairs of bytes, say otherwise."""
    kind = () if any(name == JSON[0] for name, _ in headers) else (JSON,)
    length = (b"content-length", b"%d" % len(body))
    told = [*kind, length, *headers]
    await send({"type": "http.response.start", "status": status, "headers": told})
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
