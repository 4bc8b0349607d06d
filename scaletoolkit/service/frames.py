"""What gateway and replica say to each other: a JSON header and raw bytes, both with length."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, TypedDict

from scaletoolkit.service.settings import ModelFacts

if TYPE_CHECKING:  # a replica is there sooner without it
    import asyncio
    import socket
    from collections.abc import Mapping

LENGTHS = struct.Struct(">II")
MOST_BYTES = 1 << 30

Header = dict[str, Any]  # what JSON holds


class Orders(TypedDict):
    """What a replica is told when it starts: who it is, where to connect, what to run, and how.

    The last three are those of `Settings`.
    """

    name: str
    port: int
    token: str
    folder: str
    model: ModelFacts
    cpu_milli: int | None
    accelerator_ms: tuple[float, float] | None
    start_up_s: float


def pack(header: Mapping[str, object], body: bytes = b"") -> bytes:
    """A frame as bytes: 4 bytes length of the header, 4 of the body, the header, the body."""
    head = json.dumps(header).encode()
    return LENGTHS.pack(len(head), len(body)) + head + body


async def read(reader: asyncio.StreamReader) -> tuple[Header, bytes]:
    """The next frame of an asyncio stream: (header, body).

    Raises EOFError when the connection has ended, ValueError when the frame is too long.
    """
    header_bytes, body_bytes = _checked(await reader.readexactly(LENGTHS.size))
    header = json.loads(await reader.readexactly(header_bytes))
    return header, await reader.readexactly(body_bytes)


def receive(connection: socket.socket) -> tuple[Header, bytes]:
    """The next frame of a blocking socket: (header, body). Raises as `read` does."""
    header_bytes, body_bytes = _checked(_exactly(connection, LENGTHS.size))
    header = json.loads(_exactly(connection, header_bytes))
    return header, _exactly(connection, body_bytes)


def _checked(lengths: bytes) -> tuple[int, int]:
    header_bytes, body_bytes = LENGTHS.unpack(lengths)
    size_bytes = header_bytes + body_bytes
    if size_bytes > MOST_BYTES:
        raise ValueError(f"a frame of {size_bytes} bytes; at most {MOST_BYTES} are allowed")
    return header_bytes, body_bytes


def _exactly(connection: socket.socket, size_bytes: int) -> bytes:
    parts: list[bytes] = []
    left_bytes = size_bytes
    while left_bytes:
        part = connection.recv(min(left_bytes, 1 << 20))
        if not part:
            raise EOFError("the connection ended")
        parts.append(part)
        left_bytes -= len(part)
    return b"".join(parts)
