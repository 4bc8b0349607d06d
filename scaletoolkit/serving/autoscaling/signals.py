"""Which signal of a server feeds each metric of a spec, simulated or live. Lab 09.

The signals: cpu, queue_length (requests that wait), in_flight (that wait or are worked on),
requests_per_s (that arrive).
"""

from collections.abc import Mapping

from scaletoolkit.serving.autoscaling.manifest.document import ManifestError
from scaletoolkit.serving.autoscaling.manifest.spec import Metric, Spec

SIGNALS = {
    "in_flight": ("in_flight", "inflight", "concurren", "ongoing"),
    "queue_length": ("queue", "waiting", "backlog"),
    "requests_per_s": ("request", "rps", "qps", "rate"),
}


def wire(spec: Spec, signals: Mapping[str, str] | None = None) -> dict[Metric, str]:
    """{metric: the signal that feeds it}, for each metric of the spec.

    The name of a metric tells its signal ("inference_queue_length"), or `signals` does, {metric
    name: signal}. Raises ManifestError for a metric that no signal can feed.
    """
    return {metric: _signal(metric, signals or {}) for metric in spec.metrics}


def _signal(metric: Metric, chosen: Mapping[str, str]) -> str:
    if metric.type in ("Resource", "ContainerResource"):
        if metric.name == "cpu":
            return "cpu"
        raise ManifestError(f"{metric.key}: the simulator knows no resource but cpu.")
    name = metric.name.lower()
    guesses = [s for s, words in SIGNALS.items() if any(word in name for word in words)]
    signal = chosen.get(metric.name, guesses[0] if guesses else "")
    if signal in SIGNALS:
        return signal
    raise ManifestError(
        f"{metric.key}: say which signal feeds it, one of {', '.join(SIGNALS)}; "
        f"for example {{{metric.name!r}: 'queue_length'}}."
    )


def containers(spec: Spec) -> tuple[str, ...]:
    """The containers that the spec's metrics name; one called "server" when they name none."""
    return tuple({m.container for m in spec.metrics if m.container}) or ("server",)
