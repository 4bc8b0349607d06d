"""How wrong an estimate from a sample is, and who gives how many rows: no data. Lab 02.

Source: W. Cochran, Sampling Techniques, 3rd edition, 1977.
"""

import math

import numpy as np
import numpy.typing as npt

HALVINGS = 200  # more than a float's digits and the span of its weights
LEAST_WEIGHT = 1e-9  # of the largest: who has no spread takes the rows that nobody else has
Numbers = npt.NDArray[np.int64]
Fractions = npt.NDArray[np.float64]


def standard_error(sd: float, n: float, rows: float = math.inf) -> float:
    """How far the mean of n of `rows` values typically lies from the true one, in sd's unit.

    sd / √n · √(1 - n / rows): the second factor is the finite population's. Cochran, section 2.5.
    """
    return sd / math.sqrt(n) * math.sqrt(max(0.0, 1 - n / rows))


def sample_size(
    relative_sd: float, relative_error: float, rows: float = math.inf, z: float = 1.0
) -> int:
    """The rows to draw so that z standard errors are `relative_error` of the mean; else ValueError.

    relative_sd: standard deviation over mean. Cochran, section 4.6.
    """
    if relative_error <= 0:
        raise ValueError(f"the error to reach must be positive, got {relative_error}")
    endless = (z * relative_sd / relative_error) ** 2
    return math.ceil(endless / (1 + endless / rows))


def row_group_error(means: npt.ArrayLike, groups: float) -> float:
    """The standard error of the mean of `groups` whole row groups, drawn from all of them.

    means: of every group, all equally large. Their spread stands for the rows'. Cochran, 9.3.
    """
    all_means = np.asarray(means, dtype=float)
    return standard_error(float(np.std(all_means, ddof=1)), groups, len(all_means))


def effective_n(sd: float, error: float, rows: float = math.inf) -> float:
    """The size of the uniform sample of rows whose standard error is `error`."""
    endless = (sd / error) ** 2
    return endless / (1 + endless / rows)


def stratified_error(sizes: npt.ArrayLike, sds: npt.ArrayLike, allocation: npt.ArrayLike) -> float:
    """The standard error of `stratified_mean`, in the sds' unit.

    √ Σ W² s² / n (1 - n / N) over strata, W = N / ΣN. Cochran, section 5.4.
    """
    rows = np.asarray(sizes, dtype=float)
    drawn = np.asarray(allocation)
    weighted = rows / rows.sum() * np.asarray(sds, dtype=float)
    return float(np.sqrt(np.sum(weighted**2 / drawn * (1 - drawn / rows))))


def proportional(n: int, sizes: npt.ArrayLike) -> Numbers:
    """Rows to draw from each stratum, in proportion to its size: whole numbers that add up to n.

    Raises ValueError for fewer rows than strata, or more than there are.
    """
    return neyman(n, sizes, np.ones_like(sizes))


def neyman(n: int, sizes: npt.ArrayLike, sds: npt.ArrayLike) -> Numbers:
    """Rows to draw from each stratum, in proportion to size × standard deviation; they add up to n.

    Each stratum gives at least one, and at most all of its own: what they cannot give the others
    do. No other allocation of n rows has a smaller error. ValueError as `proportional`, and for a
    deviation that is no number of at least 0. Source: J. Neyman, JRSS 97(4), 1934.
    """
    sizes = np.asarray(sizes)
    deviations = np.asarray(sds, dtype=float)
    if not len(sizes) <= n <= sizes.sum():
        there = f"{len(sizes)} strata of {sizes.sum()} rows in all"
        raise ValueError(f"{n} rows cannot be drawn from {there}: each gives at least one")
    if not (np.isfinite(deviations) & (deviations >= 0)).all():
        told = f"got {deviations.tolist()}"
        raise ValueError(f"standard deviations must be numbers of at least 0, {told}")
    weights = sizes * deviations
    weights = weights / weights.max() if weights.any() else np.ones(len(sizes))
    whole = np.floor(_fractions(n, sizes, np.maximum(weights, LEAST_WEIGHT))).astype(np.int64)
    return _moved(whole, n, sizes, weights)


def _fractions(n: int, sizes: Numbers, weights: Fractions) -> Fractions:
    """Between 1 and its size for each stratum, else in proportion to weights: n or just below."""
    low = 0.0
    high = float((sizes / weights).max())
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if np.clip(middle * weights, 1, sizes).sum() > n:
            high = middle
        else:
            low = middle
    return np.clip(low * weights, 1, sizes)


def _moved(whole: Numbers, n: int, sizes: Numbers, weights: Fractions) -> Numbers:
    """`whole` until it is n rows and no row elsewhere would make the error smaller.

    The variance is a sum of weights² / whole: one row more takes weights² / whole / (whole + 1).
    """
    while True:
        rows = whole.astype(float)  # the product of two counts may be beyond 64 bits
        more = np.where(whole < sizes, weights**2 / np.maximum(rows * (rows + 1), 1), -np.inf)
        less = np.where(whole > 1, weights**2 / np.maximum(rows * (rows - 1), 1), np.inf)
        missing = n - whole.sum()
        if missing == 0 and more.max() <= less.min() * (1 + 1e-12):
            return whole
        if missing >= 0:
            whole[np.argmax(more)] += 1
        if missing <= 0:
            whole[np.argmin(less)] -= 1


def stratified_mean(sizes: npt.ArrayLike, means: npt.ArrayLike) -> Fractions:
    """The mean of all rows from the strata's means, each with the weight of its size.

    means: one number a stratum, or an array (strata, repeats) for as many estimates.
    """
    return np.average(np.asarray(means, dtype=float), axis=0, weights=np.asarray(sizes, float))
