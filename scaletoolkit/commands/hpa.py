"""Your own traffic against your own HorizontalPodAutoscaler manifest, simulated. Lab 09."""

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from scaletoolkit import lab
from scaletoolkit.lab import plots
from scaletoolkit.machine import files
from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling import FLAGS, Capacity, Flags, Replay, Spec
from scaletoolkit.serving.autoscaling.manifest import target
from scaletoolkit.serving.autoscaling.replay import SECONDS_PER_HOUR, Counts, Floats
from scaletoolkit.serving.autoscaling.signals import FAILS, IGNORE, SIGNALS, wire
from scaletoolkit.serving.autoscaling.simulator import Options
from scaletoolkit.serving.traffic import read_traffic

ROWS_PRINTED = 12
POINTS_DRAWN = 1000
Values: TypeAlias = Floats | Counts | NDArray[np.floating]
OUTSIDE = ("Object", "External")
SHARE = 0.05  # of the requests of a second: more than that late, and its p95 is
QUIET = "ReadyForNewScale SucceededRescale SucceededGetScale ValidMetricFound DesiredWithinRange "
QUIET += "ScaleDownStabilized NotScaledToZero"
NUMBERS = {
    "--requests-per-s": (Capacity.requests_per_s, "what one replica can serve"),
    "--service-s": (Capacity.service_s, "how long a request takes that does not wait"),
    "--start-up-s": (Capacity.start_up_s, "until a new replica serves"),
    "--objective-s": (0.5, "how long a request may take"),
    "--sync-period-s": (FLAGS.sync_period_s, "how often the autoscaler looks, whole seconds"),
    "--lag-s": (15.0, "how old a measurement is when the autoscaler sees it"),
    "--cpu-alone": (1.0, "with batches: CPU of a request alone over that of one in a full batch"),
}


class Plan(NamedTuple):
    """What is replayed, and how: all that the report says before the numbers."""

    spec: Spec
    capacity: Capacity
    flags: Flags
    signals: dict[str, str]
    queue: str
    lag_s: float
    cpu_from: str


