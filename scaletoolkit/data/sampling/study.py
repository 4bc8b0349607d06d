"""One file of equal row groups to draw from, and its row groups. Lab 02."""

import functools
import itertools
import operator
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from scaletoolkit import lab

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
