"""A learner's own Parquet or CSV files, put in the labs' form. Labs 01 and 02."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scaletoolkit import lab
from scaletoolkit.data.events.files import DESCRIPTION
from scaletoolkit.data.events.generator import CHUNK_ROWS
from scaletoolkit.machine import folders


class Roles(NamedTuple):
    """Which of a learner's columns plays which part; there may be no value."""

    time: str
    geography: str
    entity: str
    value: str | None


def adopt(
    source: str | Path,
    folder: str | Path,
    time: str,
    geography: str,
    entity: str,
    value: str | None = None,
) -> Path:
    """Put a learner's own Parquet or CSV files in the labs' form. Returns the new folder.

    time, geography, entity: the columns that become event_time, country and user_id, a hash where
    it is no whole number. value: an amount that becomes price_cents. For New York's yellow taxis:
    time="tpep_pickup_datetime", geography="PULocationID", entity="VendorID", value="total_amount".
    An earlier adopted folder is replaced. LabError for files or columns that cannot be adopted.
    """
    roles = Roles(time, geography, entity, value)
    folder = Path(folder)
    _check_target(Path(source), folder)
    data = _open(source)
    for role, column in roles._asdict().items():
        if column and column not in data.schema.names:
            there = f"{Path(source).name}; its columns are {', '.join(data.schema.names)}"
            raise lab.LabError(f"The {role} column {column!r} is not in {there}.")
    label = f"another process is writing {folder.name}"
    with folders.alone(folder, label), folders.replaced(folder) as partial:
        _write(data, partial, roles)
    return folder


def _check_target(source: Path, folder: Path) -> None:
    """Raise LabError where writing the folder would remove anything but an adopted data set."""
    there = source.resolve()
    target = folder.resolve()
    if there.is_relative_to(target) or target.is_relative_to(there):
        why = f"{folder} is {source}, or one holds the other"
        raise lab.LabError(f"The adopted data needs a folder of its own: {why}.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    description = folder / DESCRIPTION
    if not description.exists() or "generator" in json.loads(description.read_text() or "{}"):
        raise lab.LabError(f"{folder} holds other files; adopted data needs a folder of its own.")


def _open(source: str | Path) -> ds.Dataset:
    files = [str(p) for p in sorted(Path(source).rglob("*")) if p.suffix in (".parquet", ".csv")]
    kinds = {Path(file).suffix for file in files}
    if len(kinds) != 1:
        held = "both" if kinds else "neither"
        raise lab.LabError(f"{source} must hold Parquet files or CSV files; it holds {held}.")
    return ds.dataset(files, format=kinds.pop()[1:])


def _write(data: ds.Dataset, folder: Path, roles: Roles) -> None:
    for number, batch in enumerate(data.to_batches(batch_size=CHUNK_ROWS)):
        if batch.num_rows:
            table = _adopted(pa.table(batch), roles).sort_by("event_time")
            pq.write_table(table, folder / f"events-{number:05}.parquet", compression="zstd")
    (folder / DESCRIPTION).write_text(json.dumps({"keys": _middle_keys(folder)}))


def _adopted(table: pa.Table, roles: Roles) -> pa.Table:
    """The batch in the labs' form: the columns of `events.REQUIRED`, then the learner's others."""
    times = _cast(table, roles.time, pa.timestamp("ms"), "a date and time")
    places = _cast(table, roles.geography, pa.string(), "text")
    front = {
        "event_time": times,
        "arrived_at": times,
        "country": places.combine_chunks().dictionary_encode(),
        "user_id": _entity_ids(table[roles.entity]),
        "price_cents": _whole_cents(table, roles.value),
    }
    others = [name for name in table.schema.names if name not in {roles.time, *front}]
    return pa.table(front | {name: table[name] for name in others})


def _cast(table: pa.Table, column: str, kind: pa.DataType, words: str) -> pa.ChunkedArray:
    """The column as this Arrow type; LabError, with what it should hold in words, if it cannot."""
    expected = f"The column {column!r} should hold {words};"
    try:
        cast = table[column].cast(kind, safe=not pa.types.is_timestamp(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise lab.LabError(f"{expected} it holds {table[column].type}.") from None
    if cast.null_count == len(cast):
        raise lab.LabError(f"{expected} all its values are missing.")
    return cast


def _whole_cents(table: pa.Table, value: str | None) -> pa.Array | pa.ChunkedArray:
    """The amounts in whole cents, a missing one as 0; all 0 where no column holds amounts."""
    if value is None:
        return pa.repeat(0, table.num_rows)
    amounts = _cast(table, value, pa.float64(), "a number")
    return pc.round(pc.multiply(pc.fill_null(amounts, 0.0), 100)).cast(pa.int64())


def _entity_ids(column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Whole numbers as they are; of anything else a hash of its text."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    texts = column.cast(pa.string()).combine_chunks().dictionary_encode()
    hashes = [
        int.from_bytes(hashlib.blake2b((text or "").encode(), digest_size=8).digest()) >> 1
        for text in texts.dictionary.to_pylist()
    ]
    return pa.array(hashes, pa.int64()).take(texts.indices)


def _middle_keys(folder: Path) -> dict[str, str | int]:
    """Keys that exist: day and user of a row in the middle, and the country of middle size."""
    data = ds.dataset(folder)
    row = data.take([data.count_rows() // 2], columns=["event_time", "user_id"]).to_pylist()[0]
    # as text: each file numbers its places in its own way
    places = data.to_table(columns={"country": ds.field("country").cast(pa.string())})
    sizes = places.group_by("country").aggregate([([], "count_all")]).sort_by("count_all")
    by_size = sizes["country"].to_pylist()
    return {
        "day": f"{row['event_time']:%Y-%m-%d}",
        "country": by_size[len(by_size) // 2],
        "user_id": row["user_id"],
    }
