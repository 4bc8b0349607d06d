"""What a query must read: layouts, pruning, mergeable aggregates, stragglers. Lab 01."""

import heapq
import itertools
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import acero

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


def bucket_of(user_id, buckets=BUCKETS):
    """The bucket (0 … buckets - 1) of a user id; of an Arrow array, an Arrow array of buckets."""
    mixed = pc.bit_wise_and(pc.multiply(pc.bit_wise_and(user_id, 0x7FFFFFFF), GOLDEN), 0xFFFFFFFF)
    found = pc.shift_right(pc.multiply(pc.shift_right(mixed, 8), buckets), 24).cast(pa.int32())
    return found.as_py() if isinstance(found, pa.Scalar) else found


def with_key(batch, layout):
    """The batch with the column that the layout partitions by, where the data lacks it."""
    if layout == "by day":
        return batch.append_column("event_day", pc.strftime(batch["event_time"], "%Y-%m-%d"))
    if layout == "by user":
        return batch.append_column("user_bucket", bucket_of(batch["user_id"]))
    return batch


def write_layout(source, folder, layout):
    """Write a dataset again in one of LAYOUTS. Replaces the folder; returns it as a Path.

    Row groups hold at least 50,000 rows where a partition has so many, and rows keep the source's
    order, so the same source gives the same files. Memory is bounded: the rarest partition holds
    on to its batches until it has a row group's worth.
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


def _batches(data, rows):
    """Batches in order, one file after the other: a dataset's own reader runs far ahead."""
    for file in data.files:
        yield from pq.ParquetFile(file).iter_batches(batch_size=rows)


