"""Three taxi-shaped files of one month go through `adopt`, and then through labs 01 and 02."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tools.strict import ROOT

from scaletoolkit.data import own

ROWS = 5_000
TRUE_ON_ALL_DATA = {
    "01_partitioning": (
        "all layouts give the same answers",
        "each question reads least in the layout of its own key",
        "the library's merged report is the one made by hand",
        "the report gives the same answers about the day and the country",
    ),
    "02_sampling_and_increments": (
        "a recompute writes the same bytes",
        "the books hold every event",
        "every day and country is what a recompute says",
    ),
}


def with_gaps(random, values):
    """One value in fifty is missing, as in the real files."""
    return pa.array(values, mask=random.random(len(values)) < 0.02)


def trips(number):
    """Ten days of trips: dictionaries of its own, types that differ from month to month, nulls."""
    random = np.random.default_rng(number)
    start = datetime(2026, 1, 1) + timedelta(days=10 * number)
    times = [start + timedelta(seconds=int(s)) for s in random.integers(0, 864_000, ROWS)]
    zones = pa.array([f"zone {zone}" for zone in random.permutation(40)])
    places = pa.array(((random.zipf(1.5, ROWS) - 1) % 40).astype(np.int32))
    vendors = random.integers(1, 5, ROWS)
    return pa.table(
        {
            "VendorID": pa.array(vendors.astype(np.int32 if number else np.int64)),
            "tpep_pickup_datetime": pa.array(times, pa.timestamp("us")),
            "tpep_dropoff_datetime": pa.array(times, pa.timestamp("us")),
            "passenger_count": with_gaps(random, vendors * (1.0 if number else 1)),
            "trip_distance": random.exponential(3, ROWS),
            "store_and_fwd_flag": with_gaps(random, random.choice(["Y", "N"], ROWS)),
            "PULocationID": pa.DictionaryArray.from_arrays(places, zones),
            "total_amount": with_gaps(random, np.round(random.gamma(2, 12, ROWS), 2)),
            "airport_fee": pa.nulls(ROWS) if number == 1 else pa.array(random.random(ROWS)),
        }
    )


@pytest.fixture(scope="module")
def adopted(tmp_path_factory):
    source = tmp_path_factory.mktemp("trips")
    for number in range(3):
        pq.write_table(trips(number), source / f"yellow_tripdata_{number}.parquet")
    return own.adopt(
        source,
        tmp_path_factory.mktemp("own") / "trips",
        time="tpep_pickup_datetime",
        geography="PULocationID",
        entity="VendorID",
        value="total_amount",
    )


@pytest.fixture(scope="module")
def runs(adopted, tmp_path_factory):
    """{lab: what came of it}; both run at once."""
    records = tmp_path_factory.mktemp("records")
    own_data = {"SCALETOOLKIT_EVENTS": str(adopted), "SCALETOOLKIT_RECORDS": str(records)}

    def run(name):
        command = [sys.executable, "-m", "scaletoolkit", "run", f"labs/{name}.ipynb"]
        environment = os.environ | own_data
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(TRUE_ON_ALL_DATA, pool.map(run, TRUE_ON_ALL_DATA), strict=True))


@pytest.mark.labs
@pytest.mark.parametrize("name", TRUE_ON_ALL_DATA)
def test_a_lab_runs_to_its_end_on_them(runs, name):
    run = runs[name]
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"done: {name}.ipynb" in run.stdout
    for claim in TRUE_ON_ALL_DATA[name]:
        assert f"✔ {claim}\n" in run.stdout
