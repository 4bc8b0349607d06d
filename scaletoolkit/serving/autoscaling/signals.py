"""Which signal feeds each metric, simulated or live: read from its name, or asked for. Lab 09."""

import math
import re
from collections.abc import Mapping
from typing import TypeAlias

from scaletoolkit.kubernetes.document import ManifestError
from scaletoolkit.serving.autoscaling.manifest.spec import Metric, Spec

Feed: TypeAlias = str | float  # a signal, or the number that a metric always reads
SIGNALS = {
    "queue_length": "requests that wait",
    "in_flight": "requests that wait or are worked on",
    "requests_per_s": "requests that arrive in a second",
    "busy_percent": "the share of its throughput that a replica serves, as a GPU's utilization",
}
IGNORE = "ignore"
FAILS = "fails"
WORDS = {  # the first line with one of its words in the name decides
    "": "error errors failed failures latency duration time seconds ms us age delay bytes tokens "
    "token percent percentage utilization util usage ratio hit hits cache gpu memory temperature "
    "count total num",
    "in_flight": "inflight running active ongoing concurrency concurrent concurrencies",
    "queue_length": "queue queued waiting backlog pending",
    "requests_per_s": "rps qps requests",
}


def wire(spec: Spec, signals: Mapping[str, str] | None = None) -> dict[Metric, Feed]:
    """{metric: what feeds it}, for each metric of the spec that is not left out.

    cpu feeds itself. For others the name tells the signal, one of SIGNALS, or `signals` does:
    {metric name: signal}. There, "60" is a number that the metric always reads, in the unit of its
    target, "fails" means that it cannot be read, and "ignore" leaves it out. Raises ManifestError
    for a metric that nothing can feed.
    """
    chosen = signals or {}
    names = {metric.name for metric in spec.metrics}
    for name in chosen:
        if name not in names:
            there = ", ".join(sorted(names))
            raise ManifestError(f"no metric is called {name!r}; the manifest has: {there}.")
    feeds = {metric: _feed(metric, chosen.get(metric.name, "")) for metric in spec.metrics}
    feeds = {metric: feed for metric, feed in feeds.items() if feed != IGNORE}
    if not feeds:
        raise ManifestError(f"{spec.name}: no metric is left that feeds the autoscaler.")
    return feeds


def guess(name: str) -> str:
    """The signal that a metric's name says, one of SIGNALS; "" where it says none of them."""
    spread = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).lower()
    text = re.sub(r"[^a-z0-9]+", " ", spread)
    text = re.sub(r"\b(?:per|a) (?:second|sec|s)\b", "rps", text).replace("in flight", "inflight")
    words = set(text.replace("num requests", "").split())  # of which state: the word after it
    return next((signal for signal, known in WORDS.items() if words & set(known.split())), "")


def containers(spec: Spec) -> tuple[str, ...]:
    """The containers that the spec's metrics name; one called "server" when they name none."""
    return tuple({m.container: None for m in spec.metrics if m.container}) or ("server",)


def _feed(metric: Metric, choice: str) -> Feed:
    resource = metric.type in ("Resource", "ContainerResource")
    if not choice:
        choice = ("cpu" if metric.name == "cpu" else "") if resource else guess(metric.name)
    if choice in SIGNALS or choice in ("cpu", FAILS, IGNORE):
        return choice
    number = _number(choice)
    if number is not None:
        return number
    known = ", ".join(SIGNALS)
    name = metric.name
    ways = f"--signal {name}=queue_length, in Python signals={{{name!r}: 'queue_length'}}"
    if choice:
        raise ManifestError(f"{metric.key}: {choice!r} is no signal; there are {known}.")
    raise ManifestError(
        f"{metric.key}: say which signal feeds it, one of {known}, or a number that it always "
        f"reads, {FAILS} or {IGNORE}; for example {ways}."
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < math.inf and text.isascii() else None
