"""A learner's own Parquet or CSV files, put in the labs' form. Labs 01 and 02."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scaletoolkit import lab
from scaletoolkit.data.events import CHUNK_ROWS


def adopt(source, folder, time, geography, entity, value=None):
    """Put a learner's own Parquet or CSV files in the labs' form. Returns the new folder (a Path).

    time, geography, entity: the columns that become event_time, country and user_id; value: an
    amount that becomes price_cents. Other columns keep their names. For New York's yellow taxi
    trips: time="tpep_pickup_datetime", geography="PULocationID", entity="VendorID",
    value="total_amount". Entities that are no whole numbers become 63-bit hashes.
    """
    data = _open(source)
    chosen = {"time": time, "geography": geography, "entity": entity}
    chosen |= {"value": value} if value else {}
    for role, column in chosen.items():
        if column not in data.schema.names:
            raise lab.LabError(
                f"The {role} column {column!r} is not in {Path(source).name}; "
                f"its columns are {', '.join(data.schema.names)}."
            )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number, batch in enumerate(data.to_batches(batch_size=CHUNK_ROWS)):
        if batch.num_rows:
            table = _adopted(pa.table(batch), **chosen).sort_by("event_time")
            pq.write_table(table, folder / f"events-{number:05}.parquet", compression="zstd")
    (folder / "_events.json").write_text(json.dumps({"keys": _middle_keys(folder)}))
    return folder


def _open(source):
    files = [str(p) for p in sorted(Path(source).rglob("*")) if p.suffix in (".parquet", ".csv")]
    kinds = {Path(file).suffix for file in files}
    if len(kinds) != 1:
        found = "both" if kinds else "neither"
        raise lab.LabError(f"{source} must hold Parquet files or CSV files; it holds {found}.")
    return ds.dataset(files, format=kinds.pop()[1:])


def _adopted(table, time, geography, entity, value=None):
    times = _cast(table, time, pa.timestamp("ms"), "a date and time")
    places = _cast(table, geography, pa.string(), "text")
    cents = _cast(table, value, pa.float64(), "a number") if value else None
    front = {
        "event_time": times,
        "arrived_at": times,
        "country": places.combine_chunks().dictionary_encode(),
        "user_id": _entity_ids(table[entity]),
        "price_cents": _whole_cents(cents, table.num_rows),
    }
    others = [name for name in table.schema.names if name not in {time, *front}]
    return pa.table(front | {name: table[name] for name in others})


def _cast(table, column, kind, words):
    try:
        cast = table[column].cast(kind, safe=not pa.types.is_timestamp(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        found = table.schema.field(column).type
        raise lab.LabError(
            f"The column {column!r} should hold {words}; it holds {found}."
        ) from None
    if cast.null_count == len(cast):
        raise lab.LabError(
            f"The column {column!r} should hold {words}; all its values are missing."
        )
    return cast


def _whole_cents(amounts, rows):
    if amounts is None:
        return pa.array(np.zeros(rows, np.int64))
    return pc.round(pc.multiply(pc.fill_null(amounts, 0.0), 100)).cast(pa.int64())


def _entity_ids(column):
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    texts = column.cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    hashes = [
        int.from_bytes(hashlib.blake2b((text or "").encode(), digest_size=8).digest()) >> 1
        for text in texts.dictionary.to_pylist()
    ]
    return pa.array(hashes, pa.int64()).take(texts.indices)


def _middle_keys(folder):
    """Keys that exist: day and user of a row in the middle, and the country of middle size."""
    data = ds.dataset(folder)
    row = data.take([data.count_rows() // 2], columns=["event_time", "user_id"]).to_pylist()[0]
    places = data.to_table(columns=["country"]).group_by("country").aggregate([([], "count_all")])
    places = places.sort_by("count_all")["country"].to_pylist()
    return {
        "day": f"{row['event_time']:%Y-%m-%d}",
        "country": places[len(places) // 2],
        "user_id": row["user_id"],
    }
