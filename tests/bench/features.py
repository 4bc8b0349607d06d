"""A lookup of 1, 100 and 1,000 of a million rows beside other stores, and the point-in-time join.

A million entities × 200 float32, sparse ids; every store hands back the rows as an array, which
is compared. All stores are open at once, about 5 GB of memory, and take turns of lookups. A peer
that is not installed is a line that says so. Feast has an environment of its own, in
data/bench-peers, fewer entities and fewer lookups; it is not among the turns. Lab 10.
"""

import contextlib
import datetime
import importlib
import json
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from peers import processes

from scaletoolkit import features
from scaletoolkit.machine import measure

ENTITIES = 1_000_000
WIDTH = 200
SIZES = (1, 100, 1000)
TURNS = 10
LOOKUPS = 100  # in a turn
FEAST_ENTITIES = 5000
FEAST_LOOKUPS = 40
LOAD_ROWS = 20_000
JOINED = 3  # times, the fastest counts
NAMES = [f"f{number}" for number in range(WIDTH)]


def tables():
    """What a lookup costs in each store; what a join costs in each engine: [(title, rows)]."""
    with tempfile.TemporaryDirectory(prefix="scaletoolkit-bench-") as folder:
        stores = [*_stores(Path(folder)), _feast(Path(folder))]
    title = f"Lookups in {ENTITIES:,} × {WIDTH} float32: p50 and p99 in ms"
    return [(title, stores), ("Point-in-time join, 2,000,000 events × 200,000 labels", _joins())]


def _ids():
    return np.sort((features.mix(np.arange(ENTITIES)) >> np.uint64(2)).astype(np.int64))


def make(ids):
    """Rows that follow from the ids."""
    odd = (features.mix(np.arange(WIDTH)) | np.uint64(1)).astype(np.uint32)
    return ((ids.astype(np.uint32)[:, None] * odd) >> np.uint32(8)).astype(np.float32)


def _batches(ids):
    for start in range(0, len(ids), LOAD_ROWS):
        yield ids[start : start + LOAD_ROWS]


def _key(number):
    return int(number).to_bytes(8, "big")


def _stacked(blobs):
    return np.frombuffer(b"".join(blobs), np.float32).reshape(-1, WIDTH)


class Ours:
    """scaletoolkit: one file, mapped, checked when it is opened."""

    most = ENTITIES
    needs = "numpy"

    def __init__(self, folder, ids):
        self.path = folder / "ours"
        features.materialise(self.path, ids, make, NAMES)
        self.store = features.Store(self.path)
        self.store.check()  # has touched every page

    def get(self, wanted):
        """The rows of these ids."""
        return self.store.get(wanted)[0]

    def size_bytes(self):
        """What it takes."""
        return self.path.stat().st_size

    def close(self):
        """Let go of what it holds."""


class Lmdb(Ours):
    """LMDB, one read transaction a lookup."""

    needs = "lmdb"

    def __init__(self, folder, ids):
        lmdb = importlib.import_module("lmdb")
        self.path = folder / "lmdb"
        self.base = lmdb.open(str(self.path), map_size=2**34, subdir=False, sync=False)
        for batch in _batches(ids):
            with self.base.begin(write=True) as transaction:
                for number, row in zip(batch, make(batch), strict=True):
                    transaction.put(_key(number), row.tobytes(), append=True)

    def get(self, wanted):
        with self.base.begin(buffers=True) as transaction:
            return _stacked([transaction.get(_key(number)) for number in wanted])

    def close(self):
        self.base.close()


class Sqlite(Ours):
    """SQLite, one query a lookup."""

    def __init__(self, folder, ids):
        self.path = folder / "sqlite"
        self.base = sqlite3.connect(self.path)
        self.base.execute("CREATE TABLE features (id INTEGER PRIMARY KEY, row BLOB)")
        for batch in _batches(ids):
            rows = zip(batch.tolist(), (row.tobytes() for row in make(batch)), strict=True)
            self.base.executemany("INSERT INTO features VALUES (?, ?)", rows)
            self.base.commit()

    def get(self, wanted):
        marks = ",".join("?" * len(wanted))
        query = f"SELECT id, row FROM features WHERE id IN ({marks})"
        found = dict(self.base.execute(query, wanted.tolist()))
        return _stacked([found[number] for number in wanted.tolist()])

    def close(self):
        self.base.close()


