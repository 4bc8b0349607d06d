"""Totals that follow a Delta table equal totals of the whole table, whatever happened to it."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit.data import changefeed, events

ROWS = events.chunk(0, 600, 600)


def land(folder, first, rows=100):
    path = folder / f"{first}.parquet"
    pq.write_table(ROWS.slice(first, rows), path)
    return path


@pytest.fixture
def tables(tmp_path):
    """A Delta table of 200 events in two versions, and where its totals go."""
    source, totals = tmp_path / "events", tmp_path / "totals"
    for first in (0, 100):
        changefeed.append(land(tmp_path, first), source)
    return source, totals


def assert_same(source, totals):
    assert changefeed.read(totals).equals(changefeed.recompute(source))


def test_follows_appends_and_reads_only_what_changed(tables, tmp_path):
    source, totals = tables
    assert repr(changefeed.follow(source, totals)) == "Followed: 2 new versions, 200 changed rows"
    changefeed.append(land(tmp_path, 200), source)
    assert changefeed.follow(source, totals).changed_rows == 100
    assert changefeed.follow(source, totals) == changefeed.Followed(0, 0)
    assert_same(source, totals)
    assert sum(changefeed.read(totals)["events"].to_pylist()) == 300


def test_follows_a_delete_that_empties_a_group(tables):
    source, totals = tables
    changefeed.follow(source, totals)
    DeltaTable(source).delete("country = 'US'")
    changefeed.follow(source, totals)
    assert_same(source, totals)
    assert "US" not in changefeed.read(totals)["country"].to_pylist()


def test_follows_an_update_of_the_amount(tables):
    source, totals = tables
    changefeed.follow(source, totals)
    DeltaTable(source).update(
        predicate="country = 'US'", updates={"price_cents": "price_cents + 7"}
    )
    assert changefeed.follow(source, totals).changed_rows > 0
    assert_same(source, totals)


def test_follows_an_update_of_the_key(tables):
    source, totals = tables
    changefeed.follow(source, totals)
    DeltaTable(source).update(predicate="country = 'US'", updates={"country": "'ZZ'"})
    changefeed.follow(source, totals)
    assert_same(source, totals)
    assert "US" not in changefeed.read(totals)["country"].to_pylist()


def test_an_event_without_a_price_adds_no_cents(tmp_path):
    source = tmp_path / "events"
    totals = tmp_path / "totals"
    rows = ROWS.slice(0, 3).set_column(
        ROWS.schema.get_field_index("price_cents"),
        "price_cents",
        pa.array([None, 5, None], "int64"),
    )
    pq.write_table(rows, tmp_path / "gaps.parquet")
    changefeed.append(tmp_path / "gaps.parquet", source)
    changefeed.follow(source, totals)
    assert_same(source, totals)
    assert changefeed.sums(totals) == [3, 5]
    DeltaTable(source).update(predicate="price_cents IS NULL", updates={"price_cents": "7"})
    changefeed.follow(source, totals)
    assert_same(source, totals)
    assert changefeed.sums(totals) == [3, 19]


CHANGES = [
    lambda table, n: table.delete(f"user_id % 3 = {n % 3}"),
    lambda table, n: table.update(
        predicate=f"price_cents > {n}", updates={"price_cents": f"price_cents - {n}"}
    ),
    lambda table, n: table.update(predicate=f"user_id % 5 = {n % 5}", updates={"country": "'ZZ'"}),
]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3000), st.booleans()), max_size=5))
def test_follows_any_history(tmp_path_factory, history):
    folder = tmp_path_factory.mktemp("history")
    source, totals = folder / "events", folder / "totals"
    changefeed.append(land(folder, 0), source)
    for step, (kind, n, follow_now) in enumerate(history, 1):
        if kind == 3:
            changefeed.append(land(folder, 100 * step), source)
        else:
            CHANGES[kind](DeltaTable(source), n)
        if follow_now:
            changefeed.follow(source, totals)
    changefeed.follow(source, totals)
    assert_same(source, totals)


def test_a_job_that_dies_before_its_commit_starts_over(tables, monkeypatch):
    source, totals = tables

    def dies(*_, **__):
        raise RuntimeError("the machine is gone")

    with monkeypatch.context() as patch:
        patch.setattr(changefeed, "write_deltalake", dies)
        with pytest.raises(RuntimeError, match="gone"):
            changefeed.follow(source, totals)
    assert changefeed.done_version(totals) == -1
    changefeed.follow(source, totals)
    assert_same(source, totals)
    assert changefeed.done_version(totals) == DeltaTable(source).version()


def test_two_jobs_at_once_count_once(tables, tmp_path):
    source, totals = tables
    changefeed.follow(source, totals)
    changefeed.append(land(tmp_path, 200, 400), source)
    with ThreadPoolExecutor() as jobs:
        runs = [jobs.submit(changefeed.follow, source, totals) for _ in range(4)]
    assert sorted(run.result().versions for run in runs) == [0, 0, 0, 1]
    assert_same(source, totals)
    assert {path.name for path in tmp_path.glob(".*")} == set()


def test_two_jobs_that_know_nothing_of_each_other_count_once(tables, tmp_path, monkeypatch):
    source, totals = tables
    changefeed.follow(source, totals)
    changefeed.append(land(tmp_path, 200), source)
    opened = changefeed._opened(totals)
    changefeed.follow(source, totals)
    monkeypatch.setattr(changefeed, "_opened", lambda _: opened)  # as it was before the other
    with pytest.raises(CommitFailedError):
        changefeed.follow(source, f"file://{totals}")
    assert_same(source, totals)


def test_unknown_changes_are_refused():
    with pytest.raises(ValueError, match="a change is one of insert"):
        changefeed.signs(pa.array(["insert", "truncate"]))
