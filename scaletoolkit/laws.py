"""The laws of scale: formula, source, fit. Ground; lab 00 introduces them, later labs fit them.

Times and rates may be in any unit, as long as a call uses one throughout.
"""

import math
from dataclasses import dataclass

import numpy as np


def _fraction(name, value):
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}")


def amdahl(workers, serial):
    """Speed-up of a fixed piece of work, of which the fraction `serial` cannot be shared.

    1 / (s + (1 - s) / n). Source: G. Amdahl, AFIPS 1967. Takes numbers or arrays of workers.
    """
    _fraction("serial", serial)
    return 1 / (serial + (1 - serial) / np.asarray(workers, dtype=float))


def gustafson(workers, serial):
    """Speed-up when the work grows with the workers (weak scaling).

    s + (1 - s) n. Source: J. Gustafson, CACM 31(5), 1988. Takes numbers or arrays of workers.
    """
    _fraction("serial", serial)
    return serial + (1 - serial) * np.asarray(workers, dtype=float)


def usl(workers, contention, coherency):
    """Relative capacity by the Universal Scalability Law: n / (1 + σ(n - 1) + κ n (n - 1)).

    contention σ: the part of the work that waits in line; coherency κ: the price of agreeing,
    paid by every pair of workers. Source: N. Gunther, Guerrilla Capacity Planning, 2007.
    """
    n = np.asarray(workers, dtype=float)
    return n / (1 + contention * (n - 1) + coherency * n * (n - 1))


def usl_peak(contention, coherency):
    """The number of workers beyond which the USL falls: sqrt((1 - σ) / κ); inf where κ is 0."""
    return math.sqrt(max(0.0, 1 - contention) / coherency) if coherency > 0 else math.inf


@dataclass(frozen=True)
class UslFit:
    """The Universal Scalability Law fitted to measured rates, with one standard error each."""

    rate_of_one: float
    contention: float
    coherency: float
    contention_error: float
    coherency_error: float

    @property
    def peak(self):
        """The number of workers at which the fitted rate is highest; inf where it never falls."""
        return usl_peak(self.contention, self.coherency)

    def rate(self, workers):
        """The fitted rate at these workers, in the unit of the measured rates."""
        return self.rate_of_one * usl(workers, self.contention, self.coherency)

    def __repr__(self):
        return (
            f"UslFit: contention {self.contention:.3f} ± {self.contention_error:.3f}, "
            f"coherency {self.coherency:.4f} ± {self.coherency_error:.4f}"
        )


def fit_usl(workers, rates):
    """Fit the USL to measured rates by least squares: a UslFit.

    workers: counts, at least three different ones; rates: work done per second at each. Errors are
    one standard deviation from the curvature at the best fit, and infinite with three points.
    """
    from scipy.optimize import curve_fit

    workers, rates = np.asarray(workers, dtype=float), np.asarray(rates, dtype=float)
    if len(set(workers)) < 3:
        raise ValueError(f"a USL fit needs three different worker counts, got {len(set(workers))}")
    if not (rates > 0).all():
        raise ValueError(f"rates must be positive, got {rates.min():g}")
    scale = rates.max()
    best, covariance = _quiet(
        curve_fit,
        lambda n, r, s, k: r * usl(n, s, k),
        workers,
        rates / scale,
        p0=(rates[0] / scale, 0.1, 0.01),
        bounds=(0, [np.inf, 1, np.inf]),
    )
    errors = np.sqrt(np.diag(covariance))
    return UslFit(best[0] * scale, *map(float, best[1:]), *map(float, errors[1:]))


def fit_amdahl(workers, seconds):
    """The serial fraction that fits measured seconds best, and its standard error: (s, error).

    Fits T(n) = T(1) (s + (1 - s) / n) by least squares, with T(1) free.
    """
    from scipy.optimize import curve_fit

    workers, seconds = np.asarray(workers, dtype=float), np.asarray(seconds, dtype=float)
    if len(set(workers)) < 2:
        raise ValueError("an Amdahl fit needs two different worker counts, got one")
    best, covariance = _quiet(
        curve_fit,
        lambda n, one, s: one * (s + (1 - s) / n),
        workers,
        seconds,
        p0=(seconds[0], 0.1),
        bounds=(0, [np.inf, 1]),
    )
    return float(best[1]), float(np.sqrt(covariance[1, 1]))


