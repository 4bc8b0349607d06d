"""What a replay of traffic came to: sizes, waits, who was late and for how long. Lab 09."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from scaletoolkit.serving.autoscaling.capacity import Capacity
from scaletoolkit.serving.autoscaling.manifest.spec import Spec

SECONDS_PER_HOUR = 3600
A_FEW = 1e-6  # requests: less than that is rounding
Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int_]
Lanes: TypeAlias = list[tuple[int, float]]  # (replicas that are alike, requests that wait for them)


@dataclass(frozen=True)
class Replay:
    """What happened, one value for each second: arrays of the same length; all of it simulated.

    arrivals_per_s, served: requests during the second. At its end: replicas (asked for), ready (of
    these), queue (requests that wait). syncs: how often `reconcile` was asked. notes: {a condition
    or an error, as `kubectl describe hpa` shows it: after how many syncs}. lanes: the queues of the
    pods at the end of each second, None where all share one.
    """

    spec: Spec
    capacity: Capacity
    syncs: int
    arrivals_per_s: Floats = field(repr=False)
    replicas: Counts = field(repr=False)
    ready: Counts = field(repr=False)
    queue: Floats = field(repr=False)
    served: Floats = field(repr=False)
    notes: Mapping[str, int] = field(repr=False)
    lanes: Sequence[Lanes] | None = field(repr=False, default=None)

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
        """How long a request waits that arrives at the end of each second, at the slowest pod."""
        if self.lanes is not None:
            per_s = self.capacity.requests_per_s
            return np.array([max(q / max(n, 1) for n, q in lanes) for lanes in self.lanes]) / per_s
        edges, arrived, done = self._flows()
        later = np.clip(np.searchsorted(done, arrived[1:] - A_FEW), 1, len(done) - 1)
        step = np.maximum(done[later] - done[later - 1], 1e-12)
        part = np.clip((arrived[1:] - done[later - 1]) / step, 0, 1)
        served_at = edges[later - 1] + part * (edges[later] - edges[later - 1])
        return np.maximum(served_at - self.seconds, 0)

    def late(self, objective_s: float) -> Floats:
        """How many of the requests of each second took longer than the objective.

        One is late when, objective − service time after it came, not all before it are served.
        """
        allowed_s = objective_s - self.capacity.service_s
        if allowed_s < 0:
            return self.arrivals_per_s
        if self.lanes is not None:
            return self.arrivals_per_s * self._share_of_slow_pods(allowed_s)
        edges, arrived, done = self._flows()
        starts = edges[: len(arrived)]
        grid = np.union1d(starts, np.clip(edges - allowed_s, 0, starts[-1]))
        before = np.interp(grid, starts, arrived)
        gap = before - np.interp(grid + allowed_s, edges, done) - A_FEW
        late = np.diff(before) * _share_above_zero(gap[:-1], gap[1:])
        return np.bincount(grid[:-1].astype(int), late, len(self.replicas)).astype(float)

    def _share_of_slow_pods(self, allowed_s: float) -> Floats:
        """With a queue per pod, at the end of each second: how many make a request wait longer."""
        most = allowed_s * self.capacity.requests_per_s + A_FEW
        slow = [sum(n for n, q in lanes if q > n * most) for lanes in self.lanes or ()]
        return np.array(slow) / np.maximum(self.ready, 1)

    def over_objective(self, objective_s: float) -> float:
        """How many requests took longer than the objective."""
        return float(self.late(objective_s).sum())

    def late_s(self, objective_s: float, share: float = 0.05) -> int:
        """For how many seconds more than this share of the requests took longer.

        With 0.05: for how long the p95 of the requests of a second was over the objective.
        """
        late = self.late(objective_s)
        return int(np.count_nonzero(late > share * self.arrivals_per_s + A_FEW))

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