def command(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """The options of `hpa`, and the function that replays the traffic."""
    parser.add_argument("--manifest", required=True, help="YAML with the HorizontalPodAutoscaler")
    parser.add_argument("--name", default="", help="which one, where the file holds several")
    about = "CSV (time, requests a second), or what Prometheus answers to a range query"
    parser.add_argument("--traffic", required=True, help=about)
    about = "the heading of the requests a second, where there are more columns than two"
    parser.add_argument("--column", default="", help=about)
    for option, (default, about) in NUMBERS.items():
        about = f"{about} (default {default:g})"
        parser.add_argument(option, type=float, default=default, help=about)
    about = "CPU of a full replica over its request (default: the limit in the manifest file, or 1)"
    parser.add_argument("--cpu-full", type=float, help=about)
    about = "one queue for all replicas, or one in each pod, as behind a Service"
    parser.add_argument("--queue", choices=["shared", "per-pod"], help=about)
    parser.add_argument("--plot", default="hpa-replay.png", help="where the picture goes")
    about = f"what feeds a metric: {', '.join(SIGNALS)}, a number, {FAILS} or {IGNORE}"
    pair = "METRIC=SIGNAL"
    parser.add_argument("--signal", action="append", default=[], metavar=pair, help=about)
    return _run


def _run(options: argparse.Namespace) -> int:
    plan, replay = replayed(options)
    say(plan)
    report(replay, options.objective_s)
    _draw(replay, options.objective_s, files.picture(options.plot))
    return 0


def replayed(options: argparse.Namespace) -> tuple[Plan, Replay]:
    """What the options and files say, and what came of it; LabError for what cannot be."""
    try:
        plan = _plan(options)
        rates = read_traffic(files.text(files.read(options.traffic, "traffic")), options.column)
        settings: Options = {"signals": plan.signals, "queue": plan.queue, "lag_s": plan.lag_s}
        return plan, autoscaling.simulate(plan.spec, rates, plan.capacity, plan.flags, **settings)
    except lab.LabError:
        raise
    except ValueError as error:
        raise lab.LabError(str(error)) from None


def _plan(options: argparse.Namespace) -> Plan:
    """What the options and the manifest say; ValueError for an option that cannot be."""
    objective_s = options.objective_s
    if not 0 < objective_s < math.inf:
        raise ValueError(f"objective_s must be a positive number of seconds, got {objective_s}")
    files.picture(options.plot)
    source = files.read(options.manifest, "manifest")
    spec = autoscaling.parse(source, options.name)
    cpu = target.cpu(source, spec)
    full = options.cpu_full
    cpu_from = "as told"
    if full is None:
        full = cpu.limit_milli / cpu.request_milli if cpu else 1.0
        cpu_from = "its limit, in the manifest file" if cpu else "assumed"
    capacity = Capacity(
        options.requests_per_s, options.service_s, options.start_up_s, full, options.cpu_alone
    )
    flags = FLAGS._replace(sync_period_s=options.sync_period_s)
    resources = [m.name for m in spec.metrics if "Resource" in m.type and m.name != "cpu"]
    signals = dict.fromkeys(resources, IGNORE) | dict(_pair(text) for text in options.signal)
    queue = {None: _queue(spec, signals), "per-pod": "per pod"}.get(options.queue, options.queue)
    return Plan(spec, capacity, flags, signals, queue, options.lag_s, cpu_from)


def _queue(spec: Spec, signals: Mapping[str, str]) -> str:
    """Where requests wait: before all replicas, as a broker's do, or in each pod, as a Service's.

    The former where a metric from outside says how many wait, or no pod may be there to hold them.
    """
    outside = {m: feed for m, feed in wire(spec, signals).items() if m.type in OUTSIDE}
    waits = set(outside.values()) & {"queue_length", "in_flight"}
    return "shared" if waits or not spec.min_replicas else "per pod"


def _pair(text: str) -> tuple[str, str]:
    metric, equals, signal = text.rpartition("=")
    if not equals:
        raise lab.LabError(f"--signal needs METRIC=SIGNAL, got {text!r}.")
    return metric, signal


def say(plan: Plan) -> None:
    """Print what was taken for granted: replica, queue, and which signal feeds which metric."""
    print(plan.spec)
    full = f"{100 * plan.capacity.cpu_full:.0f} % of its request ({plan.cpu_from})"
    print(f"{plan.capacity}; CPU when it is full: {full}.")
    fed = wire(plan.spec, plan.signals)
    for metric in plan.spec.metrics:
        feed = fed.get(metric, "nothing: left out, it could only ask for more")
        print(f"  {metric.key} ← {feed if isinstance(feed, str) else f'always {feed:g}'}")
    if not plan.spec.min_replicas:
        print("  minReplicas: 0 needs the feature gate HPAScaleToZero, off on most clusters")
    queue = "One queue for all replicas"
    if plan.queue != "shared":
        queue = "A queue in each pod, and an equal share of what arrives"
    every = f"a sync every {plan.flags.sync_period_s:g} s, measurements {plan.lag_s:g} s old"
    print(f"{queue}; {every}. Everything below is simulated.")


def report(replay: Replay, objective_s: float) -> None:
    """Print the replicas over time, who was late, the price, and what Kubernetes would say."""
    print(lab.table(_rows(replay, objective_s), units={"requests": "/s"}))
    late = replay.over_objective(objective_s)
    share = late / replay.requests if replay.requests else 0.0
    requests = f"{late:,.0f} of {replay.requests:,.0f} ({share:.2%})"
    print(f"Requests over the objective of {objective_s:g} s: {requests}.")
    late_s = replay.late_s(objective_s, SHARE)
    print(f"Late for: {late_s:,} s, in which more than {SHARE:.0%} were over it.")
    sizes = f"{replay.replicas.min()} to {replay.replicas.max()} replicas"
    print(f"Replica-hours: {replay.replica_hours:,.1f}, {sizes}.")
    notes = {note: n for note, n in replay.notes.items() if note.split()[-1] not in QUIET.split()}
    print("What `kubectl describe hpa` would show:" if notes else "No condition to worry about.")
    for note, syncs in notes.items():
        print(f"  {note}: after {syncs:,} of {replay.syncs:,} syncs")


def _rows(replay: Replay, objective_s: float) -> list[dict[str, object]]:
    """At most a dozen stretches of equal length, each with its means and extremes."""
    parts = np.array_split(np.arange(len(replay.replicas)), min(ROWS_PRINTED, len(replay.replicas)))
    late = replay.late(objective_s) > SHARE * replay.arrivals_per_s
    return [
        {
            "from": f"{part[0] // 3600:02}:{part[0] // 60 % 60:02}:{part[0] % 60:02}",
            "requests": float(replay.arrivals_per_s[part].mean()),
            "replicas": f"{replay.replicas[part].min()} to {replay.replicas[part].max()}",
            "longest queue": round(float(replay.queue[part].max())),
            "seconds late": int(late[part].sum()),
        }
        for part in parts
    ]


def _draw(replay: Replay, objective_s: float, path: Path) -> None:
    """Traffic, replicas, queue and the slowest answers below each other, over the hours."""
    starts = np.arange(0, len(replay.replicas), max(1, len(replay.replicas) // POINTS_DRAWN))
    hours = starts / SECONDS_PER_HOUR

    def line(label: str, values: Values, kind: str = "simulated") -> plots.Series:
        highest = np.maximum.reduceat(values, starts)
        return plots.Series(label, hours, highest, kind, marks=False)

    per_s = replay.capacity.requests_per_s
    traffic = line("traffic", replay.arrivals_per_s, "ideal")
    objective = line("objective", np.full(len(replay.replicas), objective_s), "ideal")
    panels = {
        "requests/s": [traffic, line("could serve", replay.ready * per_s)],
        "replicas": [line("asked for", replay.replicas), line("ready", replay.ready)],
        "queue": [line("waiting", replay.queue)],
        "answers, s": [objective, line("slowest", replay.wait_s + replay.capacity.service_s)],
    }

    def save(figure: Figure, _: object) -> None:
        figure.axes[0].set_xlim(0, max(hours[-1], 1 / SECONDS_PER_HOUR))
        figure.savefig(path)

    try:
        plots.panels(panels, f"{replay.spec.name}, replayed", "time (hours)", show=save)
    except (OSError, ValueError) as error:
        raise lab.LabError(f"The picture {str(path)!r} cannot be written: {error}.") from None
    print(f"Picture: {path}")