def _quiet(fit, *arguments, **options):
    """Fit without scipy's warning that few points give no error estimate: the error says so."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit(*arguments, **options)


def little(arrival_rate, time_in_system):
    """How many are in a stable system on average: L = λ W. Source: J. Little, Op. Res. 9(3), 1961.

    Holds whatever the order of service and the distributions.
    """
    return arrival_rate * time_in_system


@dataclass(frozen=True)
class Queue:
    """A queue in its steady state: waiting (q) excludes service, the rest includes it."""

    utilization: float
    probability_of_wait: float
    waiting_time: float
    time_in_system: float
    queue_length: float
    number_in_system: float


def _stable(arrival_rate, service_rate, servers):
    if arrival_rate < 0 or service_rate <= 0 or servers < 1:
        raise ValueError("a queue needs a rate of arrivals ≥ 0, of service > 0 and a server")
    utilization = arrival_rate / (servers * service_rate)
    if utilization >= 1:
        raise ValueError(
            f"utilization is {utilization:.3g}: at 1 or more the queue grows without end"
        )
    return utilization


def mmc(arrival_rate, service_rate, servers):
    """Poisson arrivals, exponential service, `servers` servers, one line: a Queue.

    Erlang C. Source: L. Kleinrock, Queueing Systems I, 1975. Overload raises ValueError.
    """
    utilization = _stable(arrival_rate, service_rate, servers)
    load, blocking = arrival_rate / service_rate, 1.0
    for n in range(1, servers + 1):  # Erlang B by its recursion, which never overflows
        blocking = load * blocking / (n + load * blocking)
    wait = blocking / (1 - utilization * (1 - blocking))
    waiting_time = wait / (servers * service_rate - arrival_rate)
    return _queue(arrival_rate, service_rate, utilization, wait, waiting_time)


def md1(arrival_rate, service_rate):
    """Poisson arrivals, every service equally long, one server: a Queue.

    Pollaczek and Khinchine. Source: L. Kleinrock, Queueing Systems I, 1975.
    """
    utilization = _stable(arrival_rate, service_rate, 1)
    waiting_time = utilization / (2 * service_rate * (1 - utilization))
    return _queue(arrival_rate, service_rate, utilization, utilization, waiting_time)


def _queue(arrival_rate, service_rate, utilization, wait, waiting_time):
    whole = waiting_time + 1 / service_rate
    return Queue(
        utilization,
        wait,
        waiting_time,
        whole,
        little(arrival_rate, waiting_time),
        little(arrival_rate, whole),
    )


def zipf(items, exponent=1.0):
    """The probability of each of `items` things by rank, proportional to 1 / rank^exponent."""
    weights = 1 / np.arange(1, items + 1, dtype=float) ** exponent
    return weights / weights.sum()


def che_lru(probabilities, cache_items):
    """Hit ratio of an LRU cache under independent requests, and its characteristic time.

    Returns (hit_ratio, characteristic_time in requests). The time t solves Σ(1 - exp(-p t)) =
    cache size. Source: H. Che, Y. Tung, Z. Wang, IEEE JSAC 20(7), 2002.
    """
    from scipy.optimize import brentq

    p = np.asarray(probabilities, dtype=float)
    if not 0 < cache_items < len(p):
        raise ValueError(f"cache_items must lie between 0 and {len(p)} items, got {cache_items}")
    high = 1.0
    while -np.expm1(-p * high).sum() < cache_items:
        high *= 2
    time = brentq(lambda t: -np.expm1(-p * t).sum() - cache_items, 0, high)
    return float((p * -np.expm1(-p * time)).sum()), float(time)


def best_static_hit_ratio(probabilities, cache_items):
    """Hit ratio of a cache that always holds the most wanted items: no policy does better."""
    return float(np.sort(np.asarray(probabilities, dtype=float))[::-1][:cache_items].sum())


def early_refresh_probability(ttl_left, delta, beta=1.0):
    """The chance that one request renews a cached value early: exp(-ttl_left / (β δ)).

    delta: how long the renewal takes. Source: A. Vattani and others, VLDB 8(8), 2015 (XFetch).
    """
    return math.exp(-max(0.0, ttl_left) / (beta * delta))


def pipeline_bubble(stages, microbatches):
    """The fraction of a pipeline's time spent idle: (p - 1) / (m + p - 1). Source: GPipe, 2019."""
    if stages < 1 or microbatches < 1:
        raise ValueError(f"a pipeline needs stages and microbatches, got {stages}, {microbatches}")
    return (stages - 1) / (microbatches + stages - 1)
