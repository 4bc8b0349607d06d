"""The same events on every machine, however written; and a learner's own data in their place."""

import hashlib
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from scaletoolkit import lab
from scaletoolkit.data import events, own
from scaletoolkit.lab import profile

ROWS = 40_000


def content_hash(table):
    """sha256 over the values of every column, dictionary columns by their indices."""
    digest = hashlib.sha256()
    for column in table.itercolumns():
        column = column.combine_chunks()
        values = column.indices if pa.types.is_dictionary(column.type) else column
        digest.update(values.to_numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return events.write(tmp_path_factory.mktemp("events") / "one", ROWS)


@pytest.fixture(scope="module")
def rows(folder):
    return ds.dataset(folder).to_table()


@pytest.mark.parametrize(
    ("first", "seed", "expected"),
    [
        (0, 0, "b1526004395f4721028ce0098d640eac85463b3019712f7447c5960ee2f15d84"),
        (950_000, 7, "bd4ad820b6f581ac43f883a1822782ce77413f1a30a7b09efb781ed3292c5195"),
    ],
)
def test_events_are_bit_identical_on_every_machine(first, seed, expected):
    assert content_hash(events.chunk(first, first + 50_000, 1_000_000, seed)) == expected


def test_two_workers_write_what_one_writes(folder, rows, tmp_path):
    two = events.write(tmp_path / "two", ROWS, workers=2)
    assert ds.dataset(two).to_table().equals(rows)
    assert (two / "_events.json").read_text() == (folder / "_events.json").read_text()


def test_another_seed_gives_other_events(tmp_path, rows):
    other = ds.dataset(events.write(tmp_path / "other", ROWS, seed=1)).to_table()
    assert other.schema == rows.schema
    assert content_hash(other) != content_hash(rows)


def test_files_are_in_time_order_and_hold_every_row(folder, rows):
    assert len(list(folder.glob("*.parquet"))) == events.FILES
    assert rows.num_rows == ROWS
    times = rows["event_time"].to_numpy().astype(np.int64)
    assert np.all(np.diff(times) >= 0)
    assert times[0] >= events.START_MS
    assert times[-1] < events.START_MS + events.DAYS * 24 * events.HOUR_MS


def test_countries_and_users_are_skewed_and_every_key_of_the_labs_occurs(rows):
    share = pc.value_counts(rows["country"].cast(pa.string())).to_pylist()
    shares = {one["values"]: one["counts"] / ROWS for one in share}
    assert max(shares.values()) > 0.2
    assert len(shares) == len(events.COUNTRIES)
    assert events.KEYS["country"] in shares
    assert events.KEYS["day"] in pc.strftime(rows["event_time"], "%Y-%m-%d").to_pylist()


def test_one_event_in_twenty_arrives_hours_late(rows):
    delay = (rows["arrived_at"].to_numpy() - rows["event_time"].to_numpy()).astype(np.int64)
    assert np.mean(delay >= events.HOUR_MS) == pytest.approx(0.05, abs=0.005)
    assert delay.min() >= 0
    assert delay.max() < 40 * events.HOUR_MS


def test_prices_and_traffic_rise(rows):
    half = ROWS // 2
    price = rows["price_cents"].to_numpy()
    assert np.median(price[half:]) > 1.1 * np.median(price[:half])
    middle = rows["event_time"].to_numpy().astype(np.int64)[half]
    assert middle > events.START_MS + events.DAYS * 12 * events.HOUR_MS


def test_landing_delivers_every_event_once_by_day_of_arrival(folder, rows, tmp_path):
    paths = events.land(folder, tmp_path)
    landed = pa.concat_tables(pq.read_table(path) for path in paths)
    order = [("session_id", "ascending"), ("event_time", "ascending"), ("item_id", "ascending")]
    assert landed.sort_by(order)["item_id"].equals(rows.sort_by(order)["item_id"])
    for path in paths:
        days = pc.strftime(pq.read_table(path)["arrived_at"], "%Y-%m-%d")
        assert pc.unique(days).to_pylist() == [path.stem]
    late = pq.read_table(paths[10])
    assert pc.min(late["event_time"]).as_py().strftime("%Y-%m-%d") < paths[10].stem


def test_too_few_rows_and_an_unknown_profile_are_sentences(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="rows must be at least 10, got 3"):
        events.write(tmp_path / "few", 3)
    monkeypatch.setenv("SCALETOOLKIT_PROFILE", "huge")
    with pytest.raises(lab.LabError, match="is 'huge'; it must be one of ci, laptop, workstation"):
        profile.current()


def test_a_folder_without_events_is_a_sentence(tmp_path):
    with pytest.raises(lab.LabError, match=r"holds no events: it has no _events.json"):
        events.keys(tmp_path)


def test_a_write_that_is_killed_leaves_no_folder_and_can_be_repeated(tmp_path):
    code = (
        f"from scaletoolkit.data import events; events.write({str(tmp_path / 'cut')!r}, 3_000_000)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as writer:
        while not list(tmp_path.glob("cut.partial/*.parquet")):
            assert writer.poll() is None
            time.sleep(0.05)
        writer.send_signal(signal.SIGKILL)
    assert [path.name for path in tmp_path.iterdir()] == ["cut.partial"]
    events.write(tmp_path / "cut", 1000)
    assert [path.name for path in tmp_path.iterdir()] == ["cut"]


TRIPS = {"time": "tpep_pickup_datetime", "geography": "PULocationID", "entity": "VendorID"}


def trips(n=3000):
    """Rows of the shape of New York's yellow taxi trips, not in time order."""
    random = np.random.default_rng(0)
    start = datetime(2026, 1, 1)
    seconds = random.integers(0, 31 * 86_400, n).tolist()
    return pa.table(
        {
            "VendorID": random.integers(1, 8, n),
            "tpep_pickup_datetime": pa.array([start + timedelta(seconds=s) for s in seconds]),
            "trip_distance": random.uniform(0, 20, n),
            "PULocationID": random.integers(1, 264, n).astype(np.int32),
            "total_amount": np.round(random.uniform(3, 90, n), 2),
        }
    )


def write_trips(folder, kind, table):
    folder.mkdir()
    if kind == "csv":
        pyarrow.csv.write_csv(table, folder / "trips.csv")
    else:
        pq.write_table(table, folder / "trips.parquet")
    return folder


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_taxi_trips_can_stand_in_for_the_events(tmp_path, monkeypatch, kind, capsys):
    source = write_trips(tmp_path / "trips", kind, trips())
    adopted = own.adopt(source, tmp_path / "own", **TRIPS, value="total_amount")
    monkeypatch.setenv("SCALETOOLKIT_EVENTS", str(adopted))
    folder, keys = events.prepare()
    assert "your own data in own" in capsys.readouterr().out
    table = ds.dataset(folder).to_table()
    assert set(events.REQUIRED) <= set(table.schema.names)
    assert table.num_rows == 3000
    assert np.all(np.diff(table["event_time"].to_numpy().astype(np.int64)) >= 0)
    cents = np.round(np.array(trips()["total_amount"]) * 100).sum()
    assert pc.sum(table["price_cents"]).as_py() == cents
    for column, value in (("country", keys["country"]), ("user_id", keys["user_id"])):
        assert value in table[column].to_pylist()


def test_entities_that_are_text_become_the_same_number_each_time(tmp_path):
    table = trips(10).set_column(0, "VendorID", pa.array(["ann", "bob"] * 5))
    source = write_trips(tmp_path / "trips", "parquet", table)
    ids = [
        ds.dataset(own.adopt(source, tmp_path / name, **TRIPS)).to_table()["user_id"]
        for name in ("first", "second")
    ]
    assert ids[0].equals(ids[1])
    assert len(pc.unique(ids[0])) == 2
    assert pc.min(ids[0]).as_py() >= 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"geography": "zone"}, "The geography column 'zone' is not in trips; its columns are Ven"),
        ({"value": "fare"}, "The value column 'fare' is not in trips"),
        ({"time": "trip_distance"}, "'trip_distance' should hold a date and time; it holds double"),
        (
            {"value": "store_and_fwd_flag"},
            "'store_and_fwd_flag' should hold a number; it holds str",
        ),
        ({"time": "dropoff"}, "'dropoff' should hold a date and time; all its values are missing"),
    ],
)
def test_a_bad_schema_is_a_sentence_that_names_the_column(tmp_path, change, sentence):
    table = trips(20).append_column("store_and_fwd_flag", pa.array(["N"] * 20))
    table = table.append_column("dropoff", pa.nulls(20, pa.timestamp("s")))
    source = write_trips(tmp_path / "trips", "parquet", table)
    with pytest.raises(lab.LabError, match=sentence):
        own.adopt(source, tmp_path / "own", **TRIPS | change)


def test_a_folder_of_neither_kind_or_both_is_a_sentence(tmp_path):
    with pytest.raises(lab.LabError, match="must hold Parquet files or CSV files; it holds nei"):
        own.adopt(tmp_path, tmp_path / "own", **TRIPS)
