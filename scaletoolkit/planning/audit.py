"""The model's worker-hours beside a simulated day of the autoscaler of lab 09. Lab 12."""

import math
from dataclasses import dataclass, field

import numpy as np

from scaletoolkit.planning import bill
from scaletoolkit.planning.bill import Values
from scaletoolkit.planning.ranges import Floats
from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling import Capacity, Metric, Replay, Spec

SERVICE_S = 0.16
SAMPLE_WORKERS = 400  # a larger fleet is simulated as so many, each standing for several


@dataclass(frozen=True)
class Audit:
    """A day's worker-hours by the closed form and by the simulator, and the simulated day."""

    computed_hours: float
    simulated_hours: float
    replay: Replay = field(repr=False)

    @property
    def ratio(self) -> float:
        """Simulated over computed hours."""
        return self.simulated_hours / self.computed_hours

    def __repr__(self) -> str:
        return (
            f"Audit: {self.computed_hours:,.0f} worker-hours a day computed, "
            f"{self.simulated_hours:,.0f} simulated, {self.ratio:.3f} ×"
        )


def smooth_day(x: Values) -> Floats:
    """Calls for the model in each second of a day: a sine whose peak is `peak_over_mean`.

    No deeper than to nothing at night, so a peak over 2 counts as 2.
    """
    swing = min(float(x["peak_over_mean"]) - 1, 1.0)
    angles = 2 * math.pi * (np.arange(bill.SECONDS_A_DAY) + 0.5) / bill.SECONDS_A_DAY
    return float(bill.calls_per_s(x)) * (1 - swing * np.cos(angles))


def against_simulator(
    x: Values, calls_per_s: Floats | None = None, start_up_s: float = 30.0
) -> Audit:
    """A day of this load on workers that Kubernetes' rule adds and takes away: an Audit.

    x: plain numbers. calls_per_s: a rate for each second; by default `smooth_day`. The rule aims at
    `utilization` ÷ `spare` of a worker, what the closed form pays for.
    """
    load = smooth_day(x) if calls_per_s is None else calls_per_s
    mean = float(bill.workers(x))
    each = max(1.0, mean / SAMPLE_WORKERS)
    percent = 100 * float(x["utilization"]) / float(x["spare"])
    spec = fleet(percent)
    reads = spec.metrics[0].target / percent  # a target is a whole percent
    capacity = Capacity(float(x["calls_per_worker"]) * each, SERVICE_S, start_up_s, reads)
    first = max(bill.LEAST_WORKERS, math.ceil(load[0] / capacity.requests_per_s * 100 / percent))
    replay = autoscaling.simulate(spec, load, capacity, start_replicas=first)
    days = len(load) / bill.SECONDS_A_DAY
    return Audit(24 * days * mean, replay.replica_hours * each, replay)


def fleet(cpu_percent: float, least: int = bill.LEAST_WORKERS) -> Spec:
    """An autoscaler that aims at this CPU utilization and has room for any load."""
    cpu = Metric("Resource/cpu", "Resource", "cpu", "Utilization", max(1, round(cpu_percent)))
    return Spec("planned", "Deployment model-server", least, 100_000, (cpu,))
