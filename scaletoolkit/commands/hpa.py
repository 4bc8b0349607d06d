"""`python -m scaletoolkit hpa`: a learner's own manifest against their own traffic. Lab 09."""

import math
from pathlib import Path

import numpy as np

from scaletoolkit import lab
from scaletoolkit.lab import plots
from scaletoolkit.serving.autoscaling.manifest.document import ManifestError, short
from scaletoolkit.serving.autoscaling.manifest.reader import parse
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS
from scaletoolkit.serving.autoscaling.simulator import SECONDS_PER_HOUR, simulate
from scaletoolkit.serving.autoscaling.workload import SIGNALS, Replica

MOST_TICKS = 31 * 86_400
MOST_PER_S = 1e9
ROWS_PRINTED = 12


def read_traffic(source):
    """Arrival rates from CSV text, one value for each second: an array of requests a second.

    Two columns, with or without a heading: seconds from the start (rising) and requests a second
    from then on. The last rate lasts as long as the one before it. Raises ManifestError with the
    line that is wrong.
    """
    lines = enumerate(source.splitlines(), 1)
    rows = [(number, line.split(",")) for number, line in lines if line.strip()]
    if rows and not _is_number(rows[0][1][0]):
        rows = rows[1:]
    if len(rows) < 2:
        raise ManifestError("The traffic file needs two or more rows: seconds, requests a second.")
    points = [_point(line, row) for line, row in rows]
    seconds, rates = (np.array(column) for column in zip(*points, strict=True))
    for (line, _), gap in zip(rows[1:], np.diff(seconds), strict=True):
        if gap <= 0:
            raise ManifestError(f"Traffic, line {line}: the seconds must rise from row to row.")
    length = float(seconds[-1]) - float(seconds[0]) + float(seconds[-1]) - float(seconds[-2])
    if length > MOST_TICKS:
        raise ManifestError(f"The traffic lasts {length:,.0f} s; at most {MOST_TICKS:,} s fit.")
    ticks = seconds[0] + np.arange(math.ceil(length))
    return rates[np.searchsorted(seconds, ticks, side="right") - 1]


def _is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _point(line, row):
    if len(row) != 2 or not all(map(_is_number, row)):
        given = short(",".join(row))
        raise ManifestError(f"Traffic, line {line}: expected two numbers, got {given}.")
    second, rate = map(float, row)
    if not 0 <= rate <= MOST_PER_S:
        expected = f"a rate from 0 to {MOST_PER_S:g}"
        raise ManifestError(f"Traffic, line {line}: expected {expected}, got {rate:g}.")
    return second, rate


def run_hpa(manifest_path, traffic_path, *, replica=None, objective_s=0.5, plot_path=None,
            flags=FLAGS, signals=None, start_replicas=None):  # fmt: skip
    """Replay a traffic file against a manifest and print what happens; returns the Replay.

    Prints replicas over time, requests over the objective, replica-hours, and writes a picture to
    `plot_path` (by default `hpa-replay.png` in the working folder). All of it is simulated:
    `replica`, a Replica, says what one replica can do. Raises ManifestError, one sentence, for a
    file that is missing or wrong.
    """
    if not 0 < objective_s < math.inf:
        raise ValueError(f"objective_s must be a positive number of seconds, got {objective_s}")
    spec = parse(_read(manifest_path, "manifest"))
    rates = read_traffic(_read(traffic_path, "traffic").decode("utf-8-sig", errors="replace"))
    replica = replica or Replica()
    found = simulate(spec, rates, replica, flags=flags, signals=signals,
                     start_replicas=start_replicas)  # fmt: skip
    print(spec)
    print(f"{replica}; a sync every {flags.sync_period_s:g} s. Everything below is simulated.")
    print(lab.table(_rows(found, objective_s), units={"requests": "/s"}))
    print(_verdict(found, objective_s))
    _draw(found, Path(plot_path or "hpa-replay.png"))
    return found


def _read(path, what):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ManifestError(f"The {what} file {str(path)!r} cannot be read: {why}.") from None


