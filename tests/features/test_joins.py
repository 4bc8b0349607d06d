"""Point-in-time joins against plain loops, and against engines where they are installed."""

import bisect
import datetime
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit import features

SMALL = st.integers(-3, 3)
WIDE = st.one_of(SMALL, st.sampled_from([-(2**63), 2**63 - 1, 2**62]))
EVENTS = st.lists(st.tuples(WIDE, SMALL, SMALL, SMALL), max_size=12)
UNTIMED = settings(deadline=None)
LABELS = st.lists(st.tuples(WIDE, SMALL), max_size=6)


def columns(rows, width):
    return np.array(rows, np.int64).reshape(-1, width).T


def last_before(keys, times, key, at):
    """The number of the last of the latest rows of a key before a moment, or -1: a plain loop."""
    best = -1
    for row, (row_key, time) in enumerate(zip(keys, times, strict=True)):
        if row_key == key and time < at and (best < 0 or time >= times[best]):
            best = row
    return best


@UNTIMED
@given(EVENTS, LABELS)
def test_as_of_is_the_plain_loop(events, labels):
    keys, times, _, _ = columns(events, 4)
    wanted, moments = columns(labels, 2)
    expected = [last_before(keys, times, key, at) for key, at in labels]
    assert features.as_of(keys, times, wanted, moments).tolist() == expected


@UNTIMED
@given(EVENTS, LABELS)
def test_totals_are_those_of_a_plain_loop(events, labels):
    keys, times, values, _ = columns(events, 4)
    sums, counts = features.totals_before(keys, times, values, *columns(labels, 2))
    for (key, at), total, count in zip(labels, sums, counts, strict=True):
        before = [value for row_key, time, value, _ in events if row_key == key and time < at]
        assert (total, count) == (sum(before), len(before))


def standing_one_by_one(events):
    """Which row stands after each arrival, as a store would keep it."""
    stands = {}
    result = [0] * len(events)
    for row in sorted(range(len(events)), key=lambda row: (events[row][1], row)):
        key, _, happened, _ = events[row]
        if key not in stands or happened >= events[stands[key]][2]:
            stands[key] = row
        result[row] = stands[key]
    return result


@UNTIMED
@given(EVENTS)
def test_a_late_update_does_not_overwrite_a_newer_one(events):
    keys, arrived, happened, _ = columns(events, 4)
    assert features.standing(keys, arrived, happened).tolist() == standing_one_by_one(events)


def known_to(events, key, at):
    """The value of the newest event of a key that had arrived before a moment, or None."""
    known = [event for event in events if None not in event[:3] and event[0] == key]
    known = [event for event in known if at is not None and event[1] < at]
    best = max(known, key=lambda event: (event[2], event[1]), default=None)
    return best and best[3]


MAYBE = st.one_of(st.none(), SMALL)


@UNTIMED
@given(
    st.lists(st.tuples(MAYBE, MAYBE, MAYBE, MAYBE), max_size=12, unique_by=lambda e: e[1:3]),
    st.lists(st.tuples(MAYBE, MAYBE), max_size=6),
)
def test_a_training_set_has_one_row_a_label_whatever_is_null(events, labels):
    names = ["user_id", "arrived_at", "event_time", "clicks"]
    table = pa.table(
        {name: pa.array([e[i] for e in events], "int64") for i, name in enumerate(names)}
    )
    asked = {"user_id": 0, "event_time": 1}
    wanted = pa.table(
        {name: pa.array([row[i] for row in labels], "int64") for name, i in asked.items()}
    )
    found = features.training_set(table, wanted, ["clicks"])
    assert found.select(list(asked)).equals(wanted)
    assert found["clicks"].to_pylist() == [known_to(events, key, at) for key, at in labels]


def test_times_may_be_timestamps():
    day = [datetime.datetime(2026, 6, number) for number in (1, 2, 3)]
    events = pa.table(
        {"user_id": [7, 7], "event_time": day[:2], "arrived_at": day[:2], "x": [1, 2]}
    )
    labels = pa.table({"user_id": [7, 7, 8], "event_time": [day[1], day[2], day[2]]})
    assert features.training_set(events, labels, ["x"])["x"].to_pylist() == [1, 2, None]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [(["y"], "the events have no column 'y'"), (["user_id"], "a column 'user_id' already")],
)
def test_what_cannot_be_joined_is_a_sentence(values, sentence):
    events = pa.table({"user_id": [1], "event_time": [1], "arrived_at": [1]})
    with pytest.raises(ValueError, match=sentence):
        features.training_set(events, events.select(["user_id", "event_time"]), values)


def test_dates_of_different_units_are_one_clock():
    """An arrival at 10 s is not before a label at 5,000 ms, although 10 < 5,000."""
    seconds = pa.array([10], pa.timestamp("s"))
    events = pa.table({"user_id": [7], "event_time": seconds, "arrived_at": seconds, "x": [1]})
    for moment_ms, expected in ((5_000, None), (10_000, None), (10_001, 1)):
        at = pa.array([moment_ms], pa.timestamp("ms"))
        labels = pa.table({"user_id": [7], "event_time": at})
        assert features.training_set(events, labels, ["x"])["x"].to_pylist() == [expected]


