"""Where replicas connect back: a port on loopback, and a secret that only they are told. Lab 07."""

import asyncio
import contextlib
import hmac
import secrets
import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

from scaletoolkit.service import frames

INTRODUCTION_S = 10.0


class Streams(NamedTuple):
    """A connection, for reading and for writing."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Door:
    """Lets in the replicas that are expected, each once. token: what they must say."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = secrets.token_hex(16)
        self._expected: dict[str, asyncio.Future[Streams]] = {}

    def expect(self, name: str) -> asyncio.Future[Streams]:
        """From now on a replica of that name may come: the future of its connection."""
        connected: asyncio.Future[Streams] = asyncio.get_running_loop().create_future()
        self._expected[name] = connected
        connected.add_done_callback(lambda _: self._expected.pop(name))
        return connected

    async def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody connects: who is it? Anybody who does not know the token is sent away."""
        with contextlib.suppress(EOFError, ValueError, TimeoutError, OSError, AttributeError):
            said, _ = await asyncio.wait_for(frames.read(reader), INTRODUCTION_S)
            known = hmac.compare_digest(str(said.get("token")).encode(), self.token.encode())
            connected = self._expected.get(said.get("name", ""))
            if known and connected and not connected.done():
                connected.set_result(Streams(reader, writer))
                return
        writer.close()


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Door]:
    """A Door whose port is open inside the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        entrance = Door(listening.getsockname()[1])
        server = await asyncio.start_server(entrance.welcome, sock=listening)
        try:
            yield entrance
        finally:
            server.close()
