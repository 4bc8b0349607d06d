"""What a query must read: layouts, pruning, mergeable aggregates, stragglers. Lab 01."""

import heapq
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import acero, fs

from scaletoolkit.data.batches import LayoutError, few_values, gathered
from scaletoolkit.machine import folders
from scaletoolkit.machine.disk import Reads

BUCKETS = 32
MIN_ROWS_PER_GROUP = 50_000
MAX_ROWS_PER_GROUP = 500_000
GOLDEN = 2_654_435_761  # Knuth's multiplier, 2^32 / φ: neighbouring ids land far apart
WAITING = "another lab is writing this layout"
KEYS = {
    "by day": pa.field("event_day", pa.string()),
    "by country": pa.field("country", pa.string()),
    "by user": pa.field("user_bucket", pa.int32()),
}
LAYOUTS = ["one file", *KEYS]


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
    """Write a dataset again in one of LAYOUTS. Replaces the folder as a whole and returns it.

    Row groups hold at least 50,000 rows, but a partition's last, in the source's order. Memory is
    bounded: a rare partition waits until it fills one. A second writer waits. ValueError for
    another layout, LayoutError as `write_partitions`.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"there is no layout {layout!r}; there are {', '.join(LAYOUTS)}")
    data = ds.dataset(source)
    files = map(pq.ParquetFile, data.files)  # one by one: a dataset's own reader runs far ahead
    rows = MAX_ROWS_PER_GROUP if layout == "one file" else 2 * MIN_ROWS_PER_GROUP
    batches = (batch for file in files for batch in file.iter_batches(batch_size=rows))
    if layout != "one file":
        keyed = (with_key(batch, layout) for batch in batches)
        return write_partitions(keyed, folder, KEYS[layout].name)
    with (
        folders.alone(Path(folder), WAITING),
        folders.replaced(Path(folder)) as new,
        pq.ParquetWriter(new / "part-0.parquet", data.schema, compression="zstd") as writer,
    ):
        for table in gathered(batches, MIN_ROWS_PER_GROUP):
            writer.write_table(table)
    return Path(folder)


def write_partitions(
    batches: Iterable[pa.RecordBatch],
    folder: str | Path,
    key: str,
    min_rows_per_group: int = MIN_ROWS_PER_GROUP,
) -> Path:
    """Write batches as Hive folders `key=value/`, one for each value of the column `key`.

    min_rows_per_group matters: with 0, pyarrow's default, every batch leaves a row group of its own
    in every file. Replaces the folder as a whole. LayoutError for more than 1024 values, or no row.
    """
    with folders.alone(Path(folder), WAITING), folders.replaced(Path(folder)) as new:
        _write_hive(few_values(batches, key), new, key, min_rows_per_group)
    return Path(folder)


def _write_hive(
    batches: Iterator[pa.RecordBatch], folder: str | Path, key: str, min_rows_per_group: int
) -> None:
    first = next(batches, None)
    if first is None:
        raise LayoutError("There is nothing to write: the source has no rows.")
    ds.write_dataset(
        itertools.chain([first], batches),
        folder,
        schema=first.schema,
        format="parquet",
        file_options=ds.ParquetFileFormat().make_write_options(compression="zstd"),
        partitioning=ds.partitioning(pa.schema([first.schema.field(key)]), flavor="hive"),
        min_rows_per_group=min_rows_per_group,
        max_rows_per_group=MAX_ROWS_PER_GROUP,
        preserve_order=True,
    )


def open_layout(folder: str | Path, filesystem: fs.FileSystem | None = None) -> ds.Dataset:
    """The dataset in a folder that `write_layout` wrote, with the types of its partition key."""
    folder = Path(folder)
    first = next((child.name for child in sorted(folder.iterdir()) if "=" in child.name), "")
    key = [field for field in KEYS.values() if first.startswith(f"{field.name}=")]
    partitioning = ds.partitioning(pa.schema(key), flavor="hive") if key else None
    return ds.dataset(str(folder), filesystem=filesystem, partitioning=partitioning)


def rows_per_partition(folder: str | Path) -> list[int]:
    """How many rows each file of a layout holds, from the footers alone."""
    return [pq.read_metadata(file).num_rows for file in sorted(Path(folder).rglob("*.parquet"))]


def question(about: str, value: str | int, layout: str) -> pc.Expression:
    """The rows that a question is about, by the partition key where the layout has it.

    about: "day", "country" or "user_id". Only the reader knows that a user has a bucket.
    """
    if about == "day":
        if layout == "by day":
            return pc.field("event_day") == value
        start = datetime.fromisoformat(str(value))
        time = pc.field("event_time")
        return (time >= start) & (time < start + timedelta(days=1))
    if about == "user_id" and layout == "by user":
        return (pc.field("user_bucket") == bucket_of(int(value))) & (pc.field("user_id") == value)
    return pc.field(about) == value


@dataclass(frozen=True)
class ScanReport:
    """What one query touched. Row groups are not counted: bytes say more."""

    files_read: int
    files: int
    columns_read: int
    columns: int
    size_bytes: int

    def __repr__(self) -> str:
        return (
            f"ScanReport: {self.files_read:,} of {self.files:,} files, "
            f"{self.columns_read} of {self.columns} columns, {self.size_bytes:,} bytes"
        )


def scan(
    folder: str | Path, columns: list[str], where: pc.Expression, reads: Reads
) -> tuple[pa.Table, ScanReport]:
    """Read columns of the rows that satisfy `where` from a layout, and report what was touched.

    folder: what `write_layout` wrote; where: see `question`; reads: counts every byte, footers too.
    """
    before = reads.size_bytes
    data = open_layout(folder, reads.filesystem)
    table = data.to_table(columns=columns, filter=where)
    return table, ScanReport(
        files_read=len(list(data.get_fragments(filter=where))),
        files=len(data.files),
        columns_read=len(columns),
        columns=len(data.schema.names),
        size_bytes=reads.size_bytes - before,
    )


def column_bytes(table: pa.Table, column: str, encoding: str = "PLAIN") -> int:
    """The compressed size in bytes of one column under one Parquet encoding.

    encoding: "PLAIN", "DICTIONARY" (plain where it grows too large) or another of Parquet's.
    """
    sink = pa.BufferOutputStream()
    dictionary = encoding == "DICTIONARY"
    options = {} if dictionary else {"column_encoding": encoding}
    pq.write_table(
        table.select([column]), sink, compression="zstd", use_dictionary=dictionary, **options
    )
    metadata = pq.read_metadata(pa.BufferReader(sink.getvalue()))
    groups = range(metadata.num_row_groups)
    return sum(metadata.row_group(g).column(0).total_compressed_size for g in groups)


_GROUP = ["day", "country"]
_DAY = pc.floor_temporal(pc.field("event_time"), unit="day")
_BY_DAY = acero.ProjectNodeOptions(
    [_DAY, pc.field("country"), pc.field("price_cents")], [*_GROUP, "price_cents"]
)
_SUMS = acero.AggregateNodeOptions(
    [([], "hash_count_all", None, "events"), ("price_cents", "hash_sum", None, "price_cents")],
    keys=_GROUP,
)


def partial_aggregate(
    file: str | Path | ds.Dataset, where: pc.Expression | None = None
) -> pa.Table:
    """Events and revenue by day and country of one file, folder or dataset: a small table.

    Columns day, country, events, price_cents; `where` keeps some rows only. Memory is bounded.
    """
    data = file if isinstance(file, ds.Dataset) else ds.dataset(file)
    columns = ["event_time", "country", "price_cents"]
    steps = [acero.Declaration("scan", acero.ScanNodeOptions(data, columns=columns, filter=where))]
    if where is not None:  # the scan only skips what it can rule out
        steps.append(acero.Declaration("filter", acero.FilterNodeOptions(where)))
    steps += [acero.Declaration("project", _BY_DAY), acero.Declaration("aggregate", _SUMS)]
    table = acero.Declaration.from_sequence(steps).to_table()
    # as text: dictionaries of different files number their values differently
    return table.set_column(1, "country", table["country"].cast(pa.string()))


def merge(partials: Iterable[pa.Table]) -> pa.Table:
    """One aggregate from the aggregates of parts, in any order: sums of counts and of sums."""
    table = pa.concat_tables(partials)
    sums = table.group_by(_GROUP).aggregate([("events", "sum"), ("price_cents", "sum")])
    named = sums.rename_columns([*_GROUP, "events", "price_cents"])
    return named.sort_by([(key, "ascending") for key in _GROUP])


def finish_time(work: Iterable[float], workers: int) -> float:
    """When the last of `workers` is done, if the largest piece left always goes to the first free.

    work: sizes of the pieces (any unit). The longest-processing-time rule: at most 4/3 of the best
    (R. Graham, SIAM J. Appl. Math. 17(2), 1969). Raises ValueError for less than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    free_at: list[float] = [0] * workers
    for piece in sorted(work, reverse=True):
        heapq.heapreplace(free_at, free_at[0] + piece)
    return max(free_at)
