"""A batch of a learner's rows in the labs' form; what cannot take it is left out, and told."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from scaletoolkit import lab
from scaletoolkit.data.events import REQUIRED
from scaletoolkit.data.own.sources import plain

# names that the labs' layouts give, beside those that they read
TAKEN = {*REQUIRED, "event_day", "user_bucket"}
LARGEST_AMOUNT = 1e9
SAME = [types.is_boolean, types.is_signed_integer, types.is_float32, types.is_float64]
SAME += [types.is_string, types.is_date32]
TIMES = (types.is_timestamp, types.is_date, types.is_string, types.is_null)
TO_MS = pc.CastOptions(pa.timestamp("ms"), allow_time_truncate=True)  # unlike safe=False, no wraps
FIRST = pa.scalar(datetime.min, pa.timestamp("ms"))
LAST = pa.scalar(datetime(9999, 12, 31), pa.timestamp("ms"))
CONVERTED = {
    types.is_unsigned_integer: pa.int64(),
    types.is_float16: pa.float32(),
    types.is_decimal: pa.float64(),
    types.is_timestamp: pa.timestamp("ms"),
    types.is_date64: pa.date32(),
}


class Roles(NamedTuple):
    """Which of a learner's columns plays which part; there may be no value."""

    time: str
    geography: str
    entity: str
    value: str | None

    def named(self) -> Iterator[tuple[str, str]]:
        """The roles that a column plays: (role, column)."""
        for role, column in self._asdict().items():
            if column is not None:
                yield role, column


def kept_columns(schema: pa.Schema, roles: Roles) -> dict[str, pa.DataType]:
    """The learner's other columns that text, Parquet and ORC can all hold, each with its type."""
    kept = {}
    for field in schema:
        kind = _kept_type(field.type)
        if kind is not None and field.name and field.name not in TAKEN | {roles.time}:
            kept[field.name] = kind
    return kept


def _kept_type(kind: pa.DataType) -> pa.DataType | None:
    kind = plain(kind)
    if kind == pa.uint64():
        return None
    if any(is_kind(kind) for is_kind in SAME):
        return kind
    return next((target for is_kind, target in CONVERTED.items() if is_kind(kind)), None)


def in_form(table: pa.Table, roles: Roles, others: dict[str, pa.DataType]) -> pa.Table:
    """The columns of `events.REQUIRED`, the country still as text, then the others.

    Rows without a time, a place, an entity or an amount are left out. LabError names a column
    whose values cannot play their part.
    """
    times = _times(table, roles.time)
    front = {
        "event_time": times,
        "arrived_at": times,
        "country": _texts(table, roles.geography),
        "user_id": _entity_ids(table, roles.entity),
        "price_cents": _whole_cents(table, roles.value),
    }
    rest = {name: _wall_clock(table[name]).cast(kind, safe=False) for name, kind in others.items()}
    rows = pa.table(front | rest)
    whole = pc.is_valid(rows["event_time"])
    for name in REQUIRED[2:]:
        whole = pc.and_(whole, pc.is_valid(rows[name]))
    return rows.filter(whole)


def _wrong(table: pa.Table, column: str, words: str) -> lab.LabError:
    """The sentence about a column that does not hold what it should; with its first value."""
    values = table[column].drop_null()
    shown = f", for example {str(values[0].as_py())[:40]!r}" if len(values) else ""
    return lab.LabError(
        f"The column {column!r} should hold {words}; it holds {table[column].type}{shown}."
    )


def _wall_clock(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times with a zone as the clock on the wall showed them there; all others as they are."""
    zoned = types.is_timestamp(column.type) and column.type.tz
    return pc.local_timestamp(column) if zoned else column


def _times(table: pa.Table, column: str) -> pa.ChunkedArray:
    words = "a date and time"
    kind = table[column].type
    if not any(is_kind(kind) for is_kind in TIMES):
        raise _wrong(table, column, words)
    try:
        times = pc.cast(_wall_clock(table[column]), options=TO_MS)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise _wrong(table, column, words) from None
    if pc.any(pc.or_(pc.less(times, FIRST), pc.greater(times, LAST))).as_py():
        raise lab.LabError(f"The column {column!r} holds times outside the years 1 to 9999.")
    return times


def _texts(table: pa.Table, column: str) -> pa.ChunkedArray:
    """The column as text; null where there is none."""
    values = table[column]
    if types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    try:
        texts = values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise _wrong(table, column, "text or numbers") from None
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _entity_ids(table: pa.Table, column: str) -> pa.ChunkedArray | pa.Array:
    """Whole numbers as they are; of anything else a hash of its text."""
    if types.is_integer(table[column].type):
        return table[column].cast(pa.int64(), safe=False)  # uint64 wraps: still one for one
    texts = _texts(table, column).combine_chunks().dictionary_encode()
    hashes = [
        int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1
        for text in texts.dictionary.to_pylist()
    ]
    return pa.array(hashes, pa.int64()).take(texts.indices)


def _whole_cents(table: pa.Table, column: str | None) -> pa.ChunkedArray | pa.Array:
    """The amounts in whole cents; all 0 where no column holds amounts."""
    if column is None:
        return pa.repeat(0, table.num_rows)
    try:
        amounts = table[column].cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise _wrong(table, column, "a number") from None
    amounts = pc.if_else(pc.is_finite(amounts), amounts, None)
    largest = pc.max(pc.abs(amounts)).as_py()
    if largest is not None and largest > LARGEST_AMOUNT:
        raise lab.LabError(f"The column {column!r} holds {largest:g}, too large for an amount.")
    return pc.round(pc.multiply(amounts, 100)).cast(pa.int64())
