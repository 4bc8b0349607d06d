"""A day of traffic through the same `reconcile`, on a virtual clock. Lab 09.

The requests are a fluid (see workload). Every number here is simulated; a live run checks it.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaletoolkit.serving.autoscaling.controller import Controller
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS, Spec
from scaletoolkit.serving.autoscaling.workload import Replica, Workload, containers, wire

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Replay:
    """What happened, one value for each tick: arrays of the same length; all of it simulated.

    arrivals_per_s: the rate during the tick. At its end: replicas (asked for), ready (of these),
    queue (requests that wait). During it: served and refused requests. syncs: how often
    `reconcile` was asked.
    """

    spec: Spec
    replica: Replica
    tick_s: float
    syncs: int
    arrivals_per_s: np.ndarray = field(repr=False)
    replicas: np.ndarray = field(repr=False)
    ready: np.ndarray = field(repr=False)
    queue: np.ndarray = field(repr=False)
    served: np.ndarray = field(repr=False)
    refused: np.ndarray = field(repr=False)

    def __repr__(self):
        hours = self.seconds[-1] / SECONDS_PER_HOUR
        return (
            f"Replay: {self.requests:,.0f} requests in {hours:.3g} simulated hours on "
            f"{self.replicas.min()} to {self.replicas.max()} replicas, "
            f"{self.replica_hours:,.1f} replica-hours"
        )

    @property
    def seconds(self):
        """The end of each tick, in seconds from the start."""
        return self.tick_s * np.arange(1, len(self.replicas) + 1)

    @property
    def requests(self):
        """All requests that arrived, also those refused (a float)."""
        return float(self.arrivals_per_s.sum() * self.tick_s)

    @property
    def replica_hours(self):
        """What is paid for: replicas × hours, from the moment they are asked for."""
        return float(self.replicas.sum() * self.tick_s / SECONDS_PER_HOUR)

    @cached_property
    def wait_s(self):
        """How long a request waited that arrived at the end of each tick, before it was served."""
        edges, arrived, done = self._flows()
        later = np.minimum(np.searchsorted(done, arrived[1:] - 1e-6), len(done) - 1)
        step = np.maximum(done[later] - done[later - 1], 1e-12)
        part = np.clip((arrived[1:] - done[later - 1]) / step, 0, 1)
        served_at = edges[later - 1] + part * (edges[later] - edges[later - 1])
        return np.maximum(served_at - self.seconds, 0)

    def over_objective(self, objective_s):
        """How many requests were refused or took longer than the objective (a float).

        A request is late when it waits longer than objective − service time: when fewer requests
        have been served that much after its arrival than had arrived before it.
        """
        allowed_s = objective_s - self.replica.service_s
        if allowed_s < 0:
            return self.requests
        edges, arrived, done = self._flows()
        starts = edges[: len(arrived)]
        grid = np.union1d(starts, np.clip(edges - allowed_s, 0, starts[-1]))
        before = np.interp(grid, starts, arrived)
        gap = before - np.interp(grid + allowed_s, edges, done) - 1e-6
        share = _share_above_zero(gap[:-1], gap[1:])
        return float((np.diff(before) * share).sum() + self.refused.sum())

    def _flows(self):
        """(times, requests let in until each, requests served until each); served runs on until
        the queue that is left at the end has drained at the last rate."""
        edges = np.concatenate([[0.0], self.seconds])
        let_in = self.arrivals_per_s * self.tick_s - self.refused
        arrived = np.concatenate([[0.0], np.cumsum(let_in)])
        done = np.concatenate([[0.0], np.cumsum(self.served)])
        rate = self.ready[-1] * self.replica.requests_per_s
        left = arrived[-1] - done[-1]
        if left > 1e-6 and rate:
            edges = np.append(edges, edges[-1] + left / rate)
            done = np.append(done, arrived[-1])
        return edges, arrived, done


def _share_above_zero(left, right):
    """The part of each segment, straight from left to right, that lies above zero."""
    rise = np.abs(right - left)
    above = np.maximum(left, 0) + np.maximum(right, 0)
    both = (left > 0) & (right > 0)
    return np.where(both, 1.0, np.divide(above, rise, out=np.zeros_like(rise), where=rise > 0))


def simulate(
    spec, arrivals_per_s, replica=None, *, tick_s=1.0, flags=FLAGS, start_replicas=None,
    max_queue=math.inf, signals=None,
):  # fmt: skip
    """Replay traffic against a spec: a Replay.

    arrivals_per_s: one rate a tick of `tick_s` seconds; a sync comes every `flags.sync_period_s`,
    a whole number of ticks. replica: a Replica. start_replicas: the size at the start, by default
    minReplicas, at least one: Kubernetes leaves alone what somebody set to zero. max_queue:
    requests beyond it are refused. signals: see `workload.wire`.
    """
    rates = _rates(arrivals_per_s)
    every = _ticks_per_sync(flags.sync_period_s, tick_s)
    replica = replica or Replica()
    size = max(1, spec.min_replicas) if start_replicas is None else start_replicas
    workload = Workload(replica, size, max_queue, containers(spec))
    controller, wired, rows = Controller(spec, flags), wire(spec, signals), []
    for tick, rate in enumerate(rates.tolist(), 1):
        served, refused = workload.advance(rate, tick_s)
        if tick % every == 0:
            pods, metrics = workload.observe(wired)
            scale = (workload.replicas, workload.replicas)
            decision = controller.sync(pods, metrics, workload.now, scale)
            if decision.replicas != decision.before:
                workload.resize(decision.replicas)
        rows += (workload.replicas, workload.ready, workload.queue, served, refused)
    columns = np.array(rows).reshape(-1, 5).T
    counts = columns[:2].astype(int)
    return Replay(spec, replica, tick_s, len(rates) // every, rates, *counts, *columns[2:])


def _rates(arrivals_per_s):
    rates = np.asarray(arrivals_per_s, dtype=float)
    if rates.ndim != 1 or not rates.size:
        raise ValueError(f"arrivals_per_s must be a list of rates, got the shape {rates.shape}")
    if not np.isfinite(rates).all() or rates.min() < 0:
        raise ValueError("arrivals_per_s must hold rates of 0 or more requests a second")
    return rates


def _ticks_per_sync(sync_period_s, tick_s):
    every = round(sync_period_s / tick_s)
    if every < 1 or not math.isclose(every * tick_s, sync_period_s):
        raise ValueError(
            f"a sync period must be a whole number of ticks, got {sync_period_s} s for ticks of "
            f"{tick_s} s"
        )
    return every
