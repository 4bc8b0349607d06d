"""Totals that follow updates and deletes, on Delta Lake's change data feed. Part; lab 02.

A changed row comes as two signed ones: what it was (−1) and what it is (+1). Counts and sums can
take a row back; a HyperLogLog sketch cannot, so it stays out of here. The version up to which the
totals count travels in the same Delta commit as the totals: exactly once, whenever the job dies.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

APPLICATION = "daily-totals"
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


def append(file, events):
    """Append a Parquet file of events to the Delta table `events`, made when missing.

    The table keeps a change data feed. Rows stream through; one append is one version.
    """
    columns = {field.name: ds.field(field.name).cast(field.type) for field in EVENTS}
    rows = ds.dataset(file).scanner(columns=columns).to_reader()
    feed = {"delta.enableChangeDataFeed": "true"}
    write_deltalake(events, rows, mode="append", configuration=feed)


def signs(change_types):
    """+1 for each row that came, −1 for each that went: an int64 array.

    change_types: the feed's `_change_type` column, an Arrow array of texts.
    """
    found = pc.index_in(change_types.cast(pa.string()), pa.array(SIGN.keys()))
    if found.null_count:
        raise ValueError(f"a change is one of {', '.join(SIGN)}; the feed holds something else")
    return pa.array(SIGN.values()).take(found)


def _batch_totals(batch, sign):
    """Signed events and cents by day and country of one record batch, in TOTALS' form."""
    columns = [
        batch["event_time"].cast(pa.date32()),
        batch["country"].cast(pa.string()),
        sign,
        pc.multiply(batch["price_cents"], sign),
    ]
    return _grouped([pa.table(columns, schema=TOTALS)])


def _grouped(parts):
    """Tables in TOTALS' form as one, sorted; groups that add up to nothing are left out.

    An updated row adds up to no event but still to cents, so both must be zero.
    """
    rows = pa.concat_tables([TOTALS.empty_table(), *parts])
    sums = rows.group_by(KEYS).aggregate([("events", "sum"), ("cents", "sum")])
    sums = sums.select([*KEYS, "events_sum", "cents_sum"]).rename_columns(TOTALS.names)
    left = sums.filter((pc.field("events") != 0) | (pc.field("cents") != 0))
    return left.sort_by([(key, "ascending") for key in KEYS]).cast(TOTALS)


def done_version(totals):
    """The version of the events up to which the Delta table `totals` counts; -1 where none is."""
    if not DeltaTable.is_deltatable(str(totals)):
        return -1
    return DeltaTable(totals).transaction_version(APPLICATION)


@dataclass(frozen=True)
class Followed:
    """What a run of `follow` did."""

    versions: int
    changed_rows: int

    def __repr__(self):
        return f"Followed: {self.versions} new versions, {self.changed_rows:,} changed rows"


def follow(events, totals):
    """Bring the Delta table `totals` up to the newest version of `events`: a Followed.

    Reads the changed rows only. The totals and the version they count to are one commit.
    """
    done, newest = done_version(totals), DeltaTable(events).version()
    if done == newest:
        return Followed(0, 0)
    feed = _changes(events, done + 1, newest)
    parts, changed_rows = [read(totals)] if done >= 0 else [], 0
    for batch in feed:
        parts.append(_batch_totals(batch, signs(batch["_change_type"])))
        changed_rows += batch.num_rows
    mark = CommitProperties(app_transactions=[Transaction(APPLICATION, newest)])
    write_deltalake(totals, _grouped(parts), mode="overwrite", commit_properties=mark)
    return Followed(newest - done, changed_rows)


def _changes(events, first, last):
    feed = DeltaTable(events).load_cdf(
        starting_version=first, ending_version=last, columns=[*COLUMNS, "_change_type"]
    )
    return pa.RecordBatchReader.from_stream(feed)


def read(totals):
    """The Delta table `totals` as an Arrow table, sorted by day and country."""
    return _grouped([DeltaTable(totals).to_pyarrow_table().cast(TOTALS)])


def sums(totals):
    """All events and all cents that the Delta table `totals` holds: [events, cents]."""
    table = read(totals)
    return [sum(table[column].to_pylist()) for column in ("events", "cents")]


def recompute(events):
    """The totals from every row of `events`, as if nothing had been counted yet: an Arrow table."""
    rows = DeltaTable(events).to_pyarrow_dataset()
    return _grouped(
        _batch_totals(batch, pa.array(np.ones(batch.num_rows, np.int64)))
        for batch in rows.to_batches(columns=COLUMNS)
    )
