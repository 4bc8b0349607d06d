"""A day of traffic through the same `reconcile`, on a virtual clock. Lab 09.

The requests are a fluid (see workload). Every number here is simulated; a live run checks it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaletoolkit.serving.autoscaling.controller import Controller
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS, Flags, Spec
from scaletoolkit.serving.autoscaling.workload import Capacity, Workload, containers, wire

SECONDS_PER_HOUR = 3600
Floats = NDArray[np.float64]
Counts = NDArray[np.int_]


class Setting(NamedTuple):
    """What a replay takes for granted unless told otherwise.

    tick_s: how many seconds each arrival rate holds. max_queue: requests beyond it are refused.
    signals: what feeds a metric whose name does not say it, see `workload.wire`.
    """

    tick_s: float = 1.0
    max_queue: float = math.inf
    signals: Mapping[str, str] | None = None


SETTING = Setting()


@dataclass(frozen=True)
class Replay:
    """What happened, one value for each tick: arrays of the same length; all of it simulated.

    arrivals_per_s: the rate during the tick. At its end: replicas (asked for), ready (of these),
    queue (requests that wait). During it: served and refused requests. syncs: how often
    `reconcile` was asked.
    """

    spec: Spec
    capacity: Capacity
    tick_s: float
    syncs: int
    arrivals_per_s: Floats = field(repr=False)
    replicas: Counts = field(repr=False)
    ready: Counts = field(repr=False)
    queue: Floats = field(repr=False)
    served: Floats = field(repr=False)
    refused: Floats = field(repr=False)

    def __repr__(self) -> str:
        hours = self.seconds[-1] / SECONDS_PER_HOUR
        return (
            f"Replay: {self.requests:,.0f} requests in {hours:.3g} simulated hours on "
            f"{self.replicas.min()} to {self.replicas.max()} replicas, "
            f"{self.replica_hours:,.1f} replica-hours"
        )

    @property
    def seconds(self) -> Floats:
        """The end of each tick, in seconds from the start."""
        return self.tick_s * np.arange(1, len(self.replicas) + 1, dtype=float)

    @property
    def requests(self) -> float:
        """All requests that arrived, also those refused."""
        return float(self.arrivals_per_s.sum() * self.tick_s)

    @property
    def replica_hours(self) -> float:
        """What is paid for: replicas × hours, from the moment they are asked for."""
        return float(self.replicas.sum() * self.tick_s / SECONDS_PER_HOUR)

    @cached_property
    def wait_s(self) -> Floats:
        """How long a request waited that arrived at the end of each tick, before it was served."""
        edges, arrived, done = self._flows()
        later = np.minimum(np.searchsorted(done, arrived[1:] - 1e-6), len(done) - 1)
        step = np.maximum(done[later] - done[later - 1], 1e-12)
        part = np.clip((arrived[1:] - done[later - 1]) / step, 0, 1)
        served_at = edges[later - 1] + part * (edges[later] - edges[later - 1])
        return np.maximum(served_at - self.seconds, 0)

    def over_objective(self, objective_s: float) -> float:
        """How many requests were refused or took longer than the objective.

        A request is late when it waits longer than objective − service time: when fewer requests
        have been served that much after its arrival than had arrived before it.
        """
        allowed_s = objective_s - self.capacity.service_s
        if allowed_s < 0:
            return self.requests
        edges, arrived, done = self._flows()
        starts = edges[: len(arrived)]
        grid = np.union1d(starts, np.clip(edges - allowed_s, 0, starts[-1]))
        before = np.interp(grid, starts, arrived)
        gap = before - np.interp(grid + allowed_s, edges, done) - 1e-6
        share = _share_above_zero(gap[:-1], gap[1:])
        return float((np.diff(before) * share).sum() + self.refused.sum())

    def _flows(self) -> tuple[Floats, Floats, Floats]:
        """(times, requests let in until each, requests served until each); served runs on until
        the queue that is left at the end has drained at the last rate."""
        edges = np.concatenate([[0.0], self.seconds])
        let_in = self.arrivals_per_s * self.tick_s - self.refused
        arrived = np.concatenate([[0.0], np.cumsum(let_in)])
        done = np.concatenate([[0.0], np.cumsum(self.served)])
        rate = self.ready[-1] * self.capacity.requests_per_s
        left = arrived[-1] - done[-1]
        if left > 1e-6 and rate:
            edges = np.append(edges, edges[-1] + left / rate)
            done = np.append(done, arrived[-1])
        return edges, arrived, done


def _share_above_zero(left: Floats, right: Floats) -> Floats:
    """The part of each segment, straight from left to right, that lies above zero."""
    rise = np.abs(right - left)
    above = np.maximum(left, 0) + np.maximum(right, 0)
    part = np.divide(above, rise, out=np.zeros_like(rise), where=rise > 0)
    return np.where((left > 0) & (right > 0), 1.0, part)


def simulate(
    spec: Spec,
    arrivals_per_s: ArrayLike,
    capacity: Capacity | None = None,
    flags: Flags = FLAGS,
    start_replicas: int | None = None,
    setting: Setting = SETTING,
) -> Replay:
    """Replay traffic against a spec: a Replay.

    arrivals_per_s: one rate a tick of `setting.tick_s` seconds; a sync comes every
    `flags.sync_period_s`, a whole number of ticks. capacity: of a replica. start_replicas: the size
    at the start, by default minReplicas, at least one: Kubernetes leaves alone what somebody set to
    zero. Raises ValueError for rates or periods that cannot be, ManifestError for a metric that
    nothing feeds.
    """
    rates = _rates(arrivals_per_s)
    every = _ticks_per_sync(flags.sync_period_s, setting.tick_s)
    capacity = capacity or Capacity()
    size = max(1, spec.min_replicas) if start_replicas is None else start_replicas
    workload = Workload(capacity, size, setting.max_queue, containers(spec))
    columns = _run(workload, Controller(spec, flags), rates, every, setting)
    replicas, ready = columns[:2].astype(int)
    return Replay(
        spec, capacity, setting.tick_s, len(rates) // every, rates, replicas, ready, *columns[2:]
    )


def _run(
    workload: Workload, controller: Controller, rates: Floats, every: int, setting: Setting
) -> Floats:
    """Five rows, a value for each tick: replicas, ready, queue, served, refused."""
    feeds = wire(controller.spec, setting.signals)
    ticks: list[float] = []
    for tick, rate in enumerate(rates.tolist(), 1):
        served, refused = workload.advance(rate, setting.tick_s)
        if tick % every == 0:
            decision = controller.sync(workload.observe(feeds), workload.now_s)
            if decision.rescaled:
                workload.resize(decision.replicas)
        ticks += (workload.replicas, workload.ready, workload.queue, served, refused)
    return np.array(ticks).reshape(-1, 5).T


def _rates(arrivals_per_s: ArrayLike) -> Floats:
    rates = np.asarray(arrivals_per_s, dtype=float)
    if rates.ndim != 1 or not rates.size:
        raise ValueError(f"arrivals_per_s must be a list of rates, got the shape {rates.shape}")
    wrong = rates[~(np.isfinite(rates) & (rates >= 0))]
    if wrong.size:
        raise ValueError(f"arrivals_per_s must hold rates of 0 or more, got {wrong[0]:g}")
    return rates


def _ticks_per_sync(sync_period_s: float, tick_s: float) -> int:
    every = round(sync_period_s / tick_s)
    if every < 1 or not math.isclose(every * tick_s, sync_period_s):
        raise ValueError(
            f"a sync period must be a whole number of ticks, got {sync_period_s} s for ticks of "
            f"{tick_s} s"
        )
    return every
