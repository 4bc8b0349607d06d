"""Starts a load test as a process of its own, and reads its lines. Labs 07 and 09."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

import numpy as np

from scaletoolkit import lab
from scaletoolkit.machine import processes
from scaletoolkit.serving.traffic.arrivals import checked, poisson
from scaletoolkit.serving.traffic.tally import summary

HERE = Path(__file__).parent


class LoadError(lab.LabError):
    """A load test that did not come to its end."""


@dataclass(frozen=True)
class LoadResult:
    """Every request of a load test, and its summary a second.

    due_s: when each was due, from the start. latency_ms: from then to the answer. status: HTTP's,
    0 where no answer came. rows: what happened in each second. report: Locust's page, or None.
    """

    due_s: np.ndarray = field(repr=False)
    latency_ms: np.ndarray = field(repr=False)
    status: np.ndarray = field(repr=False)
    rows: list = field(repr=False)
    report: Path | None = None

    @property
    def totals(self):
        """Counts and percentiles of the whole: requests, answered, refused, failed, p50_ms …"""
        return summary(list(zip(self.due_s, self.latency_ms, self.status.tolist(), strict=True)))

    def by_step(self, steps, skip_s=0.0):
        """For each (seconds, level) of the load: (answers a second, an array of their latencies).

        Latencies in ms, successes only, by the moment of the answer. The first `skip_s` seconds of
        each step, in which the last one still echoes, are left out.
        """
        done_s, start_s, found = self.due_s + self.latency_ms / 1000, 0.0, []
        for seconds, _ in checked(steps):
            inside = (done_s > start_s + skip_s) & (done_s <= start_s + seconds)
            latency_ms = self.latency_ms[inside & (self.status // 100 == 2)]
            found.append((len(latency_ms) / (seconds - skip_s), latency_ms))
            start_s += seconds
        return found

    def table(self):
        """The seconds as a table; latencies of seconds without an answer are left out."""
        names = ["time_s", "requests", "answered", "refused", "failed"]
        times = ["p50_ms", "p95_ms", "p99_ms"]
        rows = [row for row in self.rows if row["answered"]]
        return lab.table(
            [{name: row[name] for name in names + times} for row in rows],
            {"time_s": "s"} | dict.fromkeys(times, "ms"),
            measured=names + times,
        )

    def __repr__(self):
        totals = self.totals
        return (
            f"LoadResult: {totals['requests']:,} requests, {totals['answered']:,} answered, "
            f"{totals['refused']:,} refused, {totals['failed']:,} failed"
        )


class LoadRun:
    """A load test that runs."""

    def __init__(self, command, plan, folder, report=None):
        self._folder, self._report, self._lines = folder, report, []
        self._began_s = None
        path = folder / "plan.json"
        path.write_text(json.dumps(plan))
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed when the test has ended
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command(path)],
            env=os.environ | {"SCALETOOLKIT_LOAD_PLAN": str(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            if line.startswith("{"):  # other lines are remarks of Locust's
                self._lines.append(json.loads(line))
                if self._began_s is None:
                    self._began_s = time.monotonic() - self._lines[0].get("time_s", 0.0)

    def rows(self):
        """The seconds so far, a list of dicts; safe to call while the test runs."""
        return [line for line in self._lines if "time_s" in line]

    @property
    def began_s(self):
        """When the first user came, on `time.monotonic`; now, as long as nobody has come."""
        return time.monotonic() if self._began_s is None else self._began_s

    @property
    def running(self):
        """Whether the test still runs."""
        return self._process.poll() is None

    def ticks(self, every_s=1.0):
        """Yield now and again for as long as the test runs, for `plots.live`."""
        while self.running:
            yield
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(every_s)

    def stop(self):
        """End the test now; what it found until then is lost."""
        self._process.kill()
        self._tidy()

    def wait(self, timeout_s=600):
        """Wait for the end: a LoadResult. Raises LoadError when the test failed or takes longer."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop()
            raise LoadError(f"The load test had not ended after {timeout_s:g} s.") from None
        log = self._tidy()
        if not self._lines or "latency_ms" not in self._lines[-1]:
            raise LoadError(f"The load test ended without a result: {log.strip()[-500:]}")
        columns = {name: np.array(values) for name, values in self._lines[-1].items()}
        return LoadResult(**columns, rows=self.rows(), report=self._report)

    def _tidy(self):
        """Close every pipe and file; what the process had to say on stderr."""
        self._process.wait()
        self._reader.join()
        for file in (self._process.stdin, self._process.stdout):
            file.close()
        with self._log as log:
            log.seek(0)
            return log.read()


def _plan(url, payloads, **more):
    payloads = list(payloads)
    if not url.startswith("http://"):
        raise ValueError(f"a load test needs an address that starts with http://, got {url!r}")
    if not payloads:
        raise ValueError("a load test needs at least one payload to send, got none")
    return {"url": url, "payloads": payloads, **more}


def open_loop(url, steps, payloads, seed=0, patience_s=30):
    """Send a POST at each of the random moments of `poisson(steps)`: a LoadRun.

    url: the whole address. payloads: values that are sent as JSON, in turn. Requests that have no
    answer `patience_s` after the last one was sent are given up and not counted.
    """
    plan = _plan(url, payloads, due_s=poisson(steps, seed).tolist(), patience_s=patience_s)
    command = ["scaletoolkit.serving.traffic.sender"]
    return LoadRun(lambda path: [*command, str(path)], plan, processes.workspace("load"))


def closed_loop(url, steps, payloads, rate_per_user=None, folder=None, patience_s=30):
    """Let Locust's users post and wait, post and wait: a LoadRun.

    steps: (seconds, users). rate_per_user: how often each posts in a second if the server keeps
    up; None means at once after each answer. Locust's page and tables are kept in `folder`; without
    one they go with this process.
    """
    steps = checked(steps)
    folder = Path(folder) if folder else processes.workspace("load")
    plan = _plan(url, payloads, steps=steps, rate_per_user=rate_per_user, patience_s=patience_s)
    report = folder / "report.html"
    options = {"-f": HERE / "locustfile.py", "--html": report, "--csv": folder / "locust"}
    options |= {"--host": urljoin(url, "/").rstrip("/"), "--stop-timeout": patience_s}
    options |= {"--exit-code-on-error": 0, "--loglevel": "WARNING"}
    command = ["locust", "--headless", "--only-summary"]
    command += [str(part) for option in options.items() for part in option]
    return LoadRun(lambda path: command, plan, folder, report)
