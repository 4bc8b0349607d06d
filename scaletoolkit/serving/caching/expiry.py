"""What happens when a kept answer ends, or its model does: laws, and a simulation. Lab 08.

The laws hold for requests that come at random at a rate of their own for each key (Poisson), and
for values that live for a fixed time from the moment they were made.
"""

import heapq

import numpy as np
from numpy.typing import ArrayLike

from scaletoolkit.laws import early_refresh_probability


def ttl_hit_ratio(rates: ArrayLike, ttl: float) -> float:
    """The share of requests that find a value: Σ p λT / (1 + λT), with p = λ / Σλ.

    A miss begins a time T, in which λT requests hit. rates: of each key, in requests a unit of
    time. Source: J. Jung, A. Berger, H. Balakrishnan, INFOCOM 2003.
    """
    rate = np.asarray(rates, dtype=float)
    return float((rate * rate * ttl / (1 + rate * ttl)).sum() / rate.sum())


def stale_share(rates: ArrayLike, ttl: float, age: float) -> float:
    """The share of answers that are from before a change which was `age` ago.

    Σ p λ(T - age) / (1 + λT): a value from before the change is there with λT / (1 + λT), and has
    not ended yet with (T - age) / T.
    """
    rate = np.asarray(rates, dtype=float)
    left = max(0.0, ttl - max(0.0, age))
    return float((rate * rate * left / (1 + rate * ttl)).sum() / rate.sum())


def simulate_expiry(
    work_s: float, ttl_s: float, flight: bool, beta: float, seed: int = 0
) -> tuple[int, int]:
    """(model calls, requests that waited) for one key, 200 requests a second for 200 s.

    A value holds for ttl_s from the moment its call has ended, which takes work_s. flight: whether
    one call at a time is enough. beta: how eager requests renew early; 0: never.
    """
    draw = np.random.default_rng(seed)
    gaps_s = draw.exponential(1 / 200, 45_000)
    calls = 0
    waited = 0
    end_s = 0.0
    running: list[float] = []
    for now_s, chance in zip(np.cumsum(gaps_s), draw.random(len(gaps_s)), strict=True):
        if now_s > 200:
            break
        while running and running[0] <= now_s:
            end_s = max(end_s, heapq.heappop(running) + ttl_s)
        over = now_s >= end_s
        waited += int(over)
        early = beta > 0 and chance < early_refresh_probability(end_s - now_s, work_s, beta)
        if (over or early) and not (flight and running):
            calls += 1
            heapq.heappush(running, now_s + work_s)
    return calls, waited