@pytest.mark.parametrize("zones", [("UTC", None), (None, "Europe/Paris"), ("UTC", "Asia/Tokyo")])
def test_one_time_zone_alone_is_no_clock(zones):
    kinds = [pa.timestamp("s", tz) for tz in zones]
    times = [pa.array([moment], kind) for moment, kind in zip((9, 10), kinds, strict=True)]
    events = pa.table({"user_id": [7], "event_time": times[0], "arrived_at": times[0], "x": [1]})
    labels = pa.table({"user_id": [7], "event_time": times[1]})
    if all(zones):  # moments, whatever the clocks on the wall show
        assert features.training_set(events, labels, ["x"])["x"].to_pylist() == [1]
        return
    with pytest.raises(ValueError, match=r"^labels at timestamp.* they are not one clock$"):
        features.training_set(events, labels, ["x"])


DAY = np.array(["2026-06-01"], "M8[D]")


def test_no_events_and_no_labels_are_on_any_clock():
    assert features.as_of([1], DAY, [], []).tolist() == []
    assert features.as_of([], [], [1], DAY).tolist() == [-1]
    assert features.as_of([], np.array([], "M8[s]"), [1], [5]).tolist() == [-1]


@pytest.mark.parametrize(
    ("times", "moments", "sentence"),
    [
        (DAY, [5], "not one clock"),
        (np.array(["NaT"], "M8[D]"), DAY, "times must all be there"),
        (np.array(["9999-01-01"], "M8[D]"), DAY.astype("M8[ns]"), "times reach beyond"),
        ([1, 2], [5], "each key needs one time"),
    ],
)
def test_times_that_cannot_be_compared_are_a_sentence(times, moments, sentence):
    with pytest.raises(ValueError, match=sentence):
        features.as_of([1], times, [1], moments)


@pytest.mark.parametrize("values", [[1.0], [1.0, np.nan], [np.inf, 1.0]])
def test_no_missing_value_spoils_the_totals_of_others(values):
    with pytest.raises(ValueError, match="one finite value"):
        features.totals_before([1, 2], [1, 1], values, [2], [5])


def test_fractions_are_no_keys():
    with pytest.raises(ValueError, match="label_times must be integers"):
        features.as_of([1], [1], [1], [0.5])


@pytest.fixture(scope="module")
def many():
    """A million events with ties and 100,000 labels: keys, times, label keys, label times."""
    dice = np.random.default_rng(0)
    return (
        dice.integers(0, 20_000, 1_000_000),
        dice.integers(0, 5_000, 1_000_000),
        dice.integers(0, 21_000, 100_000),
        dice.integers(0, 5_000, 100_000),
    )


def test_a_million_rows_are_joined_as_by_a_loop(many):
    keys, times, wanted, moments = many
    rows = {}
    for row in np.argsort(times, kind="stable").tolist():
        rows.setdefault(int(keys[row]), []).append(row)
    known = {key: [int(times[row]) for row in of] for key, of in rows.items()}
    expected = []
    for key, at in zip(wanted.tolist(), moments.tolist(), strict=True):
        place = bisect.bisect_left(known.get(key, []), at)
        expected.append(rows[key][place - 1] if place else -1)
    assert features.as_of(keys, times, wanted, moments).tolist() == expected


def tables(many):
    """The same rows with nulls: events (k, t, value) and labels (k, t, number), as Arrow tables."""
    keys, times, wanted, moments = many
    dice = np.random.default_rng(1)
    holes = lambda count: dice.random(count) < 0.02  # noqa: E731
    events = {
        "k": pa.array(keys, mask=holes(len(keys))),
        "t": pa.array(times, mask=holes(len(keys))),
    }
    labels = {"k": pa.array(wanted, mask=holes(len(wanted)))}
    labels |= {
        "t": pa.array(moments, mask=holes(len(wanted))),
        "number": pa.array(range(len(wanted))),
    }
    return pa.table(events | {"seen": events["t"], "row": pa.array(range(len(keys)))}), pa.table(
        labels
    )


def ours(events, labels):
    """The time and the row that each label found."""
    options = {"key": "k", "happened": "t", "known": "t"}
    events = events.append_column("arrived", events["t"])
    found = features.training_set(events, labels, ["seen", "row"], **options)
    return found["seen"].to_pylist(), found["row"].to_pylist()


def test_duckdb_joins_the_same(many):
    duckdb = pytest.importorskip("duckdb", reason="duckdb is in the extra bench")
    events, labels = tables(many)
    query = "SELECT seen FROM labels L ASOF LEFT JOIN events R ON L.k = R.k AND L.t > R.t"
    connection = duckdb.connect()
    connection.register("events", events)
    connection.register("labels", labels)
    found = connection.execute(query + " ORDER BY L.number").fetchall()
    assert [row[0] for row in found] == ours(events, labels)[0]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_polars_joins_the_same(many):
    polars = pytest.importorskip("polars", reason="polars is in the extra bench")
    events, labels = tables(many)
    left = polars.from_arrow(labels).drop_nulls().sort("t", maintain_order=True)
    right = polars.from_arrow(events).drop_nulls(["k", "t"]).sort("t", maintain_order=True)
    found = left.join_asof(right, on="t", by="k", allow_exact_matches=False)
    seen, rows = ours(events, labels)
    assert found["seen"].to_list() == [seen[number] for number in found["number"]]
    assert found["row"].to_list() == [rows[number] for number in found["number"]]


def test_memory_above_the_arguments_is_24_bytes_a_row(many):
    tracemalloc.start()
    features.as_of(*many)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes <= 30 * len(many[0])  # labels are a tenth, and need a few arrays of their own
