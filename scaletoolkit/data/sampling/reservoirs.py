"""Uniform samples that merge: of a stream, or of parts on many machines. Lab 02."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Values = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Reservoir:
    """A uniform sample of at most k rows: those with the smallest random keys, in key order."""

    k: int
    keys: Keys
    values: Values

    def __repr__(self) -> str:
        return f"Reservoir: {len(self.values):,} of at most {self.k:,} rows"


def reservoir(values: npt.ArrayLike, k: int, unit: int, seed: int) -> Reservoir:
    """A uniform sample of at most k of the values of one unit of data.

    unit: the number of the file or row group, different for each. A row's key depends on (seed,
    unit, place in the unit) alone, so the sample does not depend on who reads what and when.
    Raises ValueError for a k below 1.
    """
    if k < 1:
        raise ValueError(f"a reservoir holds at least 1 row, got k = {k}")
    array = np.asarray(values)
    keys = np.random.Philox(key=seed, counter=[0, 0, 0, unit]).random_raw(len(array))
    return _bottom_k(keys, array, k)


def merge(one: Reservoir, other: Reservoir) -> Reservoir:
    """The reservoir of two units together; any order and grouping of merges gives the same.

    Raises ValueError for two that hold different numbers of rows at most.
    """
    if one.k != other.k:
        raise ValueError(f"reservoirs of {one.k} and {other.k} rows cannot be merged")
    keys = np.concatenate([one.keys, other.keys])
    return _bottom_k(keys, np.concatenate([one.values, other.values]), one.k)


def _bottom_k(keys: Keys, values: Values, k: int) -> Reservoir:
    """Keep the k smallest keys; selection first, so that only k of them are ever sorted.

    Source: E. Cohen and H. Kaplan, Summarizing data using bottom-k sketches, PODC 2007.
    """
    kept = np.argpartition(keys, k - 1)[:k] if len(keys) > k else np.arange(len(keys))
    order = kept[np.argsort(keys[kept], kind="stable")]
    return Reservoir(k, keys[order], values[order])
