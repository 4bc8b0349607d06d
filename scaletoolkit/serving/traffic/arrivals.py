"""Traffic as a plain list of steps, and the random moments at which requests come. Lab 07.

A step is (seconds, level). The level is users for Locust and requests a second for open loop.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

Step = tuple[float, float]
PIECES = 96
SWING = 0.8


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
        if len(step) != 2 or not all(isinstance(value, int | float) for value in step):
            raise ValueError(f"a step is (seconds, level), two numbers; got {step}")
        seconds, level = step
        if not (0 < seconds < math.inf and 0 <= level < math.inf):
            raise ValueError(f"a step lasts a positive time at a level of 0 or more; got {step}")
        pairs.append((seconds, level))
    if not pairs:
        raise ValueError("a load needs at least one step (seconds, level), got none")
    return pairs


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
