"""Starts a load test as a process of its own, and reads its lines. Labs 07 and 09."""

import json
import math
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, Unpack
from urllib.parse import urljoin

import numpy as np

from scaletoolkit import lab
from scaletoolkit.machine import interrupts, processes, turns
from scaletoolkit.serving.traffic.arrivals import (
    Options,
    check_positive,
    checked,
    plain,
    planned,
    poisson,
)
from scaletoolkit.serving.traffic.tally import Outcome, summary

SILENCE_S = 60.0  # it writes a line a second, once it has begun


class LoadError(lab.LabError):
    """A load test that did not come to its end."""


@dataclass(frozen=True)
class LoadResult:
    """Every request of a load test. due_s: from the start. latency_ms: from then to the answer.

    status: HTTP's, 0 where no answer came. rows: what happened in each second. late_ms: how long
    after its moment an open loop sent each: where that is long, the test's own computer was busy,
    or had no more connections.
    """

    due_s: np.ndarray = field(repr=False)
    latency_ms: np.ndarray = field(repr=False)
    status: np.ndarray = field(repr=False)
    rows: list[dict[str, Any]] = field(repr=False)
    late_ms: np.ndarray = field(repr=False, default_factory=lambda: np.empty(0))

    @property
    def totals(self) -> dict[str, Any]:
        """Counts and percentiles of the whole: requests, answered, refused, failed, p50_ms …"""
        columns = (self.due_s.tolist(), self.latency_ms.tolist(), self.status.tolist())
        return summary([Outcome(*values) for values in zip(*columns, strict=True)])

    def by_step(
        self, steps: Iterable[Sequence[float]], skip_s: float = 0.0
    ) -> list[tuple[float, np.ndarray]]:
        """For each (seconds, level) of the load: (answers a second, an array of their latencies).

        In ms, successes only, by the moment of the answer, without each step's first `skip_s`, of
        which each must have more; else ValueError.
        """
        done_s = self.due_s + self.latency_ms / 1000
        start_s = 0.0
        parts = []
        for seconds, _ in checked(steps):
            if not skip_s < seconds:
                raise ValueError(f"skip_s={skip_s:g} leaves nothing of a step of {seconds:g} s")
            inside = (done_s > start_s + skip_s) & (done_s <= start_s + seconds)
            latency_ms = self.latency_ms[inside & (self.status // 100 == 2)]
            parts.append((len(latency_ms) / (seconds - skip_s), latency_ms))
            start_s += seconds
        return parts

    def __repr__(self) -> str:
        totals = self.totals
        return (
            f"LoadResult: {totals['requests']:,} requests, {totals['answered']:,} answered, "
            f"{totals['refused']:,} refused, {totals['failed']:,} failed"
        )


class LoadRun:
    """A load test in a process: `python -m` and the command. It ends with us, or with its block."""

    def __init__(self, command: Sequence[str], plan: Mapping[str, Any], folder: Path) -> None:
        self._seconds = math.ceil(sum(seconds for seconds, _ in plan["steps"]))
        self._lines: list[dict[str, Any]] = []
        self._began_s = math.inf
        self._heard_s = time.monotonic()
        path = folder / "plan.json"
        path.write_text(json.dumps(plan, default=plain))
        environment = os.environ | {"SCALETOOLKIT_LOAD_PLAN": str(path)}
        with ExitStack() as stack:
            stack.enter_context(turns.turn("load"))
            self._child = processes.Child(["-m", *command], environment)
            self._turn = stack.pop_all()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        interrupts.note(self.stop)

    def _read(self) -> None:
        """Collect the lines until the process has ended."""
        with self._turn:  # it ends with the process, whether or not anybody waits for that
            for line in self._child.stdout:
                self._heard_s = time.monotonic()
                if line.startswith("{") and line.endswith("\n"):  # others: Locust's, or cut off
                    values = json.loads(line)
                    if not self._lines:
                        self._began_s = time.monotonic() - values.get("time_s", 0.0)
                    self._lines.append(values)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def rows(self) -> list[dict[str, Any]]:
        """The seconds so far, a list of dicts; safe to call while the test runs."""
        return [line for line in self._lines if "time_s" in line]

    @property
    def began_s(self) -> float:
        """When the first user came, on `time.monotonic`; now, as long as nobody has come."""
        return min(self._began_s, time.monotonic())

    @property
    def running(self) -> bool:
        """Whether the test still runs."""
        return self._reader.is_alive()

    def ticks(self, every_s: float = 1.0) -> Iterator[None]:
        """Yield now and again for as long as the test runs, for `plots.live`."""
        while self.running:
            yield
            self._reader.join(every_s)

    def stop(self) -> str:
        """End the test now, what it found until then is lost: what it wrote to stderr."""
        interrupts.forget(self.stop)
        if self.running:
            processes.kill_group(self._child.pid)
            self._reader.join()
        return self._child.end()

    def wait(self, label: str = "", timeout_s: float = 600) -> LoadResult:
        """Wait for the end: a LoadResult. label: what a line calls the seconds meanwhile.

        Raises LoadError when the test failed, takes longer, or says nothing for SILENCE_S.
        """
        end_s = time.monotonic() + timeout_s
        if label:
            for _ in lab.progress(self._each_second(end_s), self._seconds, label):
                pass
        while self.running and not self._hopeless(end_s):
            self._reader.join(0.1)
        if self.running:
            self.stop()
            after = f"had not ended after {timeout_s:g} s"
            silent = f"said nothing for {SILENCE_S:g} s, as if it were stopped"
            raise LoadError(f"The load test {after if time.monotonic() > end_s else silent}.")
        said = self.stop()
        if not self._lines or "latency_ms" not in self._lines[-1]:
            cause = self._child.cause()
            raise LoadError(f"The load test ended without a result ({cause}). {said[-500:]}")
        columns = {name: np.array(values) for name, values in self._lines[-1].items()}
        return LoadResult(**columns, rows=self.rows())

    def _each_second(self, end_s: float) -> Iterator[int]:
        """The seconds of the load, each when it has passed, or the test, or the time until then."""
        for second in range(1, self._seconds + 1):
            while self.running and time.monotonic() < self.began_s + second:
                if self._hopeless(end_s):
                    return
                self._reader.join(0.1)
            yield second

    def _hopeless(self, end_s: float) -> bool:
        """Whether it is too late for the test's end, or for a sign of it."""
        return time.monotonic() > min(end_s, self._heard_s + SILENCE_S)


def open_loop(
    url: str,
    steps: Iterable[Sequence[float]],
    payloads: Iterable[object],
    seed: int = 0,
    **options: Unpack[Options],
) -> LoadRun:
    """Send a POST at each of the random moments of `poisson(steps)`: a LoadRun.

    steps: (seconds, requests a second). payloads: values to send as JSON, in turn. options: see
    `Options`. ValueError for what cannot be sent. So many are on their way at once as this process
    may have files open, but for a few, and at most 16,000; who waits for that is late in `late_ms`.
    """
    plan = planned(url, steps, payloads, options)
    due_s = poisson(plan["steps"], seed).tolist()
    command = ["scaletoolkit.serving.traffic.sender"]
    return LoadRun(command, plan | {"due_s": due_s}, processes.workspace("load"))


def closed_loop(
    url: str,
    steps: Iterable[Sequence[float]],
    payloads: Iterable[object],
    rate_per_user: float | None = None,
    folder: str | Path | None = None,
    **options: Unpack[Options],
) -> LoadRun:
    """Let Locust's users post and wait, post and wait: a LoadRun.

    steps: (seconds, users). rate_per_user: posts a second if the server keeps up; None: one after
    each answer. folder: keeps Locust's report.html and tables. The rest as for `open_loop`.
    """
    if rate_per_user is not None:
        check_positive("rate_per_user", rate_per_user)
    plan = planned(url, steps, payloads, options) | {"rate_per_user": rate_per_user}
    home = Path(folder) if folder else processes.workspace("load")
    told = {
        "-f": Path(__file__).with_name("locustfile.py"),
        "--html": home / "report.html",
        "--csv": home / "locust",
        "--host": urljoin(url, "/").rstrip("/"),
        "--stop-timeout": plan["patience_s"],
        "--exit-code-on-error": 0,
        "--loglevel": "WARNING",
    }
    command = ["scaletoolkit.serving.traffic.users", "--headless", "--only-summary"]
    command += [str(part) for option in told.items() for part in option]
    return LoadRun(command, plan, home)
