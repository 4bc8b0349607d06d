"""The autoscaler beside a running server: every sync period a look, a decision, a size. Lab 09."""

import math
import threading
import time
from collections.abc import Callable

from scaletoolkit.service.observation import Observation, ReplicaFacts
from scaletoolkit.service.server import Server
from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling.pods import Reading, Scale, active
from scaletoolkit.serving.autoscaling.signals import Feed, containers, wire


class Autoscaler:
    """Kubernetes' controller in a thread, over a Server; a context manager that stops it.

    began_s: when it began, on `time.monotonic`. rows: a dict for each sync: time_s since then,
    queue_length (averaged since the sync before), cpu_percent of what the ready replicas ask for,
    ready, replicas (the size from now on). decisions: the Decision of each. `speed`: how many of
    the manifest's seconds pass in one second of the clock. `told`: is called with each Decision.
    """

    def __init__(
        self,
        server: Server,
        spec: autoscaling.Spec,
        speed: float = 1.0,
        flags: autoscaling.Flags = autoscaling.FLAGS,
        told: Callable[[autoscaling.Decision], object] = lambda _: None,
    ) -> None:
        self.rows: list[dict[str, float]] = []
        self.decisions: list[autoscaling.Decision] = []
        self.began_s = time.monotonic()
        self._failure: Exception | None = None
        self._server = server
        self._told = told
        self._stop = threading.Event()
        self._view = View(spec, server.settings.cpu_milli or 1000, speed)
        self._period_s = flags.sync_period_s / speed
        controller = autoscaling.Controller(spec, flags)
        wait = self._stop.wait
        self._syncs = autoscaling.live(controller, self._read, server.resize, wait, speed)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Autoscaler":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Make no more decisions; raises what ended the thread early, if anything did."""
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            self._server.observe()
            if self._stop.wait(self._period_s):
                return
            for decision in self._syncs:
                self.decisions.append(decision)
                self.rows[-1]["replicas"] = decision.replicas
                self._told(decision)
        except Exception as error:
            self._failure = error

    def _read(self, now_s: float) -> autoscaling.Seen:
        observation = self._server.observe()
        ready = observation.ready
        used_milli = sum(replica["cpu_milli"] for replica in ready)
        row = {
            "time_s": time.monotonic() - self.began_s,
            "queue_length": observation.queue_length,
            "cpu_percent": 100 * used_milli / self._view.request_milli / max(1, len(ready)),
            "ready": len(ready),
            "replicas": observation.wanted,
        }
        self.rows.append(row)
        return self._view(observation, now_s)


class View:
    """Makes of an Observation what `reconcile` takes; remembers since when replicas were there.

    The gateway's queue is one for all replicas: for a Pods metric each ready one has an equal share
    of it. In a cluster only the gateway could show it, as an Object or External metric. in_flight
    is what waits or is worked on, as in `signals`.
    What is ready at the first look has been so for ever.
    """

    def __init__(self, spec: autoscaling.Spec, request_milli: int, speed: float = 1.0) -> None:
        self.request_milli = request_milli
        self._speed = speed
        names = containers(spec)
        self._requests = {name: {"cpu": request_milli // len(names)} for name in names}
        self._feeds = wire(spec)
        self._started_s: dict[str, float] = {}
        self._ready_since_s: dict[str, float] = {}
        self._first = True

    def __call__(self, observation: Observation, now_s: float) -> autoscaling.Seen:
        """What is seen at `now_s`, in the manifest's seconds."""
        pods = [self._pod(replica, now_s) for replica in observation.replicas]
        self._first = False
        metrics = {
            metric.key: self._reading(metric, feed, observation, now_s)
            for metric, feed in self._feeds.items()
        }
        return autoscaling.Seen(pods, metrics, Scale(observation.wanted, active(pods)))

    def _pod(self, replica: ReplicaFacts, now_s: float) -> autoscaling.Pod:
        name = replica["name"]
        state = replica["state"]
        ready = state == "ready"
        since_s = -math.inf if ready and self._first else now_s
        started_s = self._started_s.setdefault(name, since_s)
        if ready:
            self._ready_since_s.setdefault(name, since_s)
        ready_since_s = self._ready_since_s.get(name, now_s)
        phase = "Pending" if state == "starting" else "Running"
        leaving = state in ("draining", "ended")
        return autoscaling.Pod(
            name, phase, ready, started_s, ready_since_s, leaving, self._requests
        )

    def _reading(
        self, metric: autoscaling.Metric, feed: Feed, observation: Observation, now_s: float
    ) -> Reading:
        ready = observation.ready
        if feed == "cpu":
            window_s = observation.period_s * self._speed
            parts = len(self._requests) if metric.container else 1
            return {
                replica["name"]: autoscaling.Sample(
                    round(replica["cpu_milli"] / parts), now_s, window_s
                )
                for replica in ready
            }
        waiting = observation.queue_length
        totals = {"queue_length": waiting, "in_flight": waiting + observation.in_flight}
        if not isinstance(feed, str) or feed not in totals:
            return f"the server does not measure {feed}"
        total_milli = 1000 * totals[feed]
        if metric.type in ("Object", "External"):
            return round(total_milli)
        return {replica["name"]: round(total_milli / len(ready)) for replica in ready}
