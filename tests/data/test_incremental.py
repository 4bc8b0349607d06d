"""The same aggregate however it is cut, ordered or killed."""

import functools
import itertools
import json
import multiprocessing
import random
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit import lab
from scaletoolkit.data import events, incremental, sketches

COLUMNS = incremental.COLUMNS
EVENTS = events.chunk(0, 4000, 4000).select(COLUMNS)
WHOLE = incremental.aggregate(EVENTS)


@pytest.fixture(scope="module")
def landing(tmp_path_factory):
    """Twenty thousand events in a file for each day of arrival."""
    folder = tmp_path_factory.mktemp("landing")
    return events.land(events.ensure(folder / "events", 20_000), folder / "landed")[0].parent


def test_totals_agree_with_a_plain_count():
    rows = EVENTS.to_pylist()
    day, country = f"{rows[0]['event_time']:%Y-%m-%d}", rows[0]["country"]
    same = [r for r in rows if r["country"] == country and f"{r['event_time']:%Y-%m-%d}" == day]
    expected = [len(same), sum(r["price_cents"] for r in same)]
    assert WHOLE["totals"][day][country] == expected
    assert incremental.total(WHOLE) == (4000, sum(r["price_cents"] for r in rows))


@settings(deadline=None)
@given(st.lists(st.integers(0, 4000), max_size=8), st.randoms())
def test_same_aggregate_however_cut_and_ordered(cuts, shuffler):
    bounds = [0, *sorted(cuts), 4000]
    pieces = [EVENTS.slice(a, b - a) for a, b in itertools.pairwise(bounds)]
    shuffler.shuffle(pieces)
    parts = map(incremental.aggregate, pieces)
    assert functools.reduce(incremental.merge, parts, incremental.empty()) == WHOLE


def test_sketch_and_sample_are_those_of_the_rows():
    users = EVENTS["user_id"].to_pylist()
    assert sketches.estimate(WHOLE["users"]) == pytest.approx(len(set(users)), rel=0.02)
    sample = incremental.sample(WHOLE)  # fewer rows than it may hold: all of them
    assert sorted(sample.values.tolist()) == sorted(EVENTS["price_cents"].to_pylist())


def test_the_sample_stays_as_large_as_it_is(landing):
    parts = map(incremental.summarize, sorted(landing.iterdir()))
    whole = functools.reduce(incremental.merge, parts, incremental.empty())
    sample = incremental.sample(whole)
    assert len(sample.values) == incremental.SAMPLE_ROWS < incremental.total(whole)[0]
    assert sample.keys.tolist() == sorted(sample.keys.tolist())


def test_merge_changes_neither_side():
    one, other = (incremental.aggregate(EVENTS.slice(a, 2000)) for a in (0, 2000))
    before = json.dumps([one, other])
    incremental.merge(one, other)
    assert json.dumps([one, other]) == before


def test_rows_with_a_gap_are_left_out():
    gap = pa.table({name: EVENTS[name].slice(0, 1) for name in COLUMNS})
    gap = gap.set_column(2, "user_id", pa.array([None], pa.int64()))
    assert incremental.aggregate(pa.concat_tables([EVENTS, gap])) == WHOLE


def test_update_is_the_recompute_and_reads_nothing_twice(landing, tmp_path):
    state, full = tmp_path / "state.json", tmp_path / "full.json"
    first = incremental.update(landing, state)
    assert (first.new_files, first.known_files) == (len(list(landing.iterdir())), 0)
    incremental.recompute(landing, full)
    assert state.read_bytes() == full.read_bytes()
    assert repr(incremental.update(landing, state)) == "Update: 0 new files, 32 known"
    assert state.read_bytes() == full.read_bytes()


def test_a_late_file_is_just_another_file(landing, tmp_path):
    folder, state, full = tmp_path / "landed", tmp_path / "state.json", tmp_path / "full.json"
    folder.mkdir()
    files = sorted(landing.iterdir())
    for file in [*files[:3], *files[4:], files[3]]:  # the fourth day comes last
        (folder / file.name).write_bytes(file.read_bytes())
        assert incremental.update(folder, state).new_files == 1
    incremental.recompute(landing, full)
    assert state.read_bytes() == full.read_bytes()


