"""A day of traffic through the same `reconcile`, on a virtual clock. Lab 09.

The requests are a fluid (see workload). Every number here is simulated; a live run checks it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from scaletoolkit.serving.autoscaling.capacity import Capacity
from scaletoolkit.serving.autoscaling.controller import Controller
from scaletoolkit.serving.autoscaling.decision import Decision
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS, Flags, Metric, Spec
from scaletoolkit.serving.autoscaling.replay import Floats, Lanes, Replay
from scaletoolkit.serving.autoscaling.signals import Feed, containers, wire
from scaletoolkit.serving.autoscaling.workload import Workload

QUEUES = ("shared", "per pod")
LONGEST_LAG_S = 600


class Options(TypedDict, total=False):
    """What `simulate` takes beside spec, traffic, capacity and flags.

    start_replicas: by default minReplicas, at least 1: Kubernetes leaves a size of 0 be. signals:
    see `signals.wire`. queue: "shared" by all replicas, or "per pod". lag_s: how old a measurement
    is when a sync sees it, rounded up to whole syncs; 0 is kinder than any cluster.
    """

    start_replicas: int
    signals: Mapping[str, str]
    queue: str
    lag_s: float


class Run(NamedTuple):
    """A second's (replicas, ready, queue, served), its queues, and what each sync said."""

    seconds: list[tuple[float, ...]]
    lanes: list[Lanes]
    notes: Counter[str]


def simulate(
    spec: Spec,
    arrivals_per_s: ArrayLike,
    capacity: Capacity | None = None,
    flags: Flags = FLAGS,
    **options: Unpack[Options],
) -> Replay:
    """Replay traffic against a spec: a Replay.

    arrivals_per_s: a rate for each second; a sync comes every `flags.sync_period_s`. capacity: of a
    replica. options: see Options. ValueError for rates, periods or queues that cannot be,
    ManifestError for a metric that nothing feeds.
    """
    rates = _checked(arrivals_per_s, flags.sync_period_s)
    capacity = capacity or Capacity()
    size = _size(spec, options)
    shared, lag_s = _conditions(spec, options)
    feeds = wire(spec, options.get("signals"))
    fed = replace(spec, metrics=tuple(feeds))
    workload = Workload(capacity, size, containers(spec), shared, lag_s)
    run = _run(workload, Controller(fed, flags), rates, feeds)
    columns = np.array(run.seconds).T
    replicas, ready = columns[:2].astype(int)
    syncs = len(rates) // int(flags.sync_period_s)
    lanes = None if shared else run.lanes
    queue, done = columns[2:]
    return Replay(spec, capacity, syncs, rates, replicas, ready, queue, done, run.notes, lanes)


def _size(spec: Spec, options: Options) -> int:
    """How many replicas there are at first."""
    if unknown := options.keys() - Options.__annotations__:
        known = ", ".join(Options.__annotations__)
        raise TypeError(f"simulate takes {known}; got {', '.join(sorted(unknown))}")
    size = options.get("start_replicas", max(1, spec.min_replicas))
    if not size >= 0:
        raise ValueError(f"start_replicas must be 0 or more, got {size}")
    return size


def _conditions(spec: Spec, options: Options) -> tuple[bool, float]:
    """(whether all replicas share a queue, how old a measurement is)."""
    queue = options.get("queue", "shared")
    if queue not in QUEUES:
        raise ValueError(f"queue must be one of {', '.join(QUEUES)}, got {queue!r}")
    if queue == "per pod" and not spec.min_replicas:
        raise ValueError("with a queue per pod, minReplicas must be at least 1: no pod, no queue")
    lag_s = options.get("lag_s", 0.0)
    if not 0 <= lag_s <= LONGEST_LAG_S:
        raise ValueError(f"lag_s must be from 0 to {LONGEST_LAG_S} seconds, got {lag_s}")
    return queue == "shared", lag_s


def _run(
    workload: Workload, controller: Controller, rates: Floats, feeds: Mapping[Metric, Feed]
) -> Run:
    run = Run([], [], Counter())
    for second, rate in enumerate(rates.tolist(), 1):
        served = workload.advance(rate, 1.0)
        if second % controller.flags.sync_period_s == 0:
            decision = controller.sync(workload.observe(feeds), workload.now_s)
            run.notes.update(_said(decision))
            if decision.rescaled:
                workload.resize(decision.replicas)
        run.seconds.append((workload.replicas, workload.ready, workload.queue, served))
        if not workload.shared:
            run.lanes.append([(lane.replicas, lane.queue) for lane in workload.lanes])
    return run


def _said(decision: Decision) -> list[str]:
    """What `kubectl describe hpa` would show after this sync: each condition, each error."""
    errors = [f"{status.key}: {status.error}" for status in decision.metrics if status.error]
    return [f"{kind} {reason}" for kind, reason in decision.conditions.items()] + errors


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
