"""The autoscaler beside a running server: every sync period a look, a decision, a size. Lab 09."""

import math
import threading
import time

from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling.workload import wire


class Autoscaler:
    """Kubernetes' controller in a thread, over a Server; a context manager that stops it.

    began_s: when it began, on `time.monotonic`. rows: a dict for each sync: time_s since then,
    queue_length (averaged since the sync before), cpu_percent of what the ready replicas ask for,
    ready, replicas (the size from now on). decisions: the Decision of each. `speed`: how many of
    the manifest's seconds pass in one second of the clock. signals: see
    `autoscaling.workload.wire`.
    """

    def __init__(self, server, spec, speed=1.0, flags=autoscaling.FLAGS, signals=None):
        self.rows, self.decisions, self._failure = [], [], None
        self._server, self._stop, self.began_s = server, threading.Event(), time.monotonic()
        self._view = View(spec, server.settings.cpu_milli or 1000, speed, signals)
        self._period_s = flags.sync_period_s / speed
        controller = autoscaling.Controller(spec, flags)
        self._decisions = autoscaling.live(
            controller, self._read, server.resize, self._stop.wait, speed
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Make no more decisions; raises what ended the thread early, if anything did."""
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def _run(self):
        self._server.observe()
        if self._stop.wait(self._period_s):
            return
        try:
            for decision in self._decisions:
                self.decisions.append(decision)
                self.rows[-1]["replicas"] = decision.replicas
        except Exception as error:
            self._failure = error

    def _read(self, now):
        seen = self._server.observe()
        ready = [one for one in seen.replicas if one["state"] == "ready"]
        used = sum(one["cpu_milli"] for one in ready)
        self.rows.append(
            {
                "time_s": time.monotonic() - self.began_s,
                "queue_length": seen.queue_length,
                "cpu_percent": 100 * used / self._view.request_milli / max(1, len(ready)),
                "ready": len(ready),
                "replicas": seen.wanted,
            }
        )
        return self._view(seen, now)


class View:
    """Makes of an Observation the pods and metrics that `reconcile` takes.

    It remembers when each replica was first seen, and first seen ready. What is ready at the first
    look has been so for ever.
    """

    def __init__(self, spec, request_milli, speed=1.0, signals=None):
        self.request_milli, self._speed = request_milli, speed
        names = autoscaling.containers(spec)
        self._requests = {name: {"cpu": request_milli // len(names)} for name in names}
        self._wired, self._since = wire(spec, signals), {}
        self._first = True

    def __call__(self, seen, now):
        """(pods, metrics) at `now`, in the manifest's seconds."""
        pods = [self._pod(one, now) for one in seen.replicas]
        self._first = False
        return pods, {key: self._reading(kind, what, seen, now) for key, kind, what in self._wired}

    def _pod(self, one, now):
        ready = one["state"] == "ready"
        seen_s = -math.inf if ready and self._first else now
        known = self._since.setdefault(one["name"], {"started": seen_s})
        if ready:
            known.setdefault("ready", seen_s)
        return autoscaling.Pod(
            one["name"],
            phase="Pending" if one["state"] == "starting" else "Running",
            ready=ready,
            started_s=known["started"],
            ready_since_s=known.get("ready", now),
            deleting=one["state"] == "draining",
            requests_milli=self._requests,
        )

    def _reading(self, kind, signal, seen, now):
        ready = [one for one in seen.replicas if one["state"] == "ready"]
        if signal == "cpu":
            window_s = seen.period_s * self._speed
            return {
                one["name"]: autoscaling.Sample(round(one["cpu_milli"]), now, window_s)
                for one in ready
            }
        total = {"queue_length": seen.queue_length, "in_flight": seen.in_flight}.get(signal)
        if total is None:
            return f"the server does not measure {signal}"
        if kind in ("Object", "External"):
            return round(1000 * total)
        return {one["name"]: round(1000 * total / len(ready)) for one in ready}
