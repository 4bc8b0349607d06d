"""What is read of a file: whole row groups, or a uniform sample of its rows. Lab 02.

A seed is a whole number, or a numpy Generator that goes on where it stands.
"""

import functools
import itertools
import operator
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from scaletoolkit import lab

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.generic]
Seed = int | np.random.Generator

# pyarrow's default reads sixteen batches of four files ahead: gigabytes where row groups are large
SMALL_READAHEAD = {"batch_readahead": 2, "fragment_readahead": 1}


def write_row_groups(
    source: str | Path, path: str | Path, columns: list[str], row_groups: int = 100
) -> int:
    """Copy columns of a Parquet folder into one file of `row_groups` row groups. Returns its rows.

    Order is kept and rows with a gap are left out. All groups have the same number of rows; what
    remains of the division, fewer rows than there are groups, is dropped. Memory is bounded by a
    batch and a group. Raises ValueError where there are fewer rows than groups.
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
