"""`python -m scaletoolkit hpa`: its options and what it runs. Lab 09."""

from scaletoolkit import lab
from scaletoolkit.autoscaling.document import ManifestError
from scaletoolkit.autoscaling.replay import run_hpa
from scaletoolkit.autoscaling.spec import FLAGS
from scaletoolkit.autoscaling.workload import SIGNALS, Replica

NUMBERS = {
    "--requests-per-s": (Replica.requests_per_s, "what one replica can serve"),
    "--service-s": (Replica.service_s, "how long a request takes that does not wait"),
    "--start-up-s": (Replica.start_up_s, "until a new replica serves"),
    "--objective-s": (0.5, "how long a request may take"),
    "--sync-period-s": (FLAGS.sync_period_s, "how often the autoscaler looks, whole seconds"),
}


def hpa_command(parser):
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
