"""What gateway and replica say to each other: a JSON header and raw bytes, both with length."""

import json
import struct

LENGTHS = struct.Struct(">II")
MOST_BYTES = 1 << 30


def pack(header, body=b""):
    """A frame as bytes: 4 bytes length of the header, 4 of the body, the header, the body."""
    head = json.dumps(header).encode()
    return LENGTHS.pack(len(head), len(body)) + head + body


async def read(reader):
    """The next frame of an asyncio stream: (header, body). EOFError at the connection's end."""
    sizes = _checked(await reader.readexactly(LENGTHS.size))
    return json.loads(await reader.readexactly(sizes[0])), await reader.readexactly(sizes[1])


def receive(connection):
    """The next frame of a blocking socket: (header, body). EOFError at the connection's end."""
    sizes = _checked(_exactly(connection, LENGTHS.size))
    return json.loads(_exactly(connection, sizes[0])), _exactly(connection, sizes[1])


def _checked(lengths):
    sizes = LENGTHS.unpack(lengths)
    if sum(sizes) > MOST_BYTES:
        raise ValueError(f"a frame of {sum(sizes)} bytes; at most {MOST_BYTES} are allowed")
    return sizes


def _exactly(connection, size):
    parts, left = [], size
    while left:
        part = connection.recv(min(left, 1 << 20))
        if not part:
            raise EOFError("the connection ended")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
