"""The same work never done twice: an aggregate that grows by what is new. Part; lab 02.

An aggregate is a plain dict, {"totals": {day: {country: [events, cents]}}, "users": {day: sketch}},
made of whole numbers and text only: two of them are equal or they are not, without a tolerance.
A state is {"ledger": [file names], "aggregate": ...} in ONE JSON file, so that what has been
counted and which files it came from can never disagree.

`python -m scaletoolkit.data.incremental LANDING STATE` is the job for a scheduler: kill it whenever
you like and start it again.
"""

import functools
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scaletoolkit import lab

COLUMNS = ["event_time", "country", "user_id", "price_cents"]
BATCH_ROWS = 500_000
DAY_MS = 86_400_000
BUCKET_BITS = 11
BUCKETS = 1 << BUCKET_BITS
TAIL_BITS = 64 - BUCKET_BITS  # 53, so that a tail fits a float64 exactly and frexp can count it
ZERO = ord("0")


def hashed(numbers):
    """64 well-mixed bits for each whole number: a uint64 array.

    The finalizer of SplitMix64. Source: G. Steele and others, OOPSLA 2014.
    """
    with np.errstate(over="ignore"):
        h = np.asarray(numbers).astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return h ^ (h >> np.uint64(31))


def sketches(groups, numbers, group_count):
    """A HyperLogLog sketch of the distinct numbers of each group: a list of texts.

    groups: for each number its group, 0 … group_count - 1. A sketch has a character for each of
    its 2048 buckets: "0" plus the longest run of leading zeros, plus one, in the hashes that fell
    there. Source: P. Flajolet and others, AofA 2007.
    """
    bits = hashed(numbers)
    bucket = (bits >> np.uint64(TAIL_BITS)).astype(np.int64)
    tail = (bits & np.uint64((1 << TAIL_BITS) - 1)).astype(np.float64)
    rank = TAIL_BITS + 1 - np.frexp(tail)[1]
    registers = np.zeros((group_count, BUCKETS), np.uint8)
    np.maximum.at(registers.reshape(-1), groups * BUCKETS + bucket, rank.astype(np.uint8))
    return [(row + ZERO).astype(np.uint8).tobytes().decode() for row in registers]


def sketch(numbers):
    """The HyperLogLog sketch of the distinct numbers: a text of 2048 characters."""
    return sketches(np.zeros(len(numbers), np.int64), numbers, 1)[0]


def merge_sketches(*texts):
    """The sketch of all that the sketches have seen; what two of them share counts once."""
    registers = [np.frombuffer(text.encode(), np.uint8) for text in texts]
    return np.maximum.reduce(registers).tobytes().decode()


def estimate(text):
    """How many distinct numbers a sketch has seen, with a relative error of 1.04 / √2048 (2.3 %).

    Needs no correction for small or large counts. Source: O. Ertl, arXiv:1702.01284, algorithm 6.
    """
    values = np.frombuffer(text.encode(), np.uint8) - ZERO
    counts = np.bincount(values, minlength=TAIL_BITS + 2)
    z = BUCKETS * _tau(1 - counts[TAIL_BITS + 1] / BUCKETS)
    for k in range(TAIL_BITS, 0, -1):
        z = (z + counts[k]) / 2
    z += BUCKETS * _sigma(counts[0] / BUCKETS)
    return float(BUCKETS**2 / (2 * np.log(2) * z))


def _sigma(x):
    if x == 1:
        return np.inf
    total, y, before = x, 1.0, -1.0
    while total != before:
        x, before = x * x, total
        total, y = total + x * y, 2 * y
    return total


def _tau(x):
    if x in (0, 1):
        return 0.0
    total, y, before = 1 - x, 1.0, -1.0
    while total != before:
        x, before, y = np.sqrt(x), total, y / 2
        total = total - (1 - x) ** 2 * y
    return total / 3


def empty():
    """The aggregate of no events: merging it changes nothing."""
    return {"totals": {}, "users": {}}


