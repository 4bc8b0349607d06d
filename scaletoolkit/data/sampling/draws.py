"""What is read of the data: row groups, uniform and stratified samples, reservoirs. Lab 02.

A seed is a whole number, or a numpy Generator that goes on where it stands.
"""

import functools
import itertools
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from scaletoolkit import lab
from scaletoolkit.data import sketches

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.generic]
Fractions = npt.NDArray[np.float64]
Seed = int | np.random.Generator

# pyarrow's default reads sixteen batches of four files ahead: gigabytes where row groups are large
SMALL_READAHEAD = {"batch_readahead": 2, "fragment_readahead": 1}


def write_row_groups(
    source: str | Path, path: str | Path, columns: list[str], row_groups: int = 100
) -> int:
    """Copy columns of a Parquet folder into one file of `row_groups` row groups. Returns its rows.

    Order is kept; rows with a gap, and the rest of a division into equal groups, are left out.
    Memory is bounded by a batch and a group. ValueError where there are fewer rows than groups.
    """
    data = ds.dataset(source)
    whole = functools.reduce(operator.and_, (ds.field(name).is_valid() for name in columns))
    rows = data.count_rows(filter=whole, **SMALL_READAHEAD)
    each = rows // row_groups
    if each < 1:
        raise ValueError(f"{row_groups} row groups need as many rows; there are {rows}")
    schema = data.scanner(columns=columns).projected_schema
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batches = data.to_batches(columns=columns, filter=whole, **SMALL_READAHEAD)
        groups = itertools.islice(_cut(batches, schema.empty_table(), each), row_groups)
        for table in lab.progress(groups, row_groups, "copying events"):
            writer.write_table(table)
    return each * row_groups


def _cut(batches: Iterable[pa.RecordBatch], waiting: pa.Table, each: int) -> Iterator[pa.Table]:
    """Yield tables of `each` rows; `waiting` holds what comes first, a shorter rest is dropped."""
    for batch in batches:
        waiting = pa.concat_tables([waiting, pa.table(batch)])
        while len(waiting) >= each:
            yield waiting.slice(0, each)
            waiting = waiting.slice(each)


def row_groups(
    path: str | Path,
    columns: list[str],
    chosen: Iterable[int] | None = None,
    filesystem: fs.FileSystem | None = None,
) -> Iterator[pa.Table]:
    """Yield the row groups of a Parquet file, or the chosen ones, with these columns."""
    with pq.ParquetFile(str(path), filesystem=filesystem) as file:
        for number in range(file.num_row_groups) if chosen is None else chosen:
            yield file.read_row_group(int(number), columns=columns)


def tally(batches: Iterable[Numbers]) -> tuple[Numbers, Numbers]:
    """The different values of a stream of arrays, in order, and how many rows have each.

    Memory is bounded by a batch and the different values.
    """
    values = np.empty(0, np.int64)
    counts = np.empty(0, np.int64)
    for batch in batches:
        both = np.concatenate([values, batch])
        weights = np.concatenate([counts, np.ones(len(batch), np.int64)])
        values, place = np.unique(both, return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, place, weights)
    return values, counts


def uniform(rows: int, n: int, seed: Seed) -> Numbers:
    """n different row numbers below `rows`, every set equally likely; ValueError for n > rows."""
    if not 0 <= n <= rows:
        raise ValueError(f"a sample of {n} rows cannot be drawn from {rows}")
    return np.random.default_rng(seed).choice(rows, n, replace=False, shuffle=False)


def strata(path: str | Path, by: str, value: str) -> tuple[list[str], Numbers, Fractions]:
    """The strata of a Parquet file: (names of `by`, in order; sizes; sds of `value`). Two passes.

    `by` holds texts, `value` numbers. Memory is bounded by a row group. Each group's squares are of
    its values less their mean, so that large values lose no digits. Source: T. Chan, G. Golub and
    R. LeVeque, COMPSTAT 1982.
    """
    groups = row_groups(path, [by])
    names = sorted({name for group in groups for name in group[by].unique().to_pylist()})
    sizes, means, squares = np.zeros((3, len(names)))
    for codes, values in coded(path, by, value, names):
        rows = np.bincount(codes, minlength=len(names))
        own_means = np.bincount(codes, values, len(names)) / np.maximum(rows, 1)
        off = own_means - means
        share = rows / np.maximum(sizes + rows, 1)
        squares += np.bincount(codes, (values - own_means[codes]) ** 2, len(names))
        squares += off**2 * sizes * share
        means += off * share
        sizes += rows
    return names, sizes.astype(np.int64), np.sqrt(squares / sizes)


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