def _rows(replay, objective_s):
    """At most a dozen stretches of equal length, each with its means and extremes."""
    parts = np.array_split(np.arange(len(replay.replicas)), min(ROWS_PRINTED, len(replay.replicas)))
    late = replay.wait_s + replay.replica.service_s > objective_s
    return [
        {
            "from": _clock(part[0] * replay.tick_s),
            "requests": float(replay.arrivals_per_s[part].mean()),
            "replicas": f"{replay.replicas[part].min()} to {replay.replicas[part].max()}",
            "longest queue": round(float(replay.queue[part].max())),
            "seconds too slow": round(float(late[part].sum() * replay.tick_s)),
        }
        for part in parts
    ]


def _clock(seconds):
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"


def _verdict(replay, objective_s):
    late = replay.over_objective(objective_s)
    share = late / replay.requests if replay.requests else 0.0
    return (
        f"Requests over the objective of {objective_s:g} s: {late:,.0f} of {replay.requests:,.0f} "
        f"({share:.2%}).\n"
        f"Replica-hours: {replay.replica_hours:,.1f}, "
        f"{replay.replicas.min()} to {replay.replicas.max()} replicas."
    )


def _draw(replay, path):
    """The replicas beside those that the traffic would keep fully busy."""
    step = max(1, len(replay.replicas) // 2000)
    hours = (replay.seconds / SECONDS_PER_HOUR)[::step]
    needed = (replay.arrivals_per_s / replay.replica.requests_per_s)[::step]
    series = [
        plots.Series("fully busy replicas that the traffic needs", hours, needed, "ideal"),
        plots.Series("replicas asked for", hours, replay.replicas[::step], "simulated"),
        plots.Series("replicas ready", hours, replay.ready[::step], "simulated"),
    ]
    title = f"{replay.spec.name}, replayed"

    def save(figure):
        figure.savefig(path)

    try:
        plots.curves(series, title, "time (hours)", "replicas", show=save)
    except (OSError, ValueError) as error:
        raise ManifestError(f"The picture {str(path)!r} cannot be written: {error}.") from None
    print(f"Picture: {path}")


NUMBERS = {
    "--requests-per-s": (Replica.requests_per_s, "what one replica can serve"),
    "--service-s": (Replica.service_s, "how long a request takes that does not wait"),
    "--start-up-s": (Replica.start_up_s, "until a new replica serves"),
    "--objective-s": (0.5, "how long a request may take"),
    "--sync-period-s": (FLAGS.sync_period_s, "how often the autoscaler looks, whole seconds"),
}


def command(parser):
    """replay your own traffic against your own HorizontalPodAutoscaler manifest (simulated)"""
    parser.add_argument("--manifest", required=True, help="YAML with the HorizontalPodAutoscaler")
    parser.add_argument("--traffic", required=True, help="CSV: seconds, requests a second")
    for option, (default, about) in NUMBERS.items():
        about = f"{about} (default {default:g})"
        parser.add_argument(option, type=float, default=default, help=about)
    parser.add_argument("--plot", default="hpa-replay.png", help="where the picture goes")
    parser.add_argument(
        "--signal",
        action="append",
        default=[],
        metavar="METRIC=SIGNAL",
        help=f"what feeds a metric whose name does not say it: {', '.join(SIGNALS)}",
    )
    return _run


def _run(options):
    try:
        run_hpa(
            options.manifest,
            options.traffic,
            replica=Replica(options.requests_per_s, options.service_s, options.start_up_s),
            objective_s=options.objective_s,
            plot_path=options.plot,
            flags=FLAGS._replace(sync_period_s=options.sync_period_s),
            signals=dict(_pair(text) for text in options.signal),
        )
    except ValueError as error:
        raise lab.LabError(str(error)) from None
    return 0


def _pair(text):
    metric, found, signal = text.partition("=")
    if not found:
        raise ManifestError(f"--signal needs METRIC=SIGNAL, got {text!r}.")
    return metric, signal
