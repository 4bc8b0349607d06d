"""Your own traffic against your own HorizontalPodAutoscaler manifest, simulated. Lab 09."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scaletoolkit import lab
from scaletoolkit.lab import plots
from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling import FLAGS, Capacity, Flags, Replay
from scaletoolkit.serving.autoscaling.simulator import SECONDS_PER_HOUR
from scaletoolkit.serving.autoscaling.workload import SIGNALS
from scaletoolkit.serving.traffic import read_traffic

ROWS_PRINTED = 12
NUMBERS = {
    "--requests-per-s": (Capacity.requests_per_s, "what one replica can serve"),
    "--service-s": (Capacity.service_s, "how long a request takes that does not wait"),
    "--start-up-s": (Capacity.start_up_s, "until a new replica serves"),
    "--objective-s": (0.5, "how long a request may take"),
    "--sync-period-s": (FLAGS.sync_period_s, "how often the autoscaler looks, whole seconds"),
}


def command(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """The options of `hpa`, and the function that replays the traffic."""
    parser.add_argument("--manifest", required=True, help="YAML with the HorizontalPodAutoscaler")
    parser.add_argument("--traffic", required=True, help="CSV: seconds, requests a second")
    for option, (default, about) in NUMBERS.items():
        about = f"{about} (default {default:g})"
        parser.add_argument(option, type=float, default=default, help=about)
    parser.add_argument("--plot", default="hpa-replay.png", help="where the picture goes")
    about = f"what feeds a metric whose name does not say it: {', '.join(SIGNALS)}"
    pair = "METRIC=SIGNAL"
    parser.add_argument("--signal", action="append", default=[], metavar=pair, help=about)
    return _run


def _run(options: argparse.Namespace) -> int:
    flags = FLAGS._replace(sync_period_s=options.sync_period_s)
    try:
        replay = _replay(options, flags)
    except lab.LabError:
        raise
    except ValueError as error:
        raise lab.LabError(str(error)) from None
    _report(replay, flags, options.objective_s)
    _draw(replay, Path(options.plot))
    return 0


def _replay(options: argparse.Namespace, flags: Flags) -> Replay:
    """The traffic file against the manifest; raises ValueError for an option that cannot be."""
    capacity = Capacity(options.requests_per_s, options.service_s, options.start_up_s)
    signals = dict(_pair(text) for text in options.signal)
    objective_s = options.objective_s
    if not 0 < objective_s < math.inf:
        raise ValueError(f"objective_s must be a positive number of seconds, got {objective_s}")
    spec = autoscaling.parse(_read(options.manifest, "manifest"))
    text = _read(options.traffic, "traffic").decode("utf-8-sig", errors="replace")
    return autoscaling.simulate(spec, read_traffic(text), capacity, flags, signals=signals)


def _pair(text: str) -> tuple[str, str]:
    metric, equals, signal = text.partition("=")
    if not equals:
        raise lab.LabError(f"--signal needs METRIC=SIGNAL, got {text!r}.")
    return metric, signal


def _read(path: str, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise lab.LabError(f"The {what} file {path!r} cannot be read: {why}.") from None


def _report(replay: Replay, flags: Flags, objective_s: float) -> None:
    """Print the replicas over time, the requests over the objective, and the replica-hours."""
    print(replay.spec)
    every = f"a sync every {flags.sync_period_s:g} s"
    print(f"{replay.capacity}; {every}. Everything below is simulated.")
    print(lab.table(_rows(replay, objective_s), units={"requests": "/s"}))
    late = replay.over_objective(objective_s)
    share = late / replay.requests if replay.requests else 0.0
    requests = f"{late:,.0f} of {replay.requests:,.0f} ({share:.2%})"
    print(f"Requests over the objective of {objective_s:g} s: {requests}.")
    sizes = f"{replay.replicas.min()} to {replay.replicas.max()} replicas"
    print(f"Replica-hours: {replay.replica_hours:,.1f}, {sizes}.")


def _rows(replay: Replay, objective_s: float) -> list[dict[str, object]]:
    """At most a dozen stretches of equal length, each with its means and extremes."""
    parts = np.array_split(np.arange(len(replay.replicas)), min(ROWS_PRINTED, len(replay.replicas)))
    late = replay.wait_s + replay.capacity.service_s > objective_s
    return [
        {
            "from": f"{part[0] // 3600:02}:{part[0] // 60 % 60:02}:{part[0] % 60:02}",
            "requests": float(replay.arrivals_per_s[part].mean()),
            "replicas": f"{replay.replicas[part].min()} to {replay.replicas[part].max()}",
            "longest queue": round(float(replay.queue[part].max())),
            "seconds too slow": round(float(late[part].sum())),
        }
        for part in parts
    ]


def _draw(replay: Replay, path: Path) -> None:
    """The replicas beside those that the traffic would keep fully busy."""
    step = max(1, len(replay.replicas) // 2000)
    hours = (replay.seconds / SECONDS_PER_HOUR)[::step]
    needed = (replay.arrivals_per_s / replay.capacity.requests_per_s)[::step]
    series = [
        plots.Series("fully busy replicas that the traffic needs", hours, needed, "ideal"),
        plots.Series("replicas asked for", hours, replay.replicas[::step], "simulated"),
        plots.Series("replicas ready", hours, replay.ready[::step], "simulated"),
    ]
    title = f"{replay.spec.name}, replayed"
    try:
        plots.curves(series, title, "time (hours)", "replicas", show=lambda f, _: f.savefig(path))
    except (OSError, ValueError) as error:
        raise lab.LabError(f"The picture {str(path)!r} cannot be written: {error}.") from None
    print(f"Picture: {path}")
