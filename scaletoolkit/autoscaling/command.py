"""`python -m scaletoolkit hpa`: its arguments and what it runs. Lab 09."""

import sys

from scaletoolkit.autoscaling.document import ManifestError
from scaletoolkit.autoscaling.replay import run_hpa
from scaletoolkit.autoscaling.spec import FLAGS
from scaletoolkit.autoscaling.workload import SIGNALS, Replica

ABOUT = "replay your own traffic against your own HorizontalPodAutoscaler manifest (simulated)"


def hpa_arguments(parser):
    """Give an argparse parser the options of the command."""
    parser.add_argument("--manifest", required=True, help="YAML with the HorizontalPodAutoscaler")
    parser.add_argument("--traffic", required=True, help="CSV: seconds, requests a second")
    numbers = {
        "--requests-per-s": (Replica.requests_per_s, "what one replica can serve"),
        "--service-s": (Replica.service_s, "how long a request takes that does not wait"),
        "--start-up-s": (Replica.start_up_s, "until a new replica serves"),
        "--objective-s": (0.5, "how long a request may take"),
        "--sync-period-s": (FLAGS.sync_period_s, "how often the autoscaler looks, whole seconds"),
    }
    for option, (default, help_text) in numbers.items():
        text = f"{help_text} (default {default:g})"
        parser.add_argument(option, type=float, default=default, help=text)
    parser.add_argument("--plot", default="hpa-replay.png", help="where the picture goes")
    parser.add_argument(
        "--signal",
        action="append",
        default=[],
        metavar="METRIC=SIGNAL",
        help=f"what feeds a metric whose name does not say it: {', '.join(SIGNALS)}",
    )


def hpa_command(arguments):
    """Run the command with parsed arguments: the exit status, 0 or 1 after one sentence."""
    try:
        replica = Replica(arguments.requests_per_s, arguments.service_s, arguments.start_up_s)
        run_hpa(
            arguments.manifest,
            arguments.traffic,
            replica=replica,
            objective_s=arguments.objective_s,
            plot_path=arguments.plot,
            flags=FLAGS._replace(sync_period_s=arguments.sync_period_s),
            signals=dict(_pair(text) for text in arguments.signal),
        )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _pair(text):
    metric, found, signal = text.partition("=")
    if not found:
        raise ManifestError(f"--signal needs METRIC=SIGNAL, got {text!r}.")
    return metric, signal
