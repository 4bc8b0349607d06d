"""Uniform samples of rows, and their values out of a stream. Lab 02.

A seed is a whole number, or a numpy Generator that goes on where it stands.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.generic]
Seed = int | np.random.Generator


def uniform(rows: int, n: int, seed: Seed) -> Numbers:
    """n different row numbers below `rows`, every set equally likely.

    Raises ValueError for more rows than there are.
    """
    if not 0 <= n <= rows:
        raise ValueError(f"a sample of {n} rows cannot be drawn from {rows}")
    return np.random.default_rng(seed).choice(rows, n, replace=False, shuffle=False)


class Picker:
    """Takes the values at chosen places out of a stream that is fed in pieces."""

    def __init__(self, places: npt.ArrayLike) -> None:
        self.places = np.asarray(places)
        self.order = np.argsort(self.places, axis=None, kind="stable")
        self.in_order = self.places.ravel()[self.order]
        self.passed = 0
        self.picked: list[Values] = []

    def feed(self, values: Values) -> None:
        """The next piece of the stream."""
        first, last = np.searchsorted(self.in_order, [self.passed, self.passed + len(values)])
        self.picked.append(values[self.in_order[first:last] - self.passed])
        self.passed += len(values)

    def result(self) -> Values:
        """The values, in the shape of the places. Raises ValueError for a place not reached."""
        if self.in_order.size and self.in_order[-1] >= self.passed:
            raise ValueError(f"row {self.in_order[-1]} was asked for, but there are {self.passed}")
        values = np.concatenate(self.picked)
        result = np.empty_like(values)
        result[self.order] = values
        return result.reshape(self.places.shape)


def take(batches: Iterable[Values], row_numbers: npt.ArrayLike) -> Values:
    """The values of the chosen rows of a stream of arrays, in one pass.

    row_numbers: whole numbers in an array of any shape, repeats allowed; the result has its shape.
    Raises ValueError for a row that is not there.
    """
    picker = Picker(row_numbers)
    for values in batches:
        picker.feed(values)
    return picker.result()
