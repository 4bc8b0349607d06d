"""Which ports a process and its children listen on: nothing may be open beyond loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

LOOPBACK = ("127.0.0.1", "::1")
LOOK_EVERY_S = 0.05


def listeners(pid: int) -> list[tuple[str, int]]:
    """(address, port) of every port on which this process or a process below it listens."""
    places = set()
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                places |= {tuple(c.laddr) for c in process.net_connections("inet") if _open(c)}
    return sorted(places)


def beyond_loopback(places) -> list[tuple[str, int]]:
    """Those of the places that another machine, or another network's interface, can reach."""
    return [place for place in places if place[0] not in LOOPBACK]


@contextmanager
def watched(pid: int) -> Iterator[set[tuple[str, int]]]:
    """A set that gathers, while the block runs, every (address, port) that is listened on."""
    places: set[tuple[str, int]] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            places.update(listeners(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield places
    finally:
        over.set()
        thread.join()


def _open(connection) -> bool:
    """TCP says LISTEN; a UDP port with no other end takes what anybody sends."""
    waiting = connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    return waiting and not connection.raddr and bool(connection.laddr)
