"""A closed loop of connections, each sending its next request when its answer is there.

python closed_loop.py reads {"port", "path", "headers", "bodies", "connections", "seconds",
"warm_up_s"} as JSON, a body's bytes as so many characters, and prints {"req/s", "p50 ms", "p99 ms",
"answered", "wrong"}: the first three over `seconds` after the warm-up, the others from the start.
Just enough of HTTP/1.1, on uvloop, so that the
client costs less than any server that it measures.
"""

import asyncio
import json
import sys
import time

import uvloop


class Connection(asyncio.Protocol):
    """One connection: one request at a time, over and over."""

    def __init__(self, run, number):
        self.run = run
        self.turn = number
        self.answer = b""

    def connection_made(self, transport):
        """Send the first request."""
        self.transport = transport
        self.send()

    def send(self):
        """Send the next request, unless time is up."""
        if not self.run.going:
            self.transport.close()
            return
        self.turn += 1
        self.sent_at = time.perf_counter()
        self.transport.write(self.run.requests[self.turn % len(self.run.requests)])

    def data_received(self, data):
        """The answer, or a piece of it."""
        answer = self.answer + data if self.answer else data
        if not _complete(answer):
            self.answer = answer
            return
        self.run.latencies_s.append(time.perf_counter() - self.sent_at)
        self.run.wrong += not answer.startswith(b"HTTP/1.1 200")
        self.answer = b""
        self.send()

    def connection_lost(self, error):
        """The server hung up: count it, and try again."""
        if self.run.going:
            self.run.wrong += 1
            self.run.open(self.turn)


def _complete(answer):
    """Whether the answer is whole: by its length, or by the last of its chunks."""
    head, blank_line, body = answer.partition(b"\r\n\r\n")
    if not blank_line:
        return False
    _, name, after = head.partition(b"ontent-length: ")
    if not name:
        _, name, after = head.partition(b"ontent-Length: ")
    if not name:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(after.split(b"\r\n", 1)[0])


class Run:
    """One measurement."""

    def __init__(self, plan):
        self.plan = plan
        self.going = True
        self.wrong = 0
        self.latencies_s = []
        head = f"POST {plan['path']} HTTP/1.1\r\nHost: 127.0.0.1:{plan['port']}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in plan["headers"].items())
        self.requests = [
            f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1")
            for body in plan["bodies"]
        ]

    def open(self, number):
        """Open one more connection."""
        connecting = asyncio.get_running_loop().create_connection(
            lambda: Connection(self, number), "127.0.0.1", self.plan["port"]
        )
        self.connecting = asyncio.ensure_future(connecting)

    async def measure(self):
        """Warm up, measure, and say what was found."""
        for number in range(self.plan["connections"]):
            self.open(number)
        await asyncio.sleep(self.plan["warm_up_s"])
        first = len(self.latencies_s)
        start_s = time.perf_counter()
        await asyncio.sleep(self.plan["seconds"])
        end_s = time.perf_counter()
        self.going = False
        ordered = sorted(self.latencies_s[first:]) or [0.0]
        return {
            "req/s": (len(self.latencies_s) - first) / (end_s - start_s),
            "p50 ms": 1000 * ordered[len(ordered) // 2],
            "p99 ms": 1000 * ordered[len(ordered) * 99 // 100],
            "answered": len(self.latencies_s),
            "wrong": self.wrong,
        }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(Run(json.loads(sys.stdin.readline())).measure())))