class Rocks(Ours):
    """RocksDB (rocksdict), many keys a call."""

    needs = "rocksdict"

    def __init__(self, folder, ids):
        rocksdict = importlib.import_module("rocksdict")
        self.path = folder / "rocks"
        self.base = rocksdict.Rdict(str(self.path), rocksdict.Options(raw_mode=True))
        for batch in _batches(ids):
            writes = rocksdict.WriteBatch(raw_mode=True)
            for number, row in zip(batch, make(batch), strict=True):
                writes.put(_key(number), row.tobytes())
            self.base.write(writes)
        self.base.flush()

    def get(self, wanted):
        return _stacked(self.base.get([_key(number) for number in wanted]))

    def size_bytes(self):
        return sum(file.stat().st_size for file in self.path.glob("*"))

    def close(self):
        self.base.close()


class Duck(Ours):
    """DuckDB, a table with an index, 100,000 entities only."""

    most = 100_000  # it takes half a millisecond to load one
    needs = "duckdb"

    def __init__(self, folder, ids):
        duckdb = importlib.import_module("duckdb")
        self.path = folder / "duck"
        self.base = duckdb.connect(str(self.path))
        self.base.execute(f"CREATE TABLE features (id BIGINT, row FLOAT[{WIDTH}])")
        for batch in _batches(ids):
            rows = pa.FixedSizeListArray.from_arrays(pa.array(make(batch).ravel()), WIDTH)
            self.base.register("rows", pa.table({"id": batch, "row": rows}))
            self.base.execute("INSERT INTO features SELECT * FROM rows")
        self.base.execute("CREATE UNIQUE INDEX by_id ON features (id)")
        self.base.execute("CHECKPOINT")

    def get(self, wanted):
        marks = ",".join("?" * len(wanted))
        query = f"SELECT id, row FROM features WHERE id IN ({marks}) ORDER BY id"
        found = self.base.execute(query, wanted.tolist()).fetchnumpy()
        rows = np.stack(found["row"]).astype(np.float32)
        return rows[np.searchsorted(found["id"], wanted)]

    def close(self):
        self.base.close()


class ValkeyUnix(Ours):
    """Valkey through a unix socket, MGET."""

    needs = "peers.valkey_server"

    def __init__(self, folder, ids):
        server = importlib.import_module("peers.valkey_server")
        self.client, self.child = server.start(*self.place(server, folder))
        for batch in _batches(ids):
            rows = zip(map(_key, batch), (row.tobytes() for row in make(batch)), strict=True)
            self.client.mset(dict(rows))

    def place(self, server, folder):
        """Where it listens: options of the server, and of the client."""
        return server.at_socket(folder / "valkey")

    def get(self, wanted):
        return _stacked(self.client.mget([_key(number) for number in wanted]))

    def size_bytes(self):
        return self.client.info("memory")["used_memory"]

    def close(self):
        self.client.close()
        self.child.end()


class ValkeyTcp(ValkeyUnix):
    """Valkey over loopback, MGET."""

    def place(self, server, folder):
        return server.at_port(processes.free_port())


KINDS = [Ours, ValkeyUnix, ValkeyTcp, Lmdb, Sqlite, Rocks, Duck]


def _stores(folder):
    """The rows of the table: how long a store takes to load, its bytes, and its lookups."""
    stores = {}
    ids = _ids()
    rows = {}
    with contextlib.ExitStack() as opened:
        for kind in KINDS:
            name = kind.__doc__.rstrip(".").splitlines()[0]
            try:
                importlib.import_module(kind.needs)
            except ModuleNotFoundError as error:
                rows[f"{name}: {error.name} is not installed"] = _columns({}, "-", "-")
                continue
            store, load_s = measure.timed(kind, folder, ids[: kind.most])
            opened.callback(store.close)
            stores[name] = store
            rows[name] = {"load s": load_s, "B an entity": store.size_bytes() / kind.most}
        for name, calls_ms in _turns(stores, ids).items():
            rows[name] = _columns(calls_ms, *rows[name].values())
    return [{"store": name} | row for name, row in rows.items()]


def _turns(stores, ids):
    """{name: {size: milliseconds of each lookup}}; before a turn, one that is compared."""
    dice = np.random.default_rng(0)
    calls_ms = {name: {size: [] for size in SIZES} for name in stores}
    for _ in range(TURNS):
        for size in SIZES:
            for name, store in stores.items():
                groups = dice.choice(ids[: store.most], (LOOKUPS + 1, size))
                assert np.array_equal(store.get(groups[0]), make(groups[0]))
                turn = [measure.timed(store.get, wanted)[1] for wanted in groups[1:]]
                calls_ms[name][size] += (1000 * np.array(turn)).tolist()
    return calls_ms


