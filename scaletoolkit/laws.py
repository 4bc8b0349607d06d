"""The laws of scale: formula, source, fit. Lab 00 introduces them, later labs fit them.

Times and rates may be in any unit, as long as a call uses one throughout. What takes `workers`
takes one number and returns one, or takes several and returns an array.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Numbers = np.float64 | Array


def _check_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}")


def amdahl(workers: ArrayLike, serial: float) -> Numbers:
    """Speed-up of a fixed piece of work, of which the fraction `serial` cannot be shared.

    1 / (s + (1 - s) / n). Source: G. Amdahl, AFIPS 1967.
    """
    _check_fraction("serial", serial)
    return 1 / (serial + (1 - serial) / np.asarray(workers, dtype=float))


def gustafson(workers: ArrayLike, serial: float) -> Numbers:
    """Speed-up when the work grows with the workers (weak scaling).

    s + (1 - s) n, where s is the share of the time that is serial on n workers: another s than
    Amdahl's, which is the share on one. Source: J. Gustafson, CACM 31(5), 1988.
    """
    _check_fraction("serial", serial)
    return serial + (1 - serial) * np.asarray(workers, dtype=float)


def usl(workers: ArrayLike, contention: float, coherency: float) -> Numbers:
    """Relative capacity by the Universal Scalability Law: n / (1 + σ(n - 1) + κ n (n - 1)).

    contention σ: the part of the work that waits in line; coherency κ: the price of agreeing,
    paid by every pair of workers. Source: N. Gunther, Guerrilla Capacity Planning, 2007.
    """
    n = np.asarray(workers, dtype=float)
    return n / (1 + contention * (n - 1) + coherency * n * (n - 1))


def usl_peak(contention: float, coherency: float) -> float:
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
    def peak(self) -> float:
        """The number of workers at which the fitted rate is highest; inf where it never falls."""
        return usl_peak(self.contention, self.coherency)

    def rate(self, workers: ArrayLike) -> Numbers:
        """The fitted rate at these workers, in the unit of the measured rates."""
        return self.rate_of_one * usl(workers, self.contention, self.coherency)

    def __repr__(self) -> str:
        return (
            f"UslFit: contention {self.contention:.3f} ± {self.contention_error:.3f}, "
            f"coherency {self.coherency:.4f} ± {self.coherency_error:.4f}"
        )


def fit_usl(workers: ArrayLike, rates: ArrayLike) -> UslFit:
    """Fit the USL to measured rates by least squares: a UslFit.

    workers: three or more different counts; rates: work per second, above 0; else ValueError.
    Errors are one standard deviation from the curvature at the best fit, infinite with 3 points.
    """
    counts = np.asarray(workers, dtype=float)
    measured = np.asarray(rates, dtype=float)
    if len(set(counts)) < 3:
        raise ValueError(f"a USL fit needs three different worker counts, got {len(set(counts))}")
    if not (measured > 0).all():
        raise ValueError(f"rates must be positive, got {measured.min():g}")

    def law(n: Array, rate_of_one: float, contention: float, coherency: float) -> Numbers:
        return rate_of_one * usl(n, contention, coherency)

    scale = measured.max()
    start = [measured[0] / scale, 0.1, 0.01]
    best, errors = _fit(law, counts, measured / scale, start, highest=[np.inf, 1, np.inf])
    return UslFit(best[0] * scale, best[1], best[2], errors[1], errors[2])


def fit_amdahl(
    workers: ArrayLike, seconds: ArrayLike, cores: float = math.inf
) -> tuple[float, float]:
    """The serial fraction that fits measured seconds best, and its standard error: (s, error).

    T(n) = T(1) (s + (1 - s) / n), with T(1) free. The law has a core for every worker, so workers
    beyond `cores` count as if they were not there; otherwise missing cores pass for a serial part.
    ValueError without two different counts, or for seconds that are not above 0.
    """
    counts = np.minimum(np.asarray(workers, dtype=float), cores)
    measured = np.asarray(seconds, dtype=float)
    if len(set(counts)) < 2:
        needs = "an Amdahl fit needs two different counts of workers that have a core"
        raise ValueError(f"{needs}, got one")
    if not (measured > 0).all():
        raise ValueError(f"seconds must be positive, got {measured.min():g}")
    measured = measured / measured.max()

    def law(n: Array, seconds_of_one: float, serial: float) -> Array:
        return seconds_of_one * (serial + (1 - serial) / n)

    best, errors = _fit(law, counts, measured, [measured[0], 0.1], highest=[np.inf, 1])
    return best[1], errors[1]


def _fit(
    law: Callable[..., Numbers], n: Array, y: Array, start: list[float], highest: list[float]
) -> tuple[list[float], list[float]]:
    """Least squares with each parameter between 0 and its highest: (best, standard errors)."""
    from scipy.optimize import curve_fit

    # scipy warns where there are too few points for an error; it is infinite then, which says so
    with warnings.catch_warnings(action="ignore"):
        best, covariance = curve_fit(law, n, y, p0=start, bounds=(0, highest))
    return best.tolist(), np.sqrt(np.diag(covariance)).tolist()


def little(arrival_rate: float, time_in_system: float) -> float:
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


def _utilization(arrival_rate: float, service_rate: float, servers: int) -> float:
    if arrival_rate < 0 or service_rate <= 0 or servers < 1:
        needs = "a queue needs a rate of arrivals ≥ 0, of service > 0 and a server"
        raise ValueError(f"{needs}, got {arrival_rate}, {service_rate} and {servers}")
    utilization = arrival_rate / (servers * service_rate)
    if utilization >= 1:
        grows = "at 1 or more the queue grows without end"
        raise ValueError(f"utilization is {utilization:.3g}: {grows}")
    return utilization


def mmc(arrival_rate: float, service_rate: float, servers: int) -> Queue:
    """Poisson arrivals, exponential service, `servers` servers, one line: a Queue.

    Erlang C. Source: L. Kleinrock, Queueing Systems I, 1975. Overload raises ValueError.
    """
    utilization = _utilization(arrival_rate, service_rate, servers)
    load = arrival_rate / service_rate
    blocking = 1.0
    for n in range(1, servers + 1):  # Erlang B by its recursion, which never overflows
        blocking = load * blocking / (n + load * blocking)
    wait = blocking / (1 - utilization * (1 - blocking))
    waiting_time = wait / (servers * service_rate - arrival_rate)
    return _queue(arrival_rate, service_rate, utilization, wait, waiting_time)


def md1(arrival_rate: float, service_rate: float) -> Queue:
    """Poisson arrivals, every service equally long, one server: a Queue.

    Pollaczek and Khinchine. Source as for `mmc`; overload raises ValueError.
    """
    utilization = _utilization(arrival_rate, service_rate, 1)
    waiting_time = utilization / (2 * service_rate * (1 - utilization))
    return _queue(arrival_rate, service_rate, utilization, utilization, waiting_time)


def _queue(
    arrival_rate: float, service_rate: float, utilization: float, wait: float, waiting_time: float
) -> Queue:
    time_in_system = waiting_time + 1 / service_rate
    queue_length = little(arrival_rate, waiting_time)
    number_in_system = little(arrival_rate, time_in_system)
    return Queue(utilization, wait, waiting_time, time_in_system, queue_length, number_in_system)


def zipf(items: int, exponent: float = 1.0) -> Array:
    """The probability of each of `items` things by rank, proportional to 1 / rank^exponent."""
    weights: Array = 1 / np.arange(1, items + 1, dtype=float) ** exponent
    return weights / weights.sum()


def che_lru(probabilities: ArrayLike, cache_items: int) -> tuple[float, float]:
    """(hit ratio, characteristic time t in requests) of an LRU cache under independent requests.

    Σ(1 - exp(-p t)) = cache size; a size of 0 or of all items raises ValueError. Source: H. Che,
    Y. Tung, Z. Wang, IEEE JSAC 20(7), 2002.
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


def best_static_hit_ratio(probabilities: ArrayLike, cache_items: int) -> float:
    """Hit ratio of a cache of the most wanted items: the best, where requests are independent."""
    return float(np.sort(np.asarray(probabilities, dtype=float))[::-1][:cache_items].sum())


def early_refresh_probability(ttl_left: float, delta: float, beta: float = 1.0) -> float:
    """The chance that one request renews a cached value early: exp(-ttl_left / (β δ)).

    delta: how long the renewal takes. Source: A. Vattani and others, VLDB 8(8), 2015 (XFetch).
    """
    return math.exp(-max(0.0, ttl_left) / (beta * delta))


def pipeline_bubble(stages: int, microbatches: int) -> float:
    """The fraction of a pipeline's time spent idle: (p - 1) / (m + p - 1). Source: GPipe, 2019."""
    if stages < 1 or microbatches < 1:
        raise ValueError(f"a pipeline needs stages and microbatches, got {stages}, {microbatches}")
    return (stages - 1) / (microbatches + stages - 1)