class _Picker:
    """Takes the values at chosen places out of a stream that is fed in pieces."""

    def __init__(self, places: npt.ArrayLike) -> None:
        given = np.asarray(places)
        self.places = given if given.size else given.astype(np.int64)  # numpy's [] is of floats
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
        outside = self.in_order[(self.in_order < 0) | (self.in_order >= self.passed)]
        if outside.size:
            raise ValueError(f"row {outside[-1]} was asked for, but there are {self.passed}")
        values = np.concatenate(self.picked) if self.picked else np.empty(0)
        result = np.empty_like(values)
        result[self.order] = values
        return result.reshape(self.places.shape)


def take(batches: Iterable[Values], row_numbers: npt.ArrayLike) -> Values:
    """The values of the chosen rows of a stream of arrays, in one pass, in row_numbers' shape.

    Rows may repeat. Raises ValueError for a row that is not there.
    """
    picker = _Picker(row_numbers)
    for values in batches:
        picker.feed(values)
    return picker.result()


def take_strata(
    batches: Iterable[tuple[Numbers, Values]], row_numbers: Iterable[npt.ArrayLike]
) -> list[Values]:
    """The values of the chosen rows of each stratum of a stream, in one pass; else as `take`.

    batches: (stratum, value) of each row. row_numbers: for each stratum places among its rows.
    """
    pickers = [_Picker(places) for places in row_numbers]
    for codes, values in batches:
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(pickers) + 1))
        for h, picker in enumerate(pickers):
            picker.feed(values[order[bounds[h] : bounds[h + 1]]])
    return [picker.result() for picker in pickers]


@dataclass(frozen=True, eq=False)
class Reservoir:
    """A uniform sample of at most k rows: those with the smallest random keys, in key order."""

    k: int
    keys: npt.NDArray[np.uint64]
    values: Values

    def __repr__(self) -> str:
        return f"Reservoir: {len(self.values):,} of at most {self.k:,} rows"


def reservoir(keys: npt.ArrayLike, values: npt.ArrayLike, k: int) -> Reservoir:
    """A uniform sample of at most k of the values; ValueError for k below 1.

    keys: a random 64-bit number for each value. Where the row itself gives it, as `row_keys` does,
    the sample depends on the rows alone, not on who read them, when, or from which file.
    """
    if k < 1:
        raise ValueError(f"a reservoir holds at least 1 row, got k = {k}")
    return _bottom_k(np.asarray(keys, np.uint64), np.asarray(values), k)


def row_keys(columns: Iterable[npt.ArrayLike]) -> npt.NDArray[np.uint64]:
    """A 64-bit key for each row, mixed from its whole numbers; equal rows have equal keys."""
    mixed = np.zeros(1, np.uint64)
    for column in columns:
        mixed = sketches.hashed(np.asarray(column).astype(np.int64) ^ mixed.view(np.int64))
    return mixed


def merge(one: Reservoir, other: Reservoir) -> Reservoir:
    """The reservoir of both rows, of the same k; any order and grouping of merges gives the same.

    ValueError for different k.
    """
    if one.k != other.k:
        raise ValueError(f"reservoirs of {one.k} and {other.k} rows cannot be merged")
    keys = np.concatenate([one.keys, other.keys])
    return _bottom_k(keys, np.concatenate([one.values, other.values]), one.k)


def _bottom_k(keys: npt.NDArray[np.uint64], values: Values, k: int) -> Reservoir:
    """Keep the k smallest keys, of equal ones the smaller values; few of them are ever sorted.

    Source: E. Cohen and H. Kaplan, Summarizing data using bottom-k sketches, PODC 2007.
    """
    if len(keys) > k:
        small = keys <= np.partition(keys, k - 1)[k - 1]
        keys = keys[small]
        values = values[small]
    order = np.lexsort((values, keys))[:k]
    return Reservoir(k, keys[order], values[order])
