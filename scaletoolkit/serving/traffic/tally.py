"""What became of every request: counted a second at a time, and kept for the end. Lab 07.

Runs in the load test's own process, so it imports nothing but numpy.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import IO, NamedTuple

import numpy as np

PERCENTS = (50, 95, 99)


class Outcome(NamedTuple):
    """What became of one request. status: HTTP's, 0 where no answer came."""

    due_s: float
    latency_ms: float
    status: int


class Tally:
    """Collects requests and writes one JSON line a second, then one with all of them.

    Latencies are from the moment at which the request was due, in milliseconds; percentiles are
    of successful requests only.
    """

    def __init__(self, write: Callable[[Mapping[str, object]], None]) -> None:
        self._write = write
        self._outcomes: list[Outcome] = []
        self._reported = 0

    def add(self, due_s: float, latency_s: float, status: int) -> None:
        """One request, due so long after the start."""
        self._outcomes.append(Outcome(round(due_s, 6), round(latency_s * 1000, 4), status))

    def report(self, time_s: float, **more: object) -> None:
        """Write the line of the requests that were answered since the last one."""
        fresh = self._outcomes[self._reported :]
        self._reported = len(self._outcomes)
        self._write({"time_s": round(time_s, 2), **more, **summary(fresh)})

    def finish(self) -> None:
        """Write every request: the last line."""
        columns = zip(*self._outcomes, strict=True) if self._outcomes else ([], [], [])
        self._write(dict(zip(Outcome._fields, map(list, columns), strict=True)))


def summary(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Counts and percentiles of requests: a dict; percentiles are None where none was answered."""
    answered_ms = [outcome.latency_ms for outcome in outcomes if 200 <= outcome.status < 300]
    refused = sum(outcome.status == 503 for outcome in outcomes)
    percentiles_ms: Sequence[float | None] = [None] * len(PERCENTS)
    if answered_ms:
        percentiles_ms = np.percentile(answered_ms, PERCENTS).tolist()
    names = [f"p{percent}_ms" for percent in PERCENTS]
    return {
        "requests": len(outcomes),
        "answered": len(answered_ms),
        "refused": refused,
        "failed": len(outcomes) - len(answered_ms) - refused,
        **dict(zip(names, percentiles_ms, strict=True)),
    }


def to_lines(file: IO[str]) -> Callable[[Mapping[str, object]], None]:
    """A function that writes a dict as a line of JSON, at once."""

    def write(line: Mapping[str, object]) -> None:
        file.write(json.dumps(line) + "\n")
        file.flush()

    return write