def _write_one_file(batches, schema, folder):
    folder.mkdir(parents=True)
    with pq.ParquetWriter(folder / "part-0.parquet", schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
    return folder


def write_partitions(batches, folder, key, min_rows_per_group=MIN_ROWS_PER_GROUP):
    """Write batches as Hive folders `key=value/`, one for each value of the column `key`.

    min_rows_per_group matters: with 0, pyarrow's default, every batch leaves a row group of its own
    in every file. More than 1024 values of the key raise LayoutError. Returns the folder.
    """
    batches = iter(batches)
    first = next(batches)
    reader = pa.RecordBatchReader.from_batches(first.schema, itertools.chain([first], batches))
    try:
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
    except pa.ArrowInvalid as error:
        if "partitions" not in str(error):
            raise
        raise LayoutError(
            f"{key!r} has more than 1024 different values: a folder for each is too many. "
            "Put the values into buckets first."
        ) from None
    return Path(folder)


class LayoutError(lab.LabError, ValueError):
    """A layout that cannot be written; the sentence says why."""


def open_layout(folder, filesystem=None):
    """The dataset in a folder that `write_layout` wrote, with the types of its partition key."""
    folder = Path(folder)
    first = next((child.name for child in sorted(folder.iterdir()) if "=" in child.name), "")
    key = [field for field in KEYS.values() if first.startswith(f"{field.name}=")]
    partitioning = ds.partitioning(pa.schema(key), flavor="hive") if key else None
    return ds.dataset(str(folder), filesystem=filesystem, partitioning=partitioning)


def question(about, value, layout):
    """The rows that a question is about, as an Arrow expression that suits the layout.

    about: "day", "country" or "user_id". Only the reader knows that a day has a folder and a user
    a bucket, so the expression names the partition key where the layout has it.
    """
    if about == "day":
        if layout == "by day":
            return pc.field("event_day") == value
        start = datetime.fromisoformat(value)
        return (pc.field("event_time") >= start) & (
            pc.field("event_time") < start + timedelta(days=1)
        )
    if about == "user_id" and layout == "by user":
        return (pc.field("user_bucket") == bucket_of(value)) & (pc.field("user_id") == value)
    return pc.field(about) == value


@dataclass(frozen=True)
class ScanReport:
    """What one query touched. Row groups are not counted: bytes say more."""

    rows: int
    files_read: int
    files: int
    columns_read: int
    columns: int
    size_bytes: int

    def __repr__(self):
        return (
            f"ScanReport: {self.files_read:,} of {self.files:,} files, "
            f"{self.columns_read} of {self.columns} columns, {self.size_bytes:,} bytes"
        )


def scan(folder, columns, where, reads):
    """Read columns of the rows that satisfy `where` from a layout: (table, ScanReport).

    reads: a `disk.Reads`; every byte goes through its file system, footers included.
    """
    before = reads.size_bytes
    data = open_layout(folder, reads.filesystem)
    touched = list(data.get_fragments(filter=where))
    table = data.to_table(columns=columns, filter=where)
    report = ScanReport(
        rows=table.num_rows,
        files_read=len(touched),
        files=len(data.files),
        columns_read=len(columns),
        columns=len(data.schema.names),
        size_bytes=reads.size_bytes - before,
    )
    return table, report


def partial_aggregate(file, where=None):
    """Events and revenue by day and country of one file, folder or dataset: a small Arrow table.

    Columns day, country, events, price_cents; `where` keeps some rows only. Streams: memory does
    not grow with the data.
    """
    data = file if isinstance(file, ds.Dataset) else ds.dataset(file)
    kept = {} if where is None else {"filter": where}
    steps = [acero.Declaration("scan", acero.ScanNodeOptions(data, columns=_NEEDED, **kept))]
    if where is not None:  # the scan only skips what it can rule out
        steps.append(acero.Declaration("filter", acero.FilterNodeOptions(where)))
    by_day = acero.ProjectNodeOptions(list(_BY_DAY.values()), list(_BY_DAY))
    steps.append(acero.Declaration("project", by_day))
    steps.append(acero.Declaration("aggregate", _sums(counting="hash_count_all")))
    return _as_text(acero.Declaration.from_sequence(steps).to_table())


def merge(partials):
    """One aggregate from the aggregates of parts, in any order: sums of counts and of sums."""
    table = pa.concat_tables(partials)
    declaration = acero.Declaration.from_sequence(
        [
            acero.Declaration("table_source", acero.TableSourceNodeOptions(table)),
            acero.Declaration("aggregate", _sums(counting="hash_sum")),
        ]
    )
    return declaration.to_table().sort_by([("day", "ascending"), ("country", "ascending")])


_NEEDED = {name: pc.field(name) for name in ("event_time", "country", "price_cents")}
_BY_DAY = {
    "day": pc.floor_temporal(pc.field("event_time"), unit="day"),
    "country": pc.field("country"),
    "price_cents": pc.field("price_cents"),
}


def _sums(counting):
    counted = [] if counting == "hash_count_all" else "events"
    return acero.AggregateNodeOptions(
        [
            (counted, counting, None, "events"),
            ("price_cents", "hash_sum", None, "price_cents"),
        ],
        keys=["day", "country"],
    )


def _as_text(table):
    """Country as plain text: dictionaries of different files number their values differently."""
    place = table.schema.get_field_index("country")
    return table.set_column(place, "country", table["country"].cast(pa.string()))


def column_bytes(table, column, encoding="PLAIN"):
    """The compressed size in bytes of one column under one Parquet encoding.

    encoding: "PLAIN", "DICTIONARY" (falls back to plain when the dictionary grows too large),
    "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT" or another that Parquet has for the column's type.
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


def rows_per_partition(folder):
    """How many rows each file of a layout holds: a list, from the footers alone."""
    files = sorted(str(path) for path in Path(folder).rglob("*.parquet"))
    return [pq.read_metadata(file).num_rows for file in files]


def finish_time(work, workers):
    """When the last of `workers` is done, if the largest piece left always goes to the first free.

    work: sizes of the pieces (any unit). The longest-processing-time rule: at most 4/3 of the best
    (R. Graham, SIAM J. Appl. Math. 17(2), 1969). Simulated, so no machine is needed.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    free_at = [0] * workers
    for piece in sorted(work, reverse=True):
        heapq.heapreplace(free_at, free_at[0] + piece)
    return max(free_at)
