"""The same rows in another order and other files. Lab 01."""

import itertools
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import overload

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from scaletoolkit import lab

BUCKETS = 32
MIN_ROWS_PER_GROUP = 50_000
MAX_ROWS_PER_GROUP = 500_000
GOLDEN = 2_654_435_761  # Knuth's multiplier, 2^32 / φ: neighbouring ids land far apart
KEYS = {
    "by day": pa.field("event_day", pa.string()),
    "by country": pa.field("country", pa.string()),
    "by user": pa.field("user_bucket", pa.int32()),
}
LAYOUTS = ["one file", *KEYS]


@overload
def bucket_of(user_id: int, buckets: int = BUCKETS) -> int: ...
@overload
def bucket_of(user_id: pa.Array, buckets: int = BUCKETS) -> pa.Array: ...
def bucket_of(user_id: int | pa.Array, buckets: int = BUCKETS) -> int | pa.Array:
    """The bucket (0 … buckets - 1) of a user id, or of each user id of an Arrow array."""
    mixed = pc.bit_wise_and(pc.multiply(pc.bit_wise_and(user_id, 0x7FFFFFFF), GOLDEN), 0xFFFFFFFF)
    bucket = pc.shift_right(pc.multiply(pc.shift_right(mixed, 8), buckets), 24).cast(pa.int32())
    return bucket.as_py() if isinstance(bucket, pa.Scalar) else bucket


def with_key(batch: pa.RecordBatch, layout: str) -> pa.RecordBatch:
    """The batch with the column that the layout partitions by, where the data lacks it."""
    if layout == "by day":
        return batch.append_column("event_day", pc.strftime(batch["event_time"], "%Y-%m-%d"))
    if layout == "by user":
        return batch.append_column("user_bucket", bucket_of(batch["user_id"]))
    return batch


def write_layout(source: str | Path, folder: str | Path, layout: str) -> Path:
    """Write a dataset again in one of LAYOUTS. Replaces the folder and returns it.

    Row groups hold at least 50,000 rows where a partition has so many, and rows keep the source's
    order, so the same source gives the same files. Memory is bounded: the rarest partition holds
    on to its batches until it has a row group's worth. Raises ValueError for another layout.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"there is no layout {layout!r}; there are {', '.join(LAYOUTS)}")
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    data = ds.dataset(source)
    if layout == "one file":
        return _write_one_file(_batches(data, MAX_ROWS_PER_GROUP), data.schema, folder)
    keyed = (with_key(batch, layout) for batch in _batches(data, 2 * MIN_ROWS_PER_GROUP))
    return write_partitions(keyed, folder, KEYS[layout].name)


def _batches(data: ds.Dataset, rows: int) -> Iterator[pa.RecordBatch]:
    """Batches in order, one file after the other: a dataset's own reader runs far ahead."""
    for file in data.files:
        yield from pq.ParquetFile(file).iter_batches(batch_size=rows)


def _write_one_file(batches: Iterable[pa.RecordBatch], schema: pa.Schema, folder: Path) -> Path:
    folder.mkdir(parents=True)
    with pq.ParquetWriter(folder / "part-0.parquet", schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
    return folder


def write_partitions(
    batches: Iterable[pa.RecordBatch],
    folder: str | Path,
    key: str,
    min_rows_per_group: int = MIN_ROWS_PER_GROUP,
) -> Path:
    """Write batches as Hive folders `key=value/`, one for each value of the column `key`.

    min_rows_per_group matters: with 0, pyarrow's default, every batch leaves a row group of its own
    in every file. More than 1024 values of the key raise LayoutError. Returns the folder.
    """
    try:
        _write_hive(iter(batches), folder, key, min_rows_per_group)
    except pa.ArrowInvalid as error:
        if "partitions" not in str(error):
            raise
        raise LayoutError(
            f"{key!r} has more than 1024 different values: a folder for each is too many. "
            "Put the values into buckets first."
        ) from None
    return Path(folder)


def _write_hive(
    batches: Iterator[pa.RecordBatch], folder: str | Path, key: str, min_rows_per_group: int
) -> None:
    first = next(batches)
    reader = pa.RecordBatchReader.from_batches(first.schema, itertools.chain([first], batches))
    ds.write_dataset(
        reader,
        folder,
        format="parquet",
        file_options=ds.ParquetFileFormat().make_write_options(compression="zstd"),
        partitioning=ds.partitioning(pa.schema([first.schema.field(key)]), flavor="hive"),
        min_rows_per_group=min_rows_per_group,
        max_rows_per_group=MAX_ROWS_PER_GROUP,
        preserve_order=True,
    )


class LayoutError(lab.LabError, ValueError):
    """A layout that cannot be written; the sentence says why."""


def open_layout(folder: str | Path, filesystem: fs.FileSystem | None = None) -> ds.Dataset:
    """The dataset in a folder that `write_layout` wrote, with the types of its partition key."""
    folder = Path(folder)
    first = next((child.name for child in sorted(folder.iterdir()) if "=" in child.name), "")
    key = [field for field in KEYS.values() if first.startswith(f"{field.name}=")]
    partitioning = ds.partitioning(pa.schema(key), flavor="hive") if key else None
    return ds.dataset(str(folder), filesystem=filesystem, partitioning=partitioning)


def rows_per_partition(folder: str | Path) -> list[int]:
    """How many rows each file of a layout holds, from the footers alone."""
    files = sorted(str(path) for path in Path(folder).rglob("*.parquet"))
    return [pq.read_metadata(file).num_rows for file in files]