def aggregate(events):
    """The aggregate of an Arrow table (or record batch) of events; rows with a gap are left out."""
    table = pa.table(events).select(COLUMNS).drop_null()
    days, group = np.unique(
        table["event_time"].cast(pa.timestamp("ms")).cast(pa.int64()).to_numpy() // DAY_MS,
        return_inverse=True,
    )
    names = np.datetime_as_string(days.astype("datetime64[D]")).tolist()
    users = sketches(group, table["user_id"].to_numpy(), len(days))
    sums = table.select(["country", "price_cents"]).append_column("day", pa.array(group))
    sums = sums.group_by(["day", "country"]).aggregate(
        [("price_cents", "count"), ("price_cents", "sum")]
    )
    totals = {name: {} for name in names}
    for row in sums.to_pylist():
        cell = [row["price_cents_count"], row["price_cents_sum"]]
        totals[names[row["day"]]][row["country"]] = cell
    return {"totals": totals, "users": dict(zip(names, users, strict=True))}


def merge(one, other):
    """The aggregate of both: counts and sums are added, sketches merged. Changes neither.

    Associative and commutative, so any cut into increments and any order gives the same.
    """
    totals = {day: dict(countries) for day, countries in one["totals"].items()}
    for day, countries in other["totals"].items():
        mine = totals.setdefault(day, {})
        for country, (events, cents) in countries.items():
            before = mine.get(country, (0, 0))
            mine[country] = [before[0] + events, before[1] + cents]
    users = dict(one["users"])
    for day, text in other["users"].items():
        users[day] = merge_sketches(users[day], text) if day in users else text
    return {"totals": totals, "users": users}


def summarize(file, filesystem=None):
    """The aggregate of one Parquet file of events; memory is bounded by a batch."""
    with pq.ParquetFile(str(file), filesystem=filesystem) as source:
        batches = source.iter_batches(batch_size=BATCH_ROWS, columns=COLUMNS)
        return functools.reduce(merge, map(aggregate, batches), empty())


def total(aggregate):
    """All events and all cents of an aggregate: (events, cents)."""
    cells = [cell for countries in aggregate["totals"].values() for cell in countries.values()]
    return sum(cell[0] for cell in cells), sum(cell[1] for cell in cells)


def load(path):
    """The state in this file, or the empty one where there is no file yet."""
    path = Path(path)
    if not path.exists():
        return {"ledger": [], "aggregate": empty()}
    return json.loads(path.read_text())


def commit(state, path):
    """Replace the state file as a whole: whoever reads it sees the old state or the new one.

    fsync before the rename, so that after a power cut the new name cannot stand on missing bytes;
    fsync of the folder after it, so that the rename itself lasts.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        json.dump(state, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def pending(landing, state):
    """The landed Parquet files that the ledger does not name, by name: a list of Paths.

    A ledger and not a watermark: a file that comes late is simply a file that is not in it.
    """
    done = set(state["ledger"])
    return [file for file in sorted(Path(landing).glob("*.parquet")) if file.name not in done]


@dataclass(frozen=True)
class Update:
    """What an update did."""

    new_files: int
    known_files: int

    def __repr__(self):
        return f"Update: {self.new_files} new files, {self.known_files} known"


def update(landing, path, filesystem=None):
    """Fold every new file of `landing` into the state at `path`: an Update.

    One commit a file: killed at any moment it has counted each file once or not at all, and the
    next call goes on from there. One updater at a time; landed files never change.
    """
    state = load(path)
    known, new = len(state["ledger"]), pending(landing, state)
    for file in lab.progress(new, len(new), "folding in new files"):
        state = {
            "ledger": sorted([*state["ledger"], file.name]),
            "aggregate": merge(state["aggregate"], summarize(file, filesystem)),
        }
        commit(state, path)
    return Update(len(new), known)


def recompute(landing, path, filesystem=None):
    """Build the state from every landed file, as if there were none yet: an Update."""
    files = pending(landing, {"ledger": []})
    counted = lab.progress(files, len(files), "reading every file")
    parts = (summarize(file, filesystem) for file in counted)
    state = {
        "ledger": [file.name for file in files],
        "aggregate": functools.reduce(merge, parts, empty()),
    }
    commit(state, path)
    return Update(len(files), 0)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m scaletoolkit.data.incremental LANDING STATE")
    print(update(*sys.argv[1:]))
