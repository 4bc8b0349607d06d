"""The one data set: seeded events of a shop, any number of rows. Ground; labs 01, 02, 03, 10.

Thirty days of visits: skewed countries and users, a daily rhythm, rising traffic and prices, one
row in twenty arriving hours late. Chunk i is a pure function of (seed, i): integers, tables and
+ - × ÷ only, so its rows are bit-identical on every x86 machine and every numpy since 1.26
(`np.exp` is not: it differs between processors).

`own.adopt` puts a learner's own Parquet or CSV files in the same form.
"""

import functools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scaletoolkit import lab
from scaletoolkit.lab import profile
from scaletoolkit.machine import ranks

FILES = 10
CHUNK_ROWS = 500_000
START_MS = 1_780_272_000_000  # 2026-06-01T00:00:00Z
DAYS = 30
HOUR_MS = 3_600_000
USERS, ITEMS = 1_000_000, 100_000
COUNTRIES = (
    "US IN BR ID JP DE MX GB FR PH VN TR EG NG KR IT TH ES BD AR PK ZA CO PL CA KE MY AU PE NL"
).split()
DEVICES = ["phone", "laptop", "tablet", "watch"]
FEATURES = ["f0", "f1", "f2", "f3", "f4", "f5"]
KEYS = {"day": "2026-06-20", "country": "NG", "user_id": 12345}
# what labs 01 and 02 read, so that a learner's own data has it too
REQUIRED = ["event_time", "arrived_at", "country", "user_id", "price_cents"]
SCHEMA = pa.schema(
    [
        ("event_time", pa.timestamp("ms")),
        ("arrived_at", pa.timestamp("ms")),
        ("country", pa.dictionary(pa.int8(), pa.string())),
        ("device", pa.dictionary(pa.int8(), pa.string())),
        ("user_id", pa.int64()),
        ("item_id", pa.int32()),
        ("session_id", pa.int64()),
        ("price_cents", pa.int32()),
        ("dwell_ms", pa.int32()),
        ("clicked", pa.int8()),
        *((name, pa.float32()) for name in FEATURES),
    ]
)


def prepare(workers=1):
    """The events of this profile, written on first use: (folder, keys of the example queries).

    Where `SCALETOOLKIT_EVENTS` names a folder that `adopt` wrote, that folder stands in.
    """
    own = os.environ.get("SCALETOOLKIT_EVENTS")
    if own:
        lab.own_data(f"your own data in {Path(own).name}")
        return Path(own), keys(own)
    name, rows = profile.current()
    folder = profile.data_folder() / f"events-{name}"
    if not (folder / "_events.json").exists():
        write(folder, rows, workers=workers)
    return folder, keys(folder)


def keys(folder):
    """The day, country and user that the labs ask a folder of events about: a dict."""
    path = Path(folder) / "_events.json"
    if not path.exists():
        raise lab.LabError(
            f"{folder} holds no events: it has no _events.json, which write and adopt leave."
        )
    return json.loads(path.read_text())["keys"]


def write(folder, rows, seed=0, workers=1):
    """Write `rows` events as ten Parquet files in time order. Returns the folder (a Path).

    Memory is bounded by the chunk, not by `rows`: about 0.3 GB a worker. A run that is cut short
    leaves no folder of this name.
    """
    if rows < FILES:
        raise ValueError(f"events come in {FILES} files: rows must be at least {FILES}, got {rows}")
    folder = Path(folder)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    bounds = [rows * i // FILES for i in range(FILES + 1)]
    jobs = [
        (str(partial / f"events-{i:05}.parquet"), bounds[i], bounds[i + 1], rows, seed)
        for i in range(FILES)
    ]
    for _ in lab.progress(_each(_write_file, jobs, workers), FILES, f"writing {rows:,} events"):
        pass
    description = {"rows": rows, "seed": seed, "keys": KEYS}
    (partial / "_events.json").write_text(json.dumps(description))
    shutil.rmtree(folder, ignore_errors=True)
    return partial.rename(folder)


def _each(function, jobs, workers):
    if workers == 1:
        yield from map(function, jobs)
        return
    with ranks.Pool(workers) as pool:
        yield from pool.stream(function, jobs)


def _write_file(job):
    path, first, last, rows, seed = job
    with pq.ParquetWriter(
        path, SCHEMA, compression="zstd", use_dictionary=["country", "device", "item_id", "clicked"]
    ) as writer:
        for start in range(first, last, CHUNK_ROWS):
            writer.write_table(chunk(start, min(start + CHUNK_ROWS, last), rows, seed))


def chunk(first, last, rows, seed=0):
    """Events number `first` to `last` (exclusive) of `rows`, in time order: an Arrow table.

    Depends on its arguments alone, so chunks can be made in any order and any process.
    """
    random = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, rows, first]))
    n = last - first
    time_ms = _times(random, first, last, rows)
    user = _zipf_draw(random, n, *_zipf_table(USERS, 20))
    country = _country_table()[(user * 640_007) & 0xFFFFF]
    features = _uniform(random, (len(FEATURES), n))
    columns = {
        "event_time": time_ms,
        "arrived_at": time_ms + _delay_ms(random, n),
        "country": pa.DictionaryArray.from_arrays(country, COUNTRIES),
        "device": pa.DictionaryArray.from_arrays(
            np.array([0, 0, 0, 0, 0, 1, 1, 2, 0, 3], np.int8)[random.integers(0, 10, n)], DEVICES
        ),
        "user_id": user,
        "item_id": _zipf_draw(random, n, *_zipf_table(ITEMS, 5)).astype(np.int32),
        "session_id": np.arange(first, last, dtype=np.int64) // 5,
        "price_cents": _price_cents(random, country, time_ms),
        "dwell_ms": _heavy_tail(random, n, 1500),
        "clicked": _clicked(random, features),
    }
    columns |= dict(zip(FEATURES, features, strict=True))
    return pa.table([pa.array(columns[f.name]).cast(f.type) for f in SCHEMA], schema=SCHEMA)


