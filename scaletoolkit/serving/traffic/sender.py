"""Open loop: every request goes out at its moment, whatever became of those before it. Lab 07.

A process of its own: `python -m scaletoolkit.serving.traffic.sender PLAN` writes lines of JSON to
stdout and ends when its stdin does. Latency counts from the scheduled moment, so a request that had
to wait for the sender or for a connection is not flattered (coordinated omission; G. Tene, 2013).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from scaletoolkit.machine import processes
from scaletoolkit.serving.traffic.client import Connections
from scaletoolkit.serving.traffic.tally import Tally, to_lines

START_S = 0.1  # from now until the first second begins


async def send(plan: dict[str, Any], tally: Tally) -> None:
    """Send every request of the plan at its moment, and a line a second meanwhile."""
    loop = asyncio.get_running_loop()
    connections = Connections(plan["url"])
    bodies = [json.dumps(payload).encode() for payload in plan["payloads"]]
    start_s = loop.time() + START_S
    in_flight: set[asyncio.Task[None]] = set()

    async def request(due_s: float, body: bytes) -> None:
        status = await connections.post(body)
        tally.add(due_s, loop.time() - start_s - due_s, status)

    reports = asyncio.create_task(_report_seconds(start_s, tally, in_flight))
    for number, due_s in enumerate(plan["due_s"]):
        await asyncio.sleep(start_s + due_s - loop.time())
        task = asyncio.create_task(request(due_s, bodies[number % len(bodies)]))
        in_flight.add(task)
        task.add_done_callback(in_flight.discard)
    if in_flight:
        await asyncio.wait(set(in_flight), timeout=plan["patience_s"])
    for task in set(in_flight):
        task.cancel()
    reports.cancel()
    tally.report(loop.time() - start_s, in_flight=len(in_flight))
    connections.close()


async def _report_seconds(start_s: float, tally: Tally, in_flight: set[asyncio.Task[None]]) -> None:
    loop = asyncio.get_running_loop()
    second = 1
    while True:
        await asyncio.sleep(start_s + second - loop.time())
        tally.report(second, in_flight=len(in_flight))
        second += 1


def main(path: str) -> None:
    """Run the plan in the file at `path`."""
    processes.end_with(sys.stdin.fileno(), status=0)
    tally = Tally(to_lines(sys.stdout))
    asyncio.run(send(json.loads(Path(path).read_text()), tally))
    tally.finish()


if __name__ == "__main__":
    main(sys.argv[1])
