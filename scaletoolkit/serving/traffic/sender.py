"""Open loop: every request goes out at its moment, whatever became of those before it. Lab 07.

A process of its own that writes lines of JSON to stdout and ends when its stdin does. Latency
counts from the scheduled moment, which flatters nobody (coordinated omission; G. Tene, 2013).
So many are on their way at once as `most_at_once` says; what comes then is late, and counted so.
"""

import asyncio
import itertools
import json
import math
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scaletoolkit.machine import processes
from scaletoolkit.serving.traffic.arrivals import target
from scaletoolkit.serving.traffic.tally import Tally

START_S = 0.1  # from now until the first second begins
SPARE_DESCRIPTORS = 64  # for files, pipes, the event loop
MOST_PORTS = 16_000  # that a computer has for connections to one address, at least


def most_at_once() -> int:
    """How many connections this process may have: as RLIMIT_NOFILE allows, which it raises.

    Never more than MOST_PORTS.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_PORTS + SPARE_DESCRIPTORS
    most = max(soft, wanted if hard == resource.RLIM_INFINITY else min(hard, wanted))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(1, min(most, wanted) - SPARE_DESCRIPTORS)


class Connections:
    """Kept connections to one server; each carries one request at a time. slots: one for each.

    HTTP/1.1 on asyncio, just enough of it to load a server without being the bottleneck.
    """

    def __init__(self, url: str, headers: Mapping[str, str], most: int) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname
        self._port = parts.port or 80
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.slots = asyncio.Semaphore(most)
        told = {"Host": parts.netloc, "Content-Type": "application/json", **headers}
        lines = [f"{name}: {value}\r\n" for name, value in told.items()]
        start = f"POST {target(url)} HTTP/1.1\r\n"
        self._head = "".join([start, *lines, "Content-Length: "]).encode()

    async def post(self, body: bytes) -> int:
        """Send the body, for who has a slot: the status of the answer, 0 where none came."""
        try:
            return await self._exchange(self._head + b"%d\r\n\r\n" % len(body) + body)
        except (OSError, EOFError, ValueError, IndexError):
            return 0

    async def _exchange(self, request: bytes) -> int:
        """A kept connection may have been closed by the server meanwhile: then on a fresh one."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return await self._ask(reader, writer, request)
            writer.close()
        return await self._ask(*await asyncio.open_connection(self._host, self._port), request)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> int:
        keep = False
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size_bytes = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(size_bytes)
            keep = head.startswith(b"http/1.1") and b"connection: close" not in head
            return int(head.split(b" ", 2)[1])
        finally:
            if keep:
                self._idle.append((reader, writer))
            else:
                writer.close()

    def close(self) -> None:
        """Close what is idle."""
        for _, writer in self._idle:
            writer.close()


async def send(plan: dict[str, Any], tally: Tally) -> None:
    """Send every request of the plan at its moment, and a line a second meanwhile.

    What has no answer `patience_s` after the last one is given up, and counted with status 0.
    """
    loop = asyncio.get_running_loop()
    connections = Connections(plan["url"], plan["headers"], most_at_once())
    bodies = itertools.cycle([json.dumps(payload).encode() for payload in plan["payloads"]])
    start_s = loop.time() + START_S
    in_flight: set[asyncio.Task[None]] = set()
    reports = asyncio.create_task(_report_seconds(start_s, tally, in_flight))
    for due_s in plan["due_s"]:
        await asyncio.sleep(start_s + due_s - loop.time())
        task = asyncio.create_task(_request(connections, next(bodies), tally, start_s, due_s))
        in_flight.add(task)
        task.add_done_callback(in_flight.discard)
    await _ended(set(in_flight), plan["patience_s"])
    reports.cancel()
    tally.report(loop.time() - start_s, in_flight=len(in_flight))
    connections.close()


async def _request(
    connections: Connections, body: bytes, tally: Tally, start_s: float, due_s: float
) -> None:
    """One request that is due now, and what became of it, also where it is given up."""
    clock = asyncio.get_running_loop().time
    status = 0
    late_s = math.inf
    try:
        async with connections.slots:
            late_s = clock() - start_s - due_s
            status = await connections.post(body)
    finally:
        latency_s = clock() - start_s - due_s
        tally.add(due_s, latency_s, status, min(late_s, latency_s))


async def _ended(requests: set[asyncio.Task[None]], patience_s: float) -> None:
    """Wait so long for all that are on their way, and give up the others."""
    if requests:
        await asyncio.wait(requests, timeout=patience_s)
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)


async def _report_seconds(start_s: float, tally: Tally, in_flight: set[asyncio.Task[None]]) -> None:
    loop = asyncio.get_running_loop()
    for second in itertools.count(1):
        await asyncio.sleep(start_s + second - loop.time())
        tally.report(second, in_flight=len(in_flight))


if __name__ == "__main__":
    processes.end_with(sys.stdin.fileno(), status=0)
    tally = Tally(sys.stdout)
    asyncio.run(send(json.loads(Path(os.environ["SCALETOOLKIT_LOAD_PLAN"]).read_text()), tally))
    tally.finish()
