"""Which addresses a process listens on, and all that it has started."""

from contextlib import suppress

import psutil


def listeners(pid: int) -> list[tuple[str, int]]:
    """(address, port) of every TCP socket that listens, of the process and all below it."""
    root = psutil.Process(pid)
    addresses = set()
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            connections = process.net_connections(kind="tcp")
            addresses |= {
                (connection.laddr.ip, connection.laddr.port)
                for connection in connections
                if connection.status == psutil.CONN_LISTEN
            }
    return sorted(addresses)
