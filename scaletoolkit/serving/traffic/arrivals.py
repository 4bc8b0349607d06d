"""Traffic as a plain list of steps, and the random moments at which requests come. Lab 07.

Also what else a load test is told, checked before anything starts.
A step is (seconds, level). The level is users for Locust and requests a second for open loop.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypedDict
from urllib.parse import urlsplit

import numpy as np

Step = tuple[float, float]
PIECES = 96
SWING = 0.8
BOTH = [True, True]


def diurnal(mean: float, seconds: float = 86_400) -> list[Step]:
    """A day squeezed into `seconds`: a sine of 96 flat pieces, lowest at the start.

    It leaves the mean by 0.8 of it, so the peak is 9 times the low.
    """
    angles = 2 * math.pi * (np.arange(PIECES) + 0.5) / PIECES
    levels = mean * (1 - SWING * np.cos(angles))
    return checked([(seconds / PIECES, float(level)) for level in levels])


def checked(steps: Iterable[Sequence[float]]) -> list[Step]:
    """The steps as a list of (seconds, level) pairs; raises ValueError for what is no step."""
    pairs: list[Step] = []
    for step in steps:
        pair = step.tolist() if isinstance(step, np.ndarray) else step
        if not isinstance(pair, Sequence) or [isinstance(part, Real) for part in pair] != BOTH:
            raise ValueError(f"a step is (seconds, level), two numbers; got {step}")
        seconds, level = map(_plain_number, pair)
        if not (0 < seconds < math.inf and 0 <= level < math.inf):
            raise ValueError(f"a step lasts a positive time at a level of 0 or more; got {step}")
        pairs.append((seconds, level))
    if not pairs:
        raise ValueError("a load needs at least one step (seconds, level), got none")
    return pairs


def _plain_number(value: float) -> float:
    """Python's own number in place of numpy's, and of fractions, which JSON does not hold."""
    if isinstance(value, np.generic):
        return float(value.item())
    return value if isinstance(value, int | float) else float(value)


def poisson(steps: Iterable[Sequence[float]], seed: int = 0) -> np.ndarray:
    """Random moments of arrival at the steps' rates per second: a rising array, in seconds.

    Exact for piecewise constant rates: the number in a step is Poisson, and given the number, the
    moments are uniform in it. Source: S. Ross, Introduction to Probability Models, section 5.3.
    """
    random = np.random.default_rng(seed)
    start_s = 0.0
    moments = []
    for seconds, rate_per_s in checked(steps):
        count = random.poisson(rate_per_s * seconds)
        moments.append(start_s + np.sort(random.uniform(0, seconds, count)))
        start_s += seconds
    return np.concatenate(moments)


class Options(TypedDict, total=False):
    """What both kinds of load tests take.

    patience_s: what has no answer so long after the last request is given up; 30 unless said.
    headers: sent with every request, as {"x-tenant": "ads"}.
    """

    patience_s: float
    headers: Mapping[str, str]


def planned(
    url: str, steps: Iterable[Sequence[float]], payloads: Iterable[object], options: Options
) -> dict[str, Any]:
    """The plan of a load test as JSON holds it; ValueError for what cannot be sent."""
    bodies = list(payloads)
    _check_address(url)
    if not bodies:
        raise ValueError("a load test needs at least one payload to send, got none")
    if unknown := options.keys() - Options.__annotations__:
        known = " and ".join(Options.__annotations__)
        raise TypeError(f"a load test takes {known}; got {', '.join(sorted(unknown))}")
    for name, value in options.get("headers", {}).items():
        if not f"{name}{value}".isprintable():
            raise ValueError(f"a header stands on one line, got {name!r}: {value!r}")
    check_positive("patience_s", options.get("patience_s", 30))
    plan = {"url": url, "steps": checked(steps), "payloads": bodies}
    return plan | {"patience_s": 30, "headers": {}} | options


def _check_address(url: str) -> None:
    needs = "a load test needs an address"
    if not url.startswith("http://"):
        raise ValueError(f"{needs} that starts with http://, got {url!r}")
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # as for a port beyond 65535
        whole = False
    if not whole:
        raise ValueError(f"{needs} like http://127.0.0.1:8000/v1/predict, got {url!r}")


def target(url: str) -> str:
    """What a request asks a server for: the path of an address, and its query."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def check_positive(name: str, value: float) -> None:
    """Raise ValueError for what is no positive number."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number, got {value!r}")


def plain(value: object) -> object:
    """What JSON has in place of an array or a number of numpy's; ValueError for anything else."""
    if not isinstance(value, np.ndarray | np.generic):
        raise ValueError(f"only numbers, texts, lists and arrays can be sent, got {value!r:.80}")
    return value.tolist()
