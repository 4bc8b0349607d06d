"""Open loop: every request goes out at its moment, whatever became of those before it. Lab 07.

A process of its own: `python -m scaletoolkit.serving.traffic.sender PLAN`, lines of JSON on stdout,
and it ends when its stdin does. Latency counts from the scheduled moment, so a request that had to wait
for the sender or for a connection is not flattered (coordinated omission; G. Tene, 2013).
"""

import asyncio
import json
import os
import sys
import threading
from pathlib import Path

from scaletoolkit.serving.traffic.client import Connections
from scaletoolkit.serving.traffic.tally import Tally, to_lines


async def send(plan, tally):
    """Send every request of the plan at its moment, and a line a second meanwhile."""
    loop, connections = asyncio.get_running_loop(), Connections(plan["url"])
    bodies = [json.dumps(payload).encode() for payload in plan["payloads"]]
    start_s, requests = loop.time() + 0.1, set()

    async def request(due_s, body):
        status = await connections.post(body)
        tally.add(due_s, loop.time() - start_s - due_s, status)

    reports = asyncio.create_task(_report(loop, start_s, tally, requests))
    for number, due_s in enumerate(plan["due_s"]):
        await asyncio.sleep(start_s + due_s - loop.time())
        task = asyncio.create_task(request(due_s, bodies[number % len(bodies)]))
        requests.add(task)
        task.add_done_callback(requests.discard)
    if requests:
        await asyncio.wait(set(requests), timeout=plan["patience_s"])
    for task in set(requests):
        task.cancel()
    reports.cancel()
    tally.second(loop.time() - start_s, in_flight=len(requests))
    connections.close()


async def _report(loop, start_s, tally, requests):
    second = 1
    while True:
        await asyncio.sleep(start_s + second - loop.time())
        tally.second(second, in_flight=len(requests))
        second += 1


def end_with_parent():
    """End this process when its stdin ends, which the parent's end brings about."""

    def watch():
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(path):
    """Run the plan in the file at `path`."""
    end_with_parent()
    tally = Tally(to_lines(sys.stdout))
    asyncio.run(send(json.loads(Path(path).read_text()), tally))
    tally.finish()


if __name__ == "__main__":
    main(sys.argv[1])
