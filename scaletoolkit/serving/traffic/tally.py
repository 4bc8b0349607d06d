"""What became of every request: counted a second at a time, and kept for the end. Lab 07.

Runs in the load test's own process, so it imports nothing but numpy.
"""

import json
from collections.abc import Sequence
from typing import IO, Any, NamedTuple

import numpy as np


class Outcome(NamedTuple):
    """What became of one request. status: HTTP's, 0 where no answer came; late_ms: its sender."""

    due_s: float
    latency_ms: float
    status: int
    late_ms: float = 0.0


class Tally:
    """Collects requests; writes a line of JSON for each second to the file, then one with them all.

    Latencies are from the moment at which a request was due; percentiles of successes only.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._outcomes: list[Outcome] = []
        self._reported = 0

    def add(self, due_s: float, latency_s: float, status: int, late_s: float = 0.0) -> None:
        """One request, due so long after the start, and sent so long after it was due."""
        times_ms = [round(seconds * 1000, 4) for seconds in (latency_s, late_s)]
        self._outcomes.append(Outcome(round(due_s, 6), times_ms[0], status, times_ms[1]))

    def report(self, time_s: float, **more: object) -> None:
        """Write the line of the requests that were answered since the last one."""
        fresh = self._outcomes[self._reported :]
        self._reported = len(self._outcomes)
        self._write({"time_s": round(time_s, 2), **more, **summary(fresh)})

    def finish(self) -> None:
        """Write every request: the last line."""
        columns = zip(*self._outcomes, strict=True) if self._outcomes else ([], [], [], [])
        self._write(dict(zip(Outcome._fields, columns, strict=True)))

    def _write(self, line: dict[str, Any]) -> None:
        print(json.dumps(line), file=self._file, flush=True)


def summary(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Counts and percentiles of requests: a dict; percentiles are None where none was answered."""
    answered_ms = [outcome.latency_ms for outcome in outcomes if 200 <= outcome.status < 300]
    refused = sum(outcome.status == 503 for outcome in outcomes)
    shown_ms = np.percentile(answered_ms, [50, 95, 99]).tolist() if answered_ms else [None] * 3
    return {
        "requests": len(outcomes),
        "answered": len(answered_ms),
        "refused": refused,
        "failed": len(outcomes) - len(answered_ms) - refused,
        **dict(zip(("p50_ms", "p95_ms", "p99_ms"), shown_ms, strict=True)),
    }
