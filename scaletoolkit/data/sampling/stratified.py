"""Samples with a share for each stratum: who gets how many rows, and their values. Lab 02."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from scaletoolkit.data.sampling.draws import Numbers, Picker, Seed, Values, row_groups, uniform

Fractions = npt.NDArray[np.float64]


def strata(path: str | Path, by: str, value: str) -> tuple[list[str], Numbers, Fractions]:
    """The strata of a Parquet file: (names of `by`, in order; sizes; sds of `value`). Two passes.

    `by` holds texts, `value` numbers. Memory is bounded by a row group.
    """
    groups = row_groups(path, [by])
    names = sorted({name for group in groups for name in group[by].unique().to_pylist()})
    sums = np.zeros((3, len(names)))
    for codes, values in coded(path, by, value, names):
        sums += [np.bincount(codes, values**power, len(names)) for power in (0.0, 1.0, 2.0)]
    sizes, totals, squares = sums
    variances = squares / sizes - (totals / sizes) ** 2
    return names, sizes.astype(np.int64), np.sqrt(np.maximum(variances, 0))


def coded(
    path: str | Path, by: str, value: str, names: list[str]
) -> Iterator[tuple[Numbers, Fractions]]:
    """Yield for each row group the place of each row's `by` in `names`, and its `value`."""
    for group in row_groups(path, [by, value]):
        codes = pc.index_in(group[by].cast(pa.string()), pa.array(names, pa.string()))
        yield codes.to_numpy(), group[value].to_numpy()


def uniform_strata(
    sizes: Iterable[int], allocation: Iterable[int], repeats: int, seed: Seed
) -> list[Numbers]:
    """For each stratum the places of `repeats` uniform samples: an array (repeats, its n)."""
    random = np.random.default_rng(seed)
    return [
        np.array([uniform(size, n, random) for _ in range(repeats)])
        for size, n in zip(sizes, allocation, strict=True)
    ]


def proportional(n: int, sizes: npt.ArrayLike) -> Numbers:
    """Rows to draw from each stratum, in proportion to its size: whole numbers that add up to n.

    Raises ValueError for fewer rows than strata, or more than there are.
    """
    return _allocate(n, np.asarray(sizes, dtype=float), np.asarray(sizes))


def neyman(n: int, sizes: npt.ArrayLike, sds: npt.ArrayLike) -> Numbers:
    """Rows to draw from each stratum, in proportion to size × standard deviation; they add up to n.

    No other allocation of n rows has a smaller error. Raises ValueError as `proportional` does.
    Source: J. Neyman, JRSS 97(4), 1934.
    """
    weights = np.asarray(sizes, dtype=float) * np.asarray(sds, dtype=float)
    return _allocate(n, weights, np.asarray(sizes))


def _allocate(n: int, weights: Fractions, sizes: Numbers) -> Numbers:
    """Whole numbers near n · weights / Σ weights; each at least 1 and at most the stratum."""
    if not len(sizes) <= n <= sizes.sum():
        raise ValueError(
            f"{n} rows cannot be drawn from {len(sizes)} strata of {sizes.sum()} rows in all: "
            "each gives at least one"
        )
    ideal = n * weights / weights.sum() if weights.sum() else np.full(len(sizes), n / len(sizes))
    whole: Numbers = np.clip(np.floor(ideal), 1, sizes).astype(np.int64)
    while whole.sum() != n:
        step = 1 if whole.sum() < n else -1
        has_room = whole < sizes if step > 0 else whole > 1
        gain = np.where(has_room, step * (ideal - whole), -np.inf)
        whole[np.argmax(gain)] += step
    return whole


def stratified_mean(sizes: npt.ArrayLike, means: npt.ArrayLike) -> Fractions:
    """The mean of all rows from the strata's means, each with the weight of its size.

    means: one number a stratum, or an array (strata, repeats) for as many estimates.
    """
    weights = np.asarray(sizes, dtype=float)
    mean: Fractions = np.average(np.asarray(means, dtype=float), axis=0, weights=weights)
    return mean


def take_strata(
    batches: Iterable[tuple[Numbers, Values]], row_numbers: Iterable[npt.ArrayLike]
) -> list[Values]:
    """The values of the chosen rows of each stratum of a stream, in one pass.

    batches: (stratum of each row, value of each row); row_numbers: for stratum h, the places of
    the chosen rows among the rows of h. Raises ValueError for a row that is not there.
    """
    pickers = [Picker(places) for places in row_numbers]
    for codes, values in batches:
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(pickers) + 1))
        for h, picker in enumerate(pickers):
            picker.feed(values[order[bounds[h] : bounds[h + 1]]])
    return [picker.result() for picker in pickers]
