# /// script
# dependencies = ["feast==0.67.0"]
# ///
"""The rows in Feast's local online store (SQLite): python feast_store.py FOLDER.

FOLDER holds rows.parquet (id, event_timestamp, the features) and wanted.json ({size: [ids, …]}, a
list of lists for each size). Prints {"load_s", "bytes", "calls_ms": {size: [ms, …]}} as JSON.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float32


def opened(folder, names):
    """A store that knows of the rows and has none of them online."""
    online = {"type": "sqlite", "path": str(folder / "online.db")}
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store=online,
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    entity = Entity(name="id", join_keys=["id"], value_type=ValueType.INT64)
    source = FileSource(path=str(folder / "rows.parquet"), timestamp_field="event_timestamp")
    fields = [Field(name=name, dtype=Float32) for name in names]
    always = timedelta(0)
    store.apply(
        [
            entity,
            FeatureView(name="rows", entities=[entity], ttl=always, schema=fields, source=source),
        ]
    )
    return store


def get(store, names, ids):
    """The rows of these ids as an array."""
    features = [f"rows:{name}" for name in names]
    found = store.get_online_features(features, [{"id": number} for number in ids]).to_dict()
    return np.array([found[name] for name in names], np.float32).T


def main(folder):
    """Load, look up what is wanted, and compare it with what was loaded."""
    table = pq.read_table(folder / "rows.parquet")
    names = [name for name in table.column_names if name not in ("id", "event_timestamp")]
    expected = np.stack([table[name].to_numpy() for name in names], axis=1)
    places = {number: place for place, number in enumerate(table["id"].to_pylist())}
    store = opened(folder, names)
    begun_s = time.perf_counter()
    now = datetime.now(UTC)
    store.materialize(now - timedelta(days=30), now)
    load_s = time.perf_counter() - begun_s
    calls_ms = {}
    for size, calls in json.loads((folder / "wanted.json").read_text()).items():
        calls_ms[size] = []
        for ids in calls:
            begun_s = time.perf_counter()
            rows = get(store, names, ids)
            calls_ms[size].append(1000 * (time.perf_counter() - begun_s))
            assert np.array_equal(rows, expected[[places[number] for number in ids]])
    size_bytes = sum(file.stat().st_size for file in folder.glob("online.db*"))
    print(json.dumps({"load_s": load_s, "bytes": size_bytes, "calls_ms": calls_ms}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