def test_twenty_kills_end_like_a_recompute(landing, tmp_path):
    state, full = tmp_path / "state.json", tmp_path / "full.json"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scaletoolkit.data.incremental", "pyarrow.acero", "pandas"])
    rows_in = {file.name: pq.read_metadata(file).num_rows for file in landing.iterdir()}
    delays, kills = random.Random(8), 0
    while kills < 20:
        victim = context.Process(target=incremental.update, args=(landing, state))
        victim.start()
        time.sleep(delays.uniform(0, 0.06))
        victim.kill()
        victim.join()
        if victim.exitcode != -signal.SIGKILL:
            state.unlink()  # it was done before the kill: once more, from nothing
            continue
        kills += 1
        books = incremental.load(state)
        assert incremental.total(books["aggregate"])[0] == sum(map(rows_in.get, books["ledger"]))
    incremental.update(landing, state)
    incremental.recompute(landing, full)
    assert state.read_bytes() == full.read_bytes()


def test_three_updates_at_once_take_turns(landing, tmp_path):
    state = tmp_path / "state.json"
    job = [sys.executable, "-m", "scaletoolkit.data.incremental", landing, state]
    jobs = [subprocess.Popen(job) for _ in range(3)]
    assert [process.wait() for process in jobs] == [0, 0, 0]
    incremental.recompute(landing, tmp_path / "full.json")
    assert state.read_bytes() == (tmp_path / "full.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full.json", "state.json"]


def test_two_states_of_half_the_files_are_the_state_of_all(landing, tmp_path):
    incremental.recompute(landing, tmp_path / "full.json")
    for number, file in enumerate(sorted(landing.iterdir())):
        half = tmp_path / str(number % 2)
        half.mkdir(exist_ok=True)
        (half / file.name).hardlink_to(file)
    for half in "01":
        incremental.update(tmp_path / half, tmp_path / f"{half}.json")
    one, other = (incremental.load(tmp_path / f"{half}.json")["aggregate"] for half in "01")
    whole = incremental.load(tmp_path / "full.json")["aggregate"]
    assert incremental.merge(one, other) == whole


OLD = {"ledger": [], "aggregate": {"totals": {}, "users": {"2026-06-01": "0"}}}
ODD = {"ledger": [], "aggregate": incremental.empty() | {"users": 5}}
SMALL = {"ledger": [], "aggregate": incremental.empty() | {"users": "0" * 2048}}


@pytest.mark.parametrize("text", ["", "no JSON", "[]", *map(json.dumps, [{}, OLD, ODD, SMALL])])
def test_what_is_no_state_is_refused_in_a_sentence_and_kept(landing, tmp_path, text):
    state = tmp_path / "state.json"
    state.write_text(text)
    with pytest.raises(lab.LabError, match=r"state.json holds no state of this version"):
        incremental.update(landing, state)
    assert state.read_text() == text


