"""What one query reads of a layout: files, columns, bytes. Lab 01."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scaletoolkit.data.partitions.layouts import bucket_of, open_layout
from scaletoolkit.machine.disk import Reads


def question(about: str, value: str | int, layout: str) -> pc.Expression:
    """The rows that a question is about, in the form that suits the layout.

    about: "day", "country" or "user_id". Only the reader knows that a day has a folder and a user
    a bucket, so the expression names the partition key where the layout has it.
    """
    if about == "day":
        if layout == "by day":
            return pc.field("event_day") == value
        start = datetime.fromisoformat(str(value))
        return (pc.field("event_time") >= start) & (
            pc.field("event_time") < start + timedelta(days=1)
        )
    if about == "user_id" and layout == "by user":
        return (pc.field("user_bucket") == bucket_of(int(value))) & (pc.field("user_id") == value)
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

    def __repr__(self) -> str:
        return (
            f"ScanReport: {self.files_read:,} of {self.files:,} files, "
            f"{self.columns_read} of {self.columns} columns, {self.size_bytes:,} bytes"
        )


def scan(
    folder: str | Path, columns: list[str], where: pc.Expression, reads: Reads
) -> tuple[pa.Table, ScanReport]:
    """Read columns of the rows that satisfy `where` from a layout, and report what was touched.

    folder: what `write_layout` wrote; where: for example what `question` returns; reads: counts
    every byte, footers included.
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


def column_bytes(table: pa.Table, column: str, encoding: str = "PLAIN") -> int:
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
