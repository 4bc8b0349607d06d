"""A learner's own data in the place of the events."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

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
        (
            {"geography": "zone"},
            "The geography column 'zone' is not in trips.parquet; its columns are Ven",
        ),
        ({"value": "fare"}, "The value column 'fare' is not in trips.parquet"),
        ({"time": "trip_distance"}, "'trip_distance' should hold a date and time; it holds double"),
        (
            {"value": "store_and_fwd_flag"},
            "'store_and_fwd_flag' should hold a number; it holds str",
        ),
        ({"time": "dropoff"}, "No row of the files has all of dropoff, PULocationID, VendorID"),
    ],
)
def test_a_bad_schema_is_a_sentence_that_names_the_column(tmp_path, change, sentence):
    table = trips(20).append_column("store_and_fwd_flag", pa.array(["N"] * 20))
    table = table.append_column("dropoff", pa.nulls(20, pa.timestamp("s")))
    source = write_trips(tmp_path / "trips", "parquet", table)
    with pytest.raises(lab.LabError, match=sentence):
        own.adopt(source, tmp_path / "own", **TRIPS | change)


def test_a_folder_of_neither_kind_or_both_is_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(lab.LabError, match="must hold Parquet files or CSV files; it holds nei"):
        own.adopt(tmp_path / "empty", tmp_path / "own", **TRIPS)


def adopt(source, folder):
    return own.adopt(source, folder, **TRIPS, value="total_amount")


def test_several_files_with_their_places_in_other_orders(tmp_path):
    source = write_trips(tmp_path / "trips", "parquet", trips(500))
    backwards = trips(700).take(np.arange(700)[::-1])
    pq.write_table(backwards, source / "more.parquet")
    data = ds.dataset(adopt(source, tmp_path / "own"))
    assert data.count_rows() == 1200
    country = events.keys(tmp_path / "own")["country"]
    assert data.count_rows(filter=ds.field("country") == country) > 0


def test_adopting_again_replaces_what_was_adopted(tmp_path):
    many = write_trips(tmp_path / "many", "parquet", trips(300))
    for number in range(5):
        pq.write_table(trips(100), many / f"{number}.parquet")
    few = write_trips(tmp_path / "few", "parquet", trips(200))
    adopt(many, tmp_path / "own")
    assert ds.dataset(adopt(few, tmp_path / "own")).count_rows() == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "many", "own"]


def test_an_adoption_that_fails_leaves_what_was_adopted(tmp_path):
    good = write_trips(tmp_path / "good", "parquet", trips(200))
    bad = write_trips(tmp_path / "bad", "parquet", trips(100))
    pq.write_table(trips(100), bad / "z.parquet")
    with (bad / "z.parquet").open("r+b") as file:
        file.seek(4)
        file.write(bytes(1000))  # seen only when its pages are read
    adopt(good, tmp_path / "own")
    with pytest.raises(lab.LabError, match=r"z.parquet cannot be read"):
        adopt(bad, tmp_path / "own")
    assert ds.dataset(tmp_path / "own").count_rows() == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "good", "own"]


@pytest.mark.parametrize("target", [".", "own", ".."])
def test_a_source_is_never_adopted_onto_itself(tmp_path, target):
    source = write_trips(tmp_path / "trips", "parquet", trips(10))
    with pytest.raises(lab.LabError, match="The adopted data needs a folder of its own"):
        adopt(source, source / target)
    assert [path.name for path in source.iterdir()] == ["trips.parquet"]


def test_a_folder_of_other_files_is_never_replaced(tmp_path):
    source = write_trips(tmp_path / "trips", "parquet", trips(10))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("years of work")
    with pytest.raises(lab.LabError, match="home holds other files"):
        adopt(source, tmp_path / "home")
    assert (tmp_path / "home" / "thesis.txt").exists()


def test_the_folder_is_named_from_the_checkout_on_or_from_home(tmp_path, monkeypatch):
    for named, expected in (
        ("data/trips", profile.CHECKOUT / "data" / "trips"),
        ("~/trips", tmp_path / "trips"),
        ("/data/trips", Path("/data/trips")),
    ):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SCALETOOLKIT_EVENTS", named)
        assert profile.own_events() == expected
    monkeypatch.setenv("SCALETOOLKIT_EVENTS", "")
    assert profile.own_events() is None


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda folder: (folder / "_events.json").write_text("half"), "holds no events"),
        (lambda folder: (folder / "_events.json").write_text("[]"), "holds no events"),
        (lambda folder: (folder / "events-00000.parquet").unlink(), "0 rows, not 300; adopt it ag"),
        (lambda folder: pq.write_table(trips(7), folder / "copy.parquet"), "307 rows, not 300"),
        (lambda folder: (folder / "copy.parquet").touch(), r"cannot be read \(.*adopt it again"),
        (shutil.rmtree, "holds no events"),
    ],
)
def test_adopted_data_that_is_no_longer_whole_is_a_sentence(
    tmp_path, monkeypatch, damage, sentence
):
    source = write_trips(tmp_path / "trips", "parquet", trips(300))
    monkeypatch.setenv("SCALETOOLKIT_EVENTS", str(adopt(source, tmp_path / "own")))
    damage(tmp_path / "own")
    with pytest.raises(lab.LabError, match=sentence):
        events.prepare()