def test_a_half_written_state_is_never_read(landing, tmp_path):
    state = tmp_path / "state.json"
    incremental.update(landing, state)
    good = state.read_bytes()
    (tmp_path / ".state.json.01234567.partial").write_bytes(good[: len(good) // 2])
    assert incremental.update(landing, state).new_files == 0
    assert state.read_bytes() == good


def test_the_job_runs_from_a_command_line(landing, tmp_path):
    job = [sys.executable, "-m", "scaletoolkit.data.incremental"]
    run = [*job, landing, tmp_path / "state.json"]
    first, second = (subprocess.run(run, capture_output=True, text=True) for _ in range(2))
    assert first.stdout == "Update: 32 new files, 0 known\n"
    assert second.stdout == "Update: 0 new files, 32 known\n"
    wrong = subprocess.run(job, capture_output=True, text=True)
    assert wrong.returncode == 1
    assert wrong.stderr == "usage: python -m scaletoolkit.data.incremental LANDING STATE\n"
    nowhere = subprocess.run(
        [*job, tmp_path / "x", "y"], capture_output=True, text=True, cwd=tmp_path
    )
    assert nowhere.returncode == 1
    assert nowhere.stderr == f"There is no folder {tmp_path / 'x'} of landed files.\n"


NAMES = ["event_time", "user_id", "price_cents"]
TEXTS = EVENTS.set_column(2, "user_id", pa.array(["x"] * 4000))
NUMBERS = EVENTS.set_column(1, "country", pa.array([7] * 4000))
FOREIGN = {
    "half landed": (lambda file: file.write_bytes(file.read_bytes()[:-99]), "cannot be read: "),
    "no Parquet": (lambda file: file.write_text("a,b\n"), "cannot be read: "),
    "a column less": (
        lambda file: pq.write_table(EVENTS.select(NAMES), file),
        "it has no column country; there are event_time, user_id, price_cents.",
    ),
    "texts": (
        lambda file: pq.write_table(TEXTS, file),
        "its column user_id must hold whole numbers; it holds string.",
    ),
    "numbers": (
        lambda file: pq.write_table(NUMBERS, file),
        "its column country must hold text; it holds int64.",
    ),
}


@pytest.mark.parametrize(("damage", "sentence"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_cannot_be_counted_is_a_sentence(landing, tmp_path, damage, sentence):
    first, second = sorted(landing.iterdir())[:2]
    (tmp_path / "1.parquet").write_bytes(first.read_bytes())
    (tmp_path / "2.parquet").write_bytes(second.read_bytes())
    damage(tmp_path / "2.parquet")
    for job in (incremental.update, incremental.recompute):
        with pytest.raises(lab.LabError, match=f"^2.parquet:? {sentence}"):
            job(tmp_path, tmp_path / "state.json")
    assert incremental.load(tmp_path / "state.json")["ledger"] == ["1.parquet"]


def test_batches_do_not_change_the_aggregate(tmp_path, monkeypatch):
    pq.write_table(EVENTS, tmp_path / "events.parquet")
    monkeypatch.setattr(incremental, "BATCH_ROWS", 333)
    assert incremental.summarize(tmp_path / "events.parquet") == WHOLE


TEXT_KINDS = [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.large_string())]


@pytest.mark.parametrize("kind", TEXT_KINDS, ids=str)
def test_any_kind_of_text_is_a_country(tmp_path, kind):
    place = COLUMNS.index("country")
    texts = EVENTS["country"].cast(pa.string()).combine_chunks()
    texts = texts.dictionary_encode() if pa.types.is_dictionary(kind) else texts
    rows = EVENTS.set_column(place, "country", texts.cast(kind))
    pq.write_table(rows, tmp_path / "events.parquet")
    assert incremental.summarize(tmp_path / "events.parquet") == WHOLE


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize(("unit", "more"), [("us", 999), ("ns", 999_999)])
def test_what_is_finer_than_a_millisecond_is_left_out(tmp_path, unit, more, zone):
    times = EVENTS["event_time"].cast(pa.timestamp(unit)).cast(pa.int64()).combine_chunks()
    finer = pa.compute.add(times, more).cast(pa.timestamp(unit, zone))
    place = COLUMNS.index("event_time")
    pq.write_table(EVENTS.set_column(place, "event_time", finer), tmp_path / "events.parquet")
    assert incremental.summarize(tmp_path / "events.parquet") == WHOLE


def test_the_hour_that_a_clock_on_the_wall_has_twice_is_counted():
    moment = pa.array([1_761_438_600_000], pa.timestamp("ms", "Europe/Berlin"))  # 00:30 in UTC
    row = EVENTS.slice(0, 1).set_column(COLUMNS.index("event_time"), "event_time", moment)
    assert list(incremental.aggregate(row)["totals"]) == ["2025-10-26"]


def test_a_moment_before_1970_belongs_to_the_day_before(tmp_path):
    moment = pa.array([-1], pa.timestamp("us"))
    row = EVENTS.slice(0, 1).set_column(COLUMNS.index("event_time"), "event_time", moment)
    assert list(incremental.aggregate(row)["totals"]) == ["1969-12-31"]
