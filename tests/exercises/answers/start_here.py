"""Other right answers to the exercises of lab 00: first with numpy's values, then in loops."""


def efficiency_with_numpy(seconds_of_one, seconds_of_n, n):
    import numpy as np

    return np.divide(seconds_of_one, np.float32(1) * seconds_of_n * n)


def efficiency_as_a_fraction(seconds_of_one, seconds_of_n, n):
    from fractions import Fraction

    speedup = Fraction(seconds_of_one) / Fraction(seconds_of_n)
    return speedup / n


def serial_with_numpy(speedup, n):
    import numpy as np

    return np.array((n / speedup - 1) / (n - 1))


def serial_in_steps(speedup, n):
    lost = n - speedup
    lost /= n - 1
    return lost / speedup


def split_bucket_by_bucket(totals, buckets):
    def inside(bucket):
        return {user: cents for user, cents in totals.items() if user % buckets == bucket}

    return map(inside, range(buckets))


def split_with_defaults(totals, buckets):
    from collections import defaultdict

    parts = defaultdict(dict)
    while totals:
        customer, cents = totals.popitem()
        parts[customer % buckets][customer] = cents
    return tuple(parts[bucket] for bucket in range(buckets))


def average_with_numpy(stays, start, end):
    import numpy as np

    came, left = np.clip(np.array(stays, dtype=float).T, start, end)
    return (left - came).sum() / np.float64(end - start)


def average_step_by_step(stays, start, end):
    area = 0
    before = start
    for moment in sorted({end, *(m for stay in stays for m in stay if start < m < end)}):
        area += (moment - before) * sum(came <= before < left for came, left in stays)
        before = moment
    return area / (end - start)


ANSWERS = {
    "0.1": (efficiency_with_numpy, efficiency_as_a_fraction),
    "0.2": (serial_with_numpy, serial_in_steps),
    "0.3": (split_bucket_by_bucket, split_with_defaults),
    "0.4": (average_with_numpy, average_step_by_step),
}
