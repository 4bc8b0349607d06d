"""uvicorn's HTTP connections with limits, and one system call where it makes two. Lab 07."""

import asyncio
import resource
from http import HTTPStatus
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scaletoolkit.service.gateway.asgi import CLOSE, JSON

MOST_HEAD_BYTES = 32 << 10
SPARE_DESCRIPTORS = 64  # for replicas, files, pipes


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


def most_connections() -> int:
    """How many clients fit: as many as there are descriptors, but for a few; raises the limit.

    A server that has no descriptor left cannot start a replica, nor read a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1 << 16
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    return max(soft, most) - SPARE_DESCRIPTORS


class JoiningProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, on a transport that writes once a turn, with limits.

    A head has at most MOST_HEAD_BYTES and comes within `head_s` of its first byte, or of the
    connection; there are at most `most_connections` clients. Whoever breaks the protocol or a limit
    has a sentence as JSON, and the connection ends.
    """

    refused = 0  # so far
    most_connections = 1 << 16
    head_s = 10.0

    # As uvicorn's own: asyncio hands transports that can be written to protocols of streams.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        # What JoiningTransport does not have itself, it takes from the transport.
        super().connection_made(JoiningTransport(transport))  # type: ignore[arg-type]
        self._in_head = True
        self._in_body = False
        self._head_bytes = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._expect_head()
        if len(self.connections) > self.most_connections:
            self._refuse(503, f"{self.most_connections} clients are connected; no more are let in")

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._calm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The next bytes of the client."""
        self._head_bytes += len(data)
        rest = self._in_body
        super().data_received(data)
        if not self._in_head:
            self._head_bytes = 0
            if self.cycle and self.cycle.response_complete:  # uvicorn's own alarm is off by now
                self._expect_more(rest)
        elif self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(431, f"the head of a request has more than {MOST_HEAD_BYTES} bytes")
        else:
            self._expect_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """A request has ended; behind it, in the same bytes, the next head may begin."""
        self._head_bytes = 0
        self._in_body = False
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        """A head has ended."""
        self._in_head = False
        self._calm()
        size_bytes = len(self.url) + sum([len(name) + len(value) for name, value in self.headers])
        if size_bytes > MOST_HEAD_BYTES:
            raise ValueError("uvicorn calls send_400_response")
        self._in_body = True
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when httptools cannot go on."""
        self._refuse(400, "this is not HTTP/1.1, or its head is too long")

    def _expect_more(self, rest: bool) -> None:
        """After an answer: the rest of a body that was answered early may take its time."""
        if rest:
            ended = self.timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, ended)
        else:
            self._expect_head()

    def _expect_head(self) -> None:
        if not self._alarm:
            late = f"the head of a request was not here within {self.head_s:g} s"
            self._alarm = self.loop.call_later(self.head_s, self._refuse, 408, late)

    def _calm(self) -> None:
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer, and end the connection; nothing more of it is read."""
        if self.transport.is_closing():
            return
        JoiningProtocol.refused += 1
        body = orjson.dumps({"error": sentence})
        phrase = HTTPStatus(status).phrase.encode()
        head = b"HTTP/1.1 %d %s\r\n%s: %s\r\ncontent-length: %d\r\n%s: %s\r\n\r\n"
        self.transport.write(head % (status, phrase, *JSON, len(body), *CLOSE) + body)
        self.transport.close()
