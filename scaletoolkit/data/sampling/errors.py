"""How wrong an estimate from a sample is: formulas, no data. Lab 02.

Source: W. Cochran, Sampling Techniques, 3rd edition, 1977.
"""

import math

import numpy as np
import numpy.typing as npt


def standard_error(sd: float, n: float, rows: float = math.inf) -> float:
    """How far the mean of n of `rows` values typically lies from the true one, in sd's unit.

    sd / √n · √(1 - n / rows): the second factor is the finite population's. Cochran, section 2.5.
    """
    return sd / math.sqrt(n) * math.sqrt(max(0.0, 1 - n / rows))


def sample_size(
    relative_sd: float, relative_error: float, rows: float = math.inf, z: float = 1.0
) -> int:
    """The rows to draw so that z standard errors are `relative_error` of the mean.

    relative_sd: standard deviation over mean. Raises ValueError for an error that is not positive.
    Cochran, section 4.6.
    """
    if relative_error <= 0:
        raise ValueError(f"the error to reach must be positive, got {relative_error}")
    endless = (z * relative_sd / relative_error) ** 2
    return math.ceil(endless / (1 + endless / rows))


def row_group_error(means: npt.ArrayLike, groups: float) -> float:
    """The standard error of the mean of `groups` whole row groups, drawn from all of them.

    means: the mean of every group; the groups are equally large. Cochran, section 9.3, in which
    the spread of the groups stands where that of the rows stood.
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
