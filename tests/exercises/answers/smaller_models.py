"""Other right answers to the exercises of lab 06: first with numpy's values, then in loops."""


def scale_with_numpy(low, high, bits):
    import numpy as np

    ends = np.array([low, 0, high], dtype=float)
    scale = np.ptp(ends) / (2**bits - 1)
    return np.float64(scale), np.int64(np.rint(-ends.min() / scale))


def scale_step_by_step(low, high, bits):
    if low > 0:
        low = 0
    if high < 0:
        high = 0
    steps = 2**bits - 1
    scale = (high - low) / steps
    zero = 0
    while abs(low + (zero + 1) * scale) < abs(low + zero * scale):
        zero += 1
    return [scale, zero]


def scales_with_numpy(rows, bits):
    import numpy as np

    largest = np.abs(np.array(rows, dtype=float)).max(axis=1)
    return np.where(largest == 0, 1.0, largest / (2 ** (bits - 1) - 1))


def scales_in_a_loop(rows, bits):
    scales = []
    for row in rows:
        largest = max(max(row), -min(row))
        if largest == 0:
            scales.append(1.0)
        else:
            scales.append(largest / (2 ** (bits - 1) - 1))
    return scales


def p_value_with_scipy(only_old, only_new):
    import numpy as np
    from scipy import stats

    differ = only_old + only_new
    if not differ:
        return np.float64(1)
    return np.minimum(1, 2 * stats.binom.cdf(min(only_old, only_new), differ, 0.5))


def p_value_by_all_results(only_old, only_new):
    from math import comb

    differ = only_old + only_new
    gap = abs(only_old - only_new)
    counts = [comb(differ, heads) for heads in range(differ + 1) if abs(differ - 2 * heads) >= gap]
    return sum(counts) / 2**differ


def kept_with_numpy(rows, columns, index_bytes):
    import numpy as np

    kept = np.arange(rows * columns + 1)
    smaller = kept * (4 + index_bytes) + index_bytes * (rows + 1) < 4 * rows * columns
    return kept[smaller].max(initial=0)


def kept_in_a_loop(rows, columns, index_bytes):
    kept = 0
    while (kept + 1) * (4 + index_bytes) + index_bytes * (rows + 1) < 4 * rows * columns:
        kept += 1
    return kept


def rewind_with_numpy(first, trained, kept):
    import numpy as np

    smallest_first = np.argsort(np.abs(trained))
    start = np.array(first, dtype=float)
    start[smallest_first[: len(start) - kept]] = 0
    return start


def rewind_by_a_threshold(first, trained, kept):
    sizes = sorted((abs(weight) for weight in trained), reverse=True)
    threshold = sizes[kept - 1]
    start = []
    for old, new in zip(first, trained, strict=True):
        if abs(new) >= threshold:
            start.append(old)
        else:
            start.append(0)
    return start


ANSWERS = {
    "6.1": (scale_with_numpy, scale_step_by_step),
    "6.2": (scales_with_numpy, scales_in_a_loop),
    "6.3": (p_value_with_scipy, p_value_by_all_results),
    "6.4": (kept_with_numpy, kept_in_a_loop),
    "6.5": (rewind_with_numpy, rewind_by_a_threshold),
}
