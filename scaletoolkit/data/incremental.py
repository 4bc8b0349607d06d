"""The same work never done twice: an aggregate that grows by what is new. Lab 02.

An aggregate holds whole numbers and text only: two of them are equal, or they are not. What adds up
is kept as sums; of users there is a sketch, and of the prices a sample, both of fixed size. A state
is ONE JSON file, so that what has been counted and the files that it came from never disagree.

`python -m scaletoolkit.data.incremental LANDING STATE` may be killed at any time. States merge.
"""

import functools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from scaletoolkit import lab
from scaletoolkit.data import sampling, sketches
from scaletoolkit.data.own.sources import plain, readable
from scaletoolkit.machine import files, folders

TYPES = {
    "event_time": ("times", pa.types.is_timestamp),
    "country": ("text", pa.types.is_string),
    "user_id": ("whole numbers", pa.types.is_integer),
    "price_cents": ("whole numbers", pa.types.is_integer),
}
COLUMNS = list(TYPES)
BATCH_ROWS = 500_000
SAMPLE_ROWS = 5000
DAY_MS = 86_400_000
WAITING = "another job is at work on this state"


class Sample(TypedDict):
    """A reservoir of SAMPLE_ROWS prices, as lists: see `sampling.Reservoir`."""

    keys: list[int]
    cents: list[int]


class Aggregate(TypedDict):
    """What is known of some events: {day: {country: [events, cents]}}, a sketch, a sample."""

    totals: dict[str, dict[str, list[int]]]
    users: str
    prices: Sample


class State(TypedDict):
    """An aggregate, and the names of the files that it comes from."""

    ledger: list[str]
    aggregate: Aggregate


def empty() -> Aggregate:
    """The aggregate of no events: merging it changes nothing."""
    return {"totals": {}, "users": sketches.sketch([]), "prices": {"keys": [], "cents": []}}


