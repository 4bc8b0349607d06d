"""Answers made in batches before anyone asks, in one file that is replaced whole. Lab 08."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaletoolkit.machine import files, folders

Integers = NDArray[np.int64]
Make = Callable[[Integers], NDArray[np.int32]]


def precompute(path: str | Path, keys: ArrayLike, make: Make, batch_size: int = 1024) -> None:
    """Put make(keys) of every batch of keys into a file for `Table`; its last step publishes it.

    Whoever opens `path` gets the whole old file or the whole new one. make: keys in, one row of
    int32 a key out. What killed writers have left beside `path` is removed.
    """
    path = Path(path)
    ordered = np.unique(np.asarray(keys, np.int64))
    label = f"Another process writes {path.name}"
    with folders.alone(path, label), files.replaced(path) as new:
        _write(new, ordered, make, batch_size)


def _write(new: Path, ordered: Integers, make: Make, batch_size: int) -> None:
    width = make(ordered[:1]).shape[1]
    row = np.dtype([("key", np.int64), ("value", np.int32, (width,))])
    table = np.lib.format.open_memmap(new, "w+", row, ordered.shape)
    for start in range(0, len(ordered), batch_size):
        batch = ordered[start : start + batch_size]
        table["key"][start : start + batch_size] = batch
        table["value"][start : start + batch_size] = make(batch)
    table.flush()


class Table:
    """A published file, as it was when it was opened."""

    def __init__(self, path: str | Path) -> None:
        self._rows = np.load(path, mmap_mode="r")
        self._keys = np.ascontiguousarray(self._rows["key"])

    def get(self, key: int) -> NDArray[np.int32] | None:
        """The row of a key, or None: it came after the batch."""
        at = int(np.searchsorted(self._keys, key))
        known = at < len(self._keys) and self._keys[at] == key
        return np.array(self._rows["value"][at]) if known else None

    def __len__(self) -> int:
        return len(self._keys)


def distinct(probabilities: ArrayLike, requests: float) -> float:
    """How many different keys so many requests ask for, on average: Σ 1 - (1 - p)^n."""
    p = np.asarray(probabilities, dtype=float)
    return float(-np.expm1(requests * np.log1p(-p)).sum())