def _feast(folder):
    """The row of Feast's local store, or the sentence that says why there is none."""
    name = f"Feast's local store (SQLite), {FEAST_ENTITIES:,} entities, {FEAST_LOOKUPS} lookups"
    script = Path(processes.__file__).with_name("feast_store.py")
    ids = _ids()[:FEAST_ENTITIES]
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    columns = dict(zip(NAMES, make(ids).T, strict=True))
    table = pa.table({"id": ids, "event_timestamp": pa.array([then] * len(ids)), **columns})
    pq.write_table(table, folder / "rows.parquet")
    dice = np.random.default_rng(0)
    wanted = {size: dice.choice(ids, (FEAST_LOOKUPS, size)).tolist() for size in SIZES}
    (folder / "wanted.json").write_text(json.dumps(wanted))
    try:
        command = [processes.environment(script), "-E", script, folder]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        return {"store": f"{name}: cannot be measured: {error}"} | _columns({}, "-", "-")
    found = json.loads(run.stdout.splitlines()[-1])
    calls_ms = {int(size): calls for size, calls in found["calls_ms"].items()}
    return {"store": name} | _columns(calls_ms, found["load_s"], found["bytes"] / len(ids))


def _columns(calls_ms, load_s, each):
    row = {"load s": load_s, "B an entity": each}
    for size in SIZES:
        for percent in (50, 99):
            value = float(np.percentile(calls_ms[size], percent)) if size in calls_ms else "-"
            row[f"{size}: p{percent}"] = value
    return row


def _joins():
    dice = np.random.default_rng(0)
    events = {"k": dice.integers(0, 200_000, 2_000_000)}
    events["t"] = np.sort(dice.integers(0, 2**31, 2_000_000))
    labels = {"k": dice.integers(0, 200_000, 200_000)}
    labels["t"] = np.sort(dice.integers(0, 2**31, 200_000))
    few = {k: v[:1000] for k, v in events.items()}, {k: v[:10] for k, v in labels.items()}
    joins = {}
    rows = {}
    for name, join in JOINS.items():
        try:
            join(*few)
        except ModuleNotFoundError as error:
            rows[f"{name}: {error.name} is not installed"] = {"s": "-", "same": "-"}
        else:
            joins[name] = lambda join=join: join(events, labels)
    expected = _ours(events, labels)
    for name, calls_s in measure.timings(joins, JOINED).items():
        same = np.array_equal(joins[name](), expected)
        rows[name] = {"s": min(calls_s), "same": str(same)}
    return [{"engine": name} | row for name, row in rows.items()]


def _ours(events, labels):
    rows = features.as_of(events["k"], events["t"], labels["k"], labels["t"])
    return np.where(rows >= 0, events["t"][rows], -1)


def _pandas(events, labels):
    pandas = importlib.import_module("pandas")
    right = pandas.DataFrame(events).assign(seen=events["t"])
    left = pandas.DataFrame(labels)
    found = pandas.merge_asof(left, right, on="t", by="k", allow_exact_matches=False)
    return found["seen"].fillna(-1).to_numpy(np.int64)


def _polars(events, labels):
    polars = importlib.import_module("polars")
    right = polars.DataFrame(events).with_columns(seen="t")
    options = {"on": "t", "by": "k", "allow_exact_matches": False, "check_sortedness": False}
    found = polars.DataFrame(labels).join_asof(right, **options)
    return found["seen"].fill_null(-1).to_numpy()


def _duckdb(events, labels):
    duckdb = importlib.import_module("duckdb")
    connection = duckdb.connect()
    connection.register("events", pa.table(events))
    connection.register("labels", pa.table(labels | {"n": np.arange(len(labels["k"]))}))
    query = "SELECT coalesce(R.t, -1) AS seen FROM labels L ASOF LEFT JOIN events R "
    found = connection.execute(query + "ON L.k = R.k AND L.t > R.t ORDER BY L.n").fetchnumpy()
    return np.asarray(found["seen"])


def _pyarrow(events, labels):
    right = pa.table(events | {"seen": events["t"]})
    left = pa.table({"k": labels["k"], "t": labels["t"] - 1, "n": np.arange(len(labels["k"]))})
    found = left.join_asof(right, on="t", by="k", tolerance=-(2**31)).sort_by("n")
    return found["seen"].fill_null(-1).to_numpy()


JOINS = {
    "scaletoolkit, numpy": _ours,
    "pandas, merge_asof": _pandas,
    "polars, join_asof": _polars,
    "DuckDB, ASOF JOIN": _duckdb,
    "pyarrow, join_asof": _pyarrow,
}


if __name__ == "__main__":
    from scaletoolkit import lab

    for title, rows in tables():
        print(title, lab.table(rows), sep="\n")
