"""What became of every request: counted a second at a time, and kept for the end. Lab 07.

Runs in the load test's own process, so it imports nothing but numpy.
"""

import json

import numpy as np

PERCENTS = (50, 95, 99)


class Tally:
    """Collects requests and writes one JSON line a second, then one with all of them.

    status: the HTTP status, 0 where there was no answer. Latencies are from the moment at which
    the request was due, in milliseconds; of successful requests only.
    """

    def __init__(self, write):
        self._write, self._requests, self._reported = write, [], 0

    def add(self, due_s, latency_s, status):
        """One request, due so long after the start."""
        self._requests.append((round(due_s, 6), round(latency_s * 1000, 4), status))

    def second(self, time_s, **more):
        """Write the line of the requests that were answered since the last one."""
        fresh = self._requests[self._reported :]
        self._reported = len(self._requests)
        self._write({"time_s": round(time_s, 2), **more, **summary(fresh)})

    def finish(self):
        """Write every request: the last line."""
        columns = zip(*self._requests, strict=True) if self._requests else ([], [], [])
        names = ("due_s", "latency_ms", "status")
        self._write(dict(zip(names, map(list, columns), strict=True)))


def summary(requests):
    """Counts and percentiles of requests (due_s, latency_ms, status): a dict."""
    status = [one[2] for one in requests]
    answered = [one[1] for one in requests if 200 <= one[2] < 300]
    shown = np.percentile(answered, PERCENTS) if answered else [None] * len(PERCENTS)
    return {
        "requests": len(requests),
        "answered": len(answered),
        "refused": status.count(503),
        "failed": len(requests) - len(answered) - status.count(503),
        **{f"p{percent}_ms": v and float(v) for percent, v in zip(PERCENTS, shown, strict=True)},
    }


def to_lines(file):
    """A function that writes a dict as a line of JSON, at once."""

    def write(line):
        file.write(json.dumps(line) + "\n")
        file.flush()

    return write