@functools.cache
def _hours():
    """Visits begun by each hour's start, in integer units: a day's rhythm over growing traffic."""
    rhythm = [4, 3, 2, 2, 2, 3, 5, 8, 11, 12, 12, 13, 13, 12, 12, 12, 13, 15, 17, 18, 17, 14, 10, 6]
    weight = [rhythm[h % 24] * (100 + 2 * (h // 24)) for h in range(24 * DAYS)]
    return np.concatenate([[0], np.cumsum(weight)]).astype(np.int64)


def _times(random, first, last, rows):
    hours = _hours()
    whole = int(hours[-1]) * HOUR_MS
    low, high = whole * first // rows, max(whole * first // rows + 1, whole * last // rows)
    position = np.sort(random.integers(low, high, last - first, dtype=np.int64))
    hour = np.searchsorted(hours * HOUR_MS, position, side="right") - 1
    within = (position - hours[hour] * HOUR_MS) // np.diff(hours)[hour]
    return START_MS + hour * HOUR_MS + within


def _delay_ms(random, n):
    """Seconds for nearly all; for one event in twenty between one and forty hours."""
    late = random.integers(0, 20, n) == 0
    return np.where(
        late,
        random.integers(HOUR_MS, 40 * HOUR_MS, n, dtype=np.int64),
        random.integers(0, 5_000, n, dtype=np.int64),
    )


@functools.cache
def _zipf_table(items, shift):
    """Inverse of the distribution 1 / (rank + shift) at 2^20 + 1 points: (ranks below, gaps)."""
    heights = np.cumsum(1 / (np.arange(items) + 1.0 + shift))
    at = np.arange((1 << 20) + 1) / (1 << 20) * heights[-1]
    rank = np.minimum(np.searchsorted(heights, at, side="right"), items - 1).astype(np.int64)
    return rank[:-1], np.diff(rank)


def _zipf_draw(random, n, rank, gap):
    bits = random.integers(0, 1 << 32, n, dtype=np.int64)
    place = bits >> 12
    return rank[place] + (gap[place] * (bits & 0xFFF) >> 12)


@functools.cache
def _country_table():
    """A country for each of 2^20 hash values, the k-th with a share proportional to 1 / k."""
    share = np.cumsum(1 / np.arange(1.0, len(COUNTRIES) + 1))
    at = (np.arange(1 << 20) + 0.5) / (1 << 20) * share[-1]
    return np.searchsorted(share, at).astype(np.int8)


def _heavy_tail(random, n, scale):
    """Whole numbers from 0 with median `scale` and a long tail, at most 64 times the median."""
    q = random.integers(0, 1 << 16, n, dtype=np.int64)
    return scale * (q + 1) // ((1 << 16) + 1024 - q)


def _price_cents(random, country, time_ms):
    """Prices rise by 2 % a day; their level and spread depend on the country."""
    level = 30 + (np.arange(len(COUNTRIES), dtype=np.int64) * 47) % 170
    day = (time_ms - START_MS) // (24 * HOUR_MS)
    base = 800 + _heavy_tail(random, len(country), 1200)
    return base * level[country] // 100 * (100 + 2 * day) // 100


def _uniform(random, shape):
    """float32 in [-1, 1): twenty-four random bits each, so no two machines round differently."""
    bits = random.integers(0, 1 << 32, shape, dtype=np.uint32) >> np.uint32(8)
    return bits.astype(np.float32) * np.float32(2**-23) - np.float32(1)


def _clicked(random, f):
    """1 where two linear and one crossed effect beat the noise: something for a model to learn."""
    score = f[0] + f[0] - f[1] + f[2] * f[3] + f[2] * f[3]
    noise = _uniform(random, len(score)) + _uniform(random, len(score))
    return (score > noise).astype(np.int8)


def land(source, folder):
    """Deliver events as a pipeline receives them: one file for each day of *arrival*.

    Late events thus lie in a later day's file than their `event_time`. Memory is bounded by the
    batch. Returns the files' paths in order of arrival.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    writers = {}
    try:
        # one row group after the other: a dataset's own reader runs gigabytes ahead
        files = ds.dataset(source).get_fragments()
        groups = [group for file in files for group in file.split_by_row_group()]
        for group in lab.progress(groups, len(groups), "landing events"):
            for batch in group.to_batches(batch_readahead=2):
                _land_batch(batch, folder, writers)
    finally:
        for writer in writers.values():
            writer.close()
    return sorted(folder.glob("*.parquet"))


def _land_batch(batch, folder, writers):
    day = pc.strftime(batch["arrived_at"], "%Y-%m-%d")
    for one in pc.unique(day).to_pylist():
        if one not in writers:
            writers[one] = pq.ParquetWriter(folder / f"{one}.parquet", batch.schema)
        writers[one].write_batch(batch.filter(pc.equal(day, one)))
