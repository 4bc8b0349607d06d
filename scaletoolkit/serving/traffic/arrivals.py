"""Shapes of traffic as plain lists of steps, and the random moments at which requests come. Lab 07.

A step is (seconds, level). The level is users for Locust and requests a second for open loop.
"""

import math

import numpy as np


def steady(level, seconds=10):
    """The same all the time: [(seconds, level)]."""
    return checked([(seconds, level)])


def step(low, high, seconds=10):
    """Low, then high, then low again, each for so many seconds."""
    return checked([(seconds, low), (seconds, high), (seconds, low)])


def spike(base, peak, seconds=10, spike_s=2):
    """A short peak between two calm periods of `seconds` each."""
    return checked([(seconds, base), (spike_s, peak), (seconds, base)])


def diurnal(mean, seconds=86_400, swing=0.8, pieces=96):
    """A day squeezed into `seconds`: a sine of so many flat pieces, lowest at the start.

    swing: how far it leaves the mean, as a fraction of it; at 0.8 the peak is 9 times the low.
    """
    if not 0 <= swing <= 1:
        raise ValueError(f"swing must lie between 0 and 1, got {swing}")
    angles = 2 * math.pi * (np.arange(pieces) + 0.5) / pieces
    return checked([(seconds / pieces, float(mean * (1 - swing * np.cos(a)))) for a in angles])


def checked(steps):
    """The steps as a list of (seconds, level) pairs of numbers; what is wrong is a ValueError."""
    steps = [tuple(one) for one in steps]
    if not steps:
        raise ValueError("a load needs at least one step (seconds, level), got none")
    for one in steps:
        if len(one) != 2 or not all(isinstance(value, int | float) for value in one):
            raise ValueError(f"a step is (seconds, level), two numbers; got {one}")
        if not (0 < one[0] < math.inf and 0 <= one[1] < math.inf):
            raise ValueError(f"a step lasts a positive time at a level of 0 or more; got {one}")
    return steps


def poisson(steps, seed=0):
    """Random moments of arrival at the steps' rates per second: a rising array, in seconds.

    Exact for piecewise constant rates: the number in a step is Poisson, and given the number, the
    moments are uniform in it. Source: S. Ross, Introduction to Probability Models, section 5.3.
    """
    random, start_s, moments = np.random.default_rng(seed), 0.0, []
    for seconds, rate_per_s in checked(steps):
        count = random.poisson(rate_per_s * seconds)
        moments.append(start_s + np.sort(random.uniform(0, seconds, count)))
        start_s += seconds
    return np.concatenate(moments)
