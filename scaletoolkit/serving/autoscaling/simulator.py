"""A day of traffic through the same `reconcile`, on a virtual clock. Lab 09.

The requests are a fluid (see workload). Every number here is simulated; a live run checks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaletoolkit.serving.autoscaling.controller import Controller
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS, Flags, Metric, Spec
from scaletoolkit.serving.autoscaling.workload import Capacity, Workload, containers, wire

SECONDS_PER_HOUR = 3600
Floats = NDArray[np.float64]
Counts = NDArray[np.int_]


@dataclass(frozen=True)
class Replay:
    """What happened, one value for each second: arrays of the same length; all of it simulated.

    arrivals_per_s, served: requests during the second. At its end: replicas (asked for), ready (of
    these), queue (requests that wait). syncs: how often `reconcile` was asked.
    """

    spec: Spec
    capacity: Capacity
    syncs: int
    arrivals_per_s: Floats = field(repr=False)
    replicas: Counts = field(repr=False)
    ready: Counts = field(repr=False)
    queue: Floats = field(repr=False)
    served: Floats = field(repr=False)

    def __repr__(self) -> str:
        hours = self.seconds[-1] / SECONDS_PER_HOUR
        return (
            f"Replay: {self.requests:,.0f} requests in {hours:.3g} simulated hours on "
            f"{self.replicas.min()} to {self.replicas.max()} replicas, "
            f"{self.replica_hours:,.1f} replica-hours"
        )

    @property
    def seconds(self) -> Floats:
        """The end of each second, in seconds from the start."""
        return np.arange(1, len(self.replicas) + 1, dtype=float)

    @property
    def requests(self) -> float:
        """All requests that arrived."""
        return float(self.arrivals_per_s.sum())

    @property
    def replica_hours(self) -> float:
        """What is paid for: replicas × hours, from the moment they are asked for."""
        return float(self.replicas.sum() / SECONDS_PER_HOUR)

    @cached_property
    def wait_s(self) -> Floats:
        """How long a request waited that arrived at the end of each second, until it was served."""
        edges, arrived, done = self._flows()
        later = np.minimum(np.searchsorted(done, arrived[1:] - 1e-6), len(done) - 1)
        step = np.maximum(done[later] - done[later - 1], 1e-12)
        part = np.clip((arrived[1:] - done[later - 1]) / step, 0, 1)
        served_at = edges[later - 1] + part * (edges[later] - edges[later - 1])
        return np.maximum(served_at - self.seconds, 0)

    def over_objective(self, objective_s: float) -> float:
        """How many requests took longer than the objective.

        One is late when, objective − service time after it came, not all before it are served.
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
        return float((np.diff(before) * share).sum())

    def _flows(self) -> tuple[Floats, Floats, Floats]:
        """(times, requests arrived until each, requests served until each); served runs on until
        the queue that is left at the end has drained at the last rate."""
        edges = np.concatenate([[0.0], self.seconds])
        arrived = np.concatenate([[0.0], np.cumsum(self.arrivals_per_s)])
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
    signals: Mapping[str, str] | None = None,
) -> Replay:
    """Replay traffic against a spec: a Replay.

    arrivals_per_s: a rate for each second; a sync comes every `flags.sync_period_s`. capacity: of a
    replica. start_replicas: by default minReplicas, at least 1: Kubernetes leaves a size of 0 be.
    signals: see `workload.wire`. ValueError for rates or periods that cannot be, ManifestError for
    a metric that nothing feeds.
    """
    rates = _checked(arrivals_per_s, flags.sync_period_s)
    capacity = capacity or Capacity()
    size = max(1, spec.min_replicas) if start_replicas is None else start_replicas
    workload = Workload(capacity, size, containers(spec))
    columns = _run(workload, Controller(spec, flags), rates, wire(spec, signals))
    replicas, ready = columns[:2].astype(int)
    syncs = len(rates) // int(flags.sync_period_s)
    return Replay(spec, capacity, syncs, rates, replicas, ready, *columns[2:])


def _run(
    workload: Workload, controller: Controller, rates: Floats, feeds: Mapping[Metric, str]
) -> Floats:
    """Four rows, a value for each second: replicas, ready, queue, served."""
    seconds: list[tuple[float, ...]] = []
    for second, rate in enumerate(rates.tolist(), 1):
        served = workload.advance(rate, 1.0)
        if second % controller.flags.sync_period_s == 0:
            decision = controller.sync(workload.observe(feeds), workload.now_s)
            if decision.rescaled:
                workload.resize(decision.replicas)
        seconds.append((workload.replicas, workload.ready, workload.queue, served))
    return np.array(seconds).T


def _checked(arrivals_per_s: ArrayLike, sync_period_s: float) -> Floats:
    rates = np.asarray(arrivals_per_s, dtype=float)
    if rates.ndim != 1 or not rates.size:
        raise ValueError(f"arrivals_per_s must be a list of rates, got the shape {rates.shape}")
    wrong = rates[~(np.isfinite(rates) & (rates >= 0))]
    if wrong.size:
        raise ValueError(f"arrivals_per_s must hold rates of 0 or more, got {wrong[0]:g}")
    if not (sync_period_s >= 1 and float(sync_period_s).is_integer()):
        raise ValueError(f"a sync period must be a whole number of seconds, got {sync_period_s}")
    return rates