def aggregate(events: pa.Table | pa.RecordBatch) -> Aggregate:
    """The aggregate of these events; rows with a gap are left out, and parts of milliseconds."""
    table = pa.table(events).select(COLUMNS).drop_null()
    clock = pa.timestamp(table["event_time"].type.unit)  # UTC: a clock on the wall has hours twice
    moments = pc.floor_temporal(table["event_time"].cast(clock), unit="millisecond")
    times = moments.cast(pa.timestamp("ms")).cast(pa.int64()).to_numpy()
    users = table["user_id"].to_numpy()
    cents = table["price_cents"].to_numpy()
    keys = sampling.row_keys([times, users, cents])
    return {
        "totals": _totals(table.append_column("day", pa.array(times // DAY_MS))),
        "users": sketches.sketch(users),
        "prices": _plain(sampling.reservoir(keys, cents, SAMPLE_ROWS)),
    }


def _totals(table: pa.Table) -> dict[str, dict[str, list[int]]]:
    """{day: {country: [events, cents]}} of rows whose `day` is counted from 1970."""
    sums = table.group_by(["day", "country"]).aggregate(
        [("price_cents", "count"), ("price_cents", "sum")]
    )
    totals: dict[str, dict[str, list[int]]] = {}
    for row in sums.to_pylist():
        cell = [row["price_cents_count"], row["price_cents_sum"]]
        day = str(np.datetime64(row["day"], "D"))
        totals.setdefault(day, {})[row["country"]] = cell
    return totals


def _plain(reservoir: sampling.Reservoir) -> Sample:
    return {"keys": reservoir.keys.tolist(), "cents": reservoir.values.tolist()}


def sample(aggregate: Aggregate) -> sampling.Reservoir:
    """The sample of prices that an aggregate holds."""
    keys = np.array(aggregate["prices"]["keys"], np.uint64)
    cents = np.array(aggregate["prices"]["cents"], np.int64)
    return sampling.Reservoir(SAMPLE_ROWS, keys, cents)


def merge(one: Aggregate, other: Aggregate) -> Aggregate:
    """The aggregate of both: sums are added, sketches and samples merged. Changes neither.

    Associative and commutative, so any cut into increments and any order gives the same.
    """
    totals = {day: dict(countries) for day, countries in one["totals"].items()}
    for day, countries in other["totals"].items():
        mine = totals.setdefault(day, {})
        for country, (events, cents) in countries.items():
            events_before, cents_before = mine.get(country, (0, 0))
            mine[country] = [events_before + events, cents_before + cents]
    return {
        "totals": totals,
        "users": sketches.merge(one["users"], other["users"]),
        "prices": _plain(sampling.merge(sample(one), sample(other))),
    }


def summarize(file: str | Path, filesystem: fs.FileSystem | None = None) -> Aggregate:
    """The aggregate of one Parquet file of events; memory is bounded by a batch.

    LabError with the file's name where it is not whole, or no file of events.
    """
    with readable(Path(file)), pq.ParquetFile(str(file), filesystem=filesystem) as source:
        _check_types(source.schema_arrow)
        batches = source.iter_batches(batch_size=BATCH_ROWS, columns=COLUMNS)
        return functools.reduce(merge, map(aggregate, batches), empty())


def _check_types(schema: pa.Schema) -> None:
    for name, (expected, is_right) in TYPES.items():
        if name not in schema.names:
            raise lab.LabError(f"it has no column {name}; there are {', '.join(schema.names)}.")
        kind = schema.field(name).type
        if not is_right(plain(kind)):
            raise lab.LabError(f"its column {name} must hold {expected}; it holds {kind}.")


def total(aggregate: Aggregate) -> tuple[int, int]:
    """All events and all cents of an aggregate: (events, cents)."""
    cells = [cell for countries in aggregate["totals"].values() for cell in countries.values()]
    return sum(cell[0] for cell in cells), sum(cell[1] for cell in cells)


def load(path: str | Path) -> State:
    """The state in this file, or the empty one where there is no file yet.

    Raises LabError where the file holds no state, or one in another version's form.
    """
    path = Path(path)
    nothing: State = {"ledger": [], "aggregate": empty()}
    if not path.exists():
        return nothing
    try:
        state = json.loads(path.read_text())
        whole = state.keys() == nothing.keys() and _is_aggregate(state["aggregate"])
    except (ValueError, AttributeError, TypeError):  # no text, no JSON, no such parts
        whole = False
    if not whole:
        raise lab.LabError(f"{path} holds no state of this version; a recompute writes it anew.")
    return state


def _is_aggregate(value: Aggregate) -> bool:
    """Whether a state's aggregate has this version's parts, and its sketch this version's size."""
    nothing = empty()
    return value.keys() == nothing.keys() and len(value["users"]) == len(nothing["users"])


def commit(state: State, path: str | Path) -> None:
    """Replace the state file as a whole, also in a power cut. One writer at a time.

    The bytes are on disk before the file gets its name, and the name is on disk at the end.
    """
    with files.replaced(Path(path)) as partial:
        partial.write_text(json.dumps(state, sort_keys=True))


def _landed(landing: str | Path) -> list[Path]:
    """The landed Parquet files, sorted by name; LabError where there is no such folder."""
    if not Path(landing).is_dir():
        raise lab.LabError(f"There is no folder {landing} of landed files.")
    return sorted(Path(landing).glob("*.parquet"))


def pending(landing: str | Path, state: State) -> list[Path]:
    """The landed files that the ledger does not name, sorted by name; late ones too."""
    done = set(state["ledger"])
    return [file for file in _landed(landing) if file.name not in done]


@dataclass(frozen=True)
class Update:
    """What an update did."""

    new_files: int
    known_files: int

    def __repr__(self) -> str:
        return f"Update: {self.new_files} new files, {self.known_files} known"


def update(
    landing: str | Path, path: str | Path, filesystem: fs.FileSystem | None = None
) -> Update:
    """Fold every new file of `landing` into the state at `path`, one commit a file.

    Killed at any moment it has counted each once or not at all. A second updater waits. LabError
    for a file that cannot be counted; those before it are.
    """
    with folders.alone(Path(path), WAITING):
        state = load(path)
        known_files = len(state["ledger"])
        new = pending(landing, state)
        for file in lab.progress(new, len(new), "folding in new files"):
            state = {
                "ledger": sorted([*state["ledger"], file.name]),
                "aggregate": merge(state["aggregate"], summarize(file, filesystem)),
            }
            commit(state, path)
    return Update(len(new), known_files)


def recompute(
    landing: str | Path, path: str | Path, filesystem: fs.FileSystem | None = None
) -> Update:
    """Build the state at `path` from every landed file, as if there were none yet."""
    with folders.alone(Path(path), WAITING):
        landed = _landed(landing)
        counted = lab.progress(landed, len(landed), "reading every file")
        parts = (summarize(file, filesystem) for file in counted)
        whole = functools.reduce(merge, parts, empty())
        commit({"ledger": [file.name for file in landed], "aggregate": whole}, path)
    return Update(len(landed), 0)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m scaletoolkit.data.incremental LANDING STATE")
    try:
        print(update(sys.argv[1], sys.argv[2]))
    except lab.LabError as error:
        sys.exit(str(error))
