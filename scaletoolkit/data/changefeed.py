"""Totals that follow updates and deletes, on Delta Lake's change data feed. Lab 02.

A changed row comes as two signed ones: what it was (−1) and what it is (+1). The version up to
which the totals count is in the same Delta commit: exactly once, whenever the job dies.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from scaletoolkit.machine import folders

APPLICATION = "daily-totals"
WAITING = "another job is at work on these totals"
SIGN = {"insert": 1, "update_postimage": 1, "update_preimage": -1, "delete": -1}
KEYS = ["day", "country"]
COLUMNS = ["event_time", "country", "price_cents"]
EVENTS = pa.schema(
    [
        ("event_time", pa.timestamp("us")),
        ("country", pa.string()),
        ("user_id", pa.int64()),
        ("price_cents", pa.int64()),
    ]
)
TOTALS = pa.schema(
    [("day", pa.date32()), ("country", pa.string()), ("events", pa.int64()), ("cents", pa.int64())]
)


def append(file: str | Path, events: str | Path) -> None:
    """Append a Parquet file of events to the Delta table `events`, made when missing.

    The table keeps a change data feed. Rows stream through; one append is one version.
    """
    columns = {field.name: ds.field(field.name).cast(field.type) for field in EVENTS}
    rows = ds.dataset(file).scanner(columns=columns).to_reader()
    feed = {"delta.enableChangeDataFeed": "true"}
    write_deltalake(events, rows, mode="append", configuration=feed)


def signs(change_types: pa.Array) -> pa.Array:
    """+1 for each row that came, −1 for each that went.

    change_types: the feed's `_change_type` column. Raises ValueError for one of another name.
    """
    places = pc.index_in(change_types.cast(pa.string()), pa.array(SIGN.keys()))
    if places.null_count:
        unknown = change_types.filter(places.is_null())[0].as_py()
        raise ValueError(f"a change is one of {', '.join(SIGN)}; the feed holds {unknown!r}")
    return pa.array(SIGN.values()).take(places)


def _batch_totals(batch: pa.RecordBatch, sign: pa.Array) -> pa.Table:
    """Signed events and cents by day and country of one record batch, in TOTALS' form.

    An event without a price is one event, and no cents.
    """
    columns = [
        batch["event_time"].cast(pa.date32()),
        batch["country"].cast(pa.string()),
        sign,
        pc.multiply(pc.fill_null(batch["price_cents"], 0), sign),
    ]
    return _grouped([pa.table(columns, schema=TOTALS)])


def _grouped(parts: Iterable[pa.Table]) -> pa.Table:
    """Tables in TOTALS' form as one, sorted; groups that add up to nothing are left out.

    An updated row adds up to no event but still to cents, so both must be zero.
    """
    rows = pa.concat_tables([TOTALS.empty_table(), *parts])
    sums = rows.group_by(KEYS).aggregate([("events", "sum"), ("cents", "sum")])
    sums = sums.select([*KEYS, "events_sum", "cents_sum"]).rename_columns(TOTALS.names)
    left = sums.filter((pc.field("events") != 0) | (pc.field("cents") != 0))
    return left.sort_by([(key, "ascending") for key in KEYS]).cast(TOTALS)


def done_version(totals: str | Path) -> int:
    """The version of the events up to which the Delta table `totals` counts; -1 where none is."""
    return _version(_opened(totals))


def _opened(totals: str | Path) -> DeltaTable | None:
    return DeltaTable(totals) if DeltaTable.is_deltatable(str(totals)) else None


def _version(totals: DeltaTable | None) -> int:
    version = totals.transaction_version(APPLICATION) if totals else None
    return -1 if version is None else version


@dataclass(frozen=True)
class Followed:
    """What a run of `follow` did."""

    versions: int
    changed_rows: int

    def __repr__(self) -> str:
        return f"Followed: {self.versions} new versions, {self.changed_rows:,} changed rows"


def follow(events: str | Path, totals: str | Path) -> Followed:
    """Bring the Delta table `totals` up to the newest version of `events`.

    Reads the changed rows only. The totals and the version they count to are one commit. A second
    job on this machine waits; of two elsewhere the slower one ends in deltalake's
    CommitFailedError, and has changed nothing.
    """
    local = "://" not in str(totals)
    with folders.alone(Path(totals), WAITING) if local else contextlib.nullcontext():
        return _follow(DeltaTable(events), totals)


def _follow(events: DeltaTable, totals: str | Path) -> Followed:
    """What is read, counted and replaced is one state of the totals, else the commit fails."""
    table = _opened(totals)
    done = _version(table)
    newest = events.version()
    if done == newest:
        return Followed(0, 0)
    changes = events.load_cdf(
        starting_version=done + 1, ending_version=newest, columns=[*COLUMNS, "_change_type"]
    )
    parts = [_rows(table)] if table and done >= 0 else []
    changed_rows = 0
    for batch in pa.RecordBatchReader.from_stream(changes):
        parts.append(_batch_totals(batch, signs(batch["_change_type"])))
        changed_rows += batch.num_rows
    mark = CommitProperties(app_transactions=[Transaction(APPLICATION, newest)])
    write_deltalake(table or totals, _grouped(parts), mode="overwrite", commit_properties=mark)
    return Followed(newest - done, changed_rows)


def read(totals: str | Path) -> pa.Table:
    """The Delta table `totals`, sorted by day and country."""
    return _rows(DeltaTable(totals))


def _rows(totals: DeltaTable) -> pa.Table:
    return _grouped([totals.to_pyarrow_table().cast(TOTALS)])


def sums(totals: str | Path) -> list[int]:
    """All events and all cents that the Delta table `totals` holds: [events, cents]."""
    table = read(totals)
    return [sum(table[column].to_pylist()) for column in ("events", "cents")]


def recompute(events: str | Path) -> pa.Table:
    """The totals from every row of `events`, as if nothing had been counted yet."""
    rows = DeltaTable(events).to_pyarrow_dataset()
    return _grouped(
        _batch_totals(batch, pa.repeat(1, batch.num_rows))
        for batch in rows.to_batches(columns=COLUMNS)
    )
