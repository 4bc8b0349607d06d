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


def average_with_numpy(stays, seconds):
    import numpy as np

    return np.diff(np.array(stays), axis=1).sum() / np.float64(seconds)


def average_in_a_loop(stays, seconds):
    total = 0
    for stay in stays:
        total += stay[1] - stay[0]
    return total / seconds


def labels_by_key():
    labels = {}
    labels["speed-up of two workers"] = "Measured"
    labels["speed-up of a thousand workers"] = "Fitted"
    labels["90% efficiency on 256 GPUs"] = "Quoted"
    labels["requests in a queue that only a program imagined"] = "Simulated"
    return labels


def labels_by_label():
    return {
        number: label
        for label, number in [
            ("quoted", "90 % efficiency on 256 GPUs"),
            ("simulated", "requests in a queue that only a program imagined"),
            ("fitted", "speed-up of a thousand workers"),
            ("measured", "speed-up of two workers"),
        ]
    }


ANSWERS = {
    "0.1": (efficiency_with_numpy, efficiency_as_a_fraction),
    "0.2": (serial_with_numpy, serial_in_steps),
    "0.3": (average_with_numpy, average_in_a_loop),
    "0.4": (labels_by_key, labels_by_label),
}
