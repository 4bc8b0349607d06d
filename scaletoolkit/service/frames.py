"""What gateway and replica say to each other: a JSON header and raw bytes, both with length."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:  # a replica is there sooner without it
    import asyncio
    from collections.abc import Mapping
    from typing import BinaryIO

    from scaletoolkit.service.signature import ModelFacts

LENGTHS = struct.Struct(">II")
MOST_BYTES = 1 << 30
INTRODUCTION_BYTES = 4096  # of a frame of somebody who may be a stranger

Header = dict[str, Any]  # what JSON holds


class Orders(TypedDict):
    """What a replica is told: who it is, where to connect, the fields of its `Settings`.

    model: the facts of the model that it must find.
    """

    name: str
    port: int
    token: str
    settings: dict[str, Any]
    model: ModelFacts


def pack(header: Mapping[str, object], body: bytes = b"") -> bytes:
    """A frame as bytes: 4 bytes length of the header, 4 of the body, the header, the body."""
    head = json.dumps(header).encode()
    return LENGTHS.pack(len(head), len(body)) + head + body


async def read(reader: asyncio.StreamReader, most_bytes: int = MOST_BYTES) -> tuple[Header, bytes]:
    """The next frame of an asyncio stream: (header, body); EOFError at its end, or ValueError."""
    header_bytes, body_bytes = _checked(await reader.readexactly(LENGTHS.size), most_bytes)
    header = json.loads(await reader.readexactly(header_bytes))
    return header, await reader.readexactly(body_bytes)


def receive(stream: BinaryIO) -> tuple[Header, bytes]:
    """The next frame of a socket's file, which blocks: (header, body). Raises as `read` does."""
    header_bytes, body_bytes = _checked(_exactly(stream, LENGTHS.size), MOST_BYTES)
    header = json.loads(_exactly(stream, header_bytes))
    return header, _exactly(stream, body_bytes)


def _checked(lengths: bytes, most_bytes: int) -> tuple[int, int]:
    header_bytes, body_bytes = LENGTHS.unpack(lengths)
    if header_bytes + body_bytes > most_bytes:
        size_bytes = header_bytes + body_bytes
        raise ValueError(f"a frame of {size_bytes} bytes; at most {most_bytes} are allowed")
    return header_bytes, body_bytes


def _exactly(stream: BinaryIO, size_bytes: int) -> bytes:
    part = stream.read(size_bytes)
    if len(part) < size_bytes:
        raise EOFError("the connection ended")
    return part
