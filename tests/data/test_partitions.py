"""The same rows and answers however partitioned; bytes counted honestly; merging in any order."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit.data import events, partitions
from scaletoolkit.machine import disk

ROWS = 20_000


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return events.ensure(tmp_path_factory.mktemp("events") / "events", ROWS)


@pytest.fixture(scope="module")
def layouts(source, tmp_path_factory):
    root = tmp_path_factory.mktemp("layouts")
    return {name: partitions.write_layout(source, root / name, name) for name in partitions.LAYOUTS}


def rows_of(folder, columns):
    table = partitions.open_layout(folder).to_table(columns=columns)
    country = table["country"].cast(pa.string())
    table = table.set_column(columns.index("country"), "country", country)
    return table.sort_by([(name, "ascending") for name in columns])


def test_every_layout_holds_the_same_rows(source, layouts):
    columns = ["session_id", "user_id", "event_time", "price_cents", "country", "f0"]
    expected = rows_of(layouts["one file"], columns)
    assert expected.num_rows == ROWS
    for layout in layouts.values():
        assert rows_of(layout, columns).equals(expected)


@pytest.mark.parametrize(("about", "value"), list(events.KEYS.items()))
def test_every_layout_gives_the_same_answer(layouts, about, value):
    answers = set()
    for name, folder in layouts.items():
        where = partitions.question(about, value, name)
        table, _ = partitions.scan(folder, ["price_cents"], where, disk.Reads())
        answers.add((table.num_rows, pc.sum(table["price_cents"]).as_py()))
    assert len(answers) == 1


def test_the_right_key_opens_one_file(layouts):
    for about, name in [("day", "by day"), ("country", "by country"), ("user_id", "by user")]:
        where = partitions.question(about, events.KEYS[about], name)
        _, report = partitions.scan(layouts[name], ["price_cents"], where, disk.Reads())
        assert report.files_read == 1
        assert report.files > 20


def test_a_scan_never_reads_more_than_its_files_and_their_footers(layouts):
    for name, folder in layouts.items():
        files = list(folder.rglob("*.parquet"))
        where = partitions.question("user_id", 12345, name)
        _, report = partitions.scan(folder, ["price_cents"], where, disk.Reads())
        assert report.size_bytes <= sum(f.stat().st_size + 2 * 65_536 for f in files)


def test_the_same_source_gives_the_same_files(source, layouts, tmp_path):
    again = partitions.write_layout(source, tmp_path / "again", "by country")
    for file in layouts["by country"].rglob("*.parquet"):
        twin = again / file.relative_to(layouts["by country"])
        assert twin.read_bytes() == file.read_bytes()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, ROWS), max_size=6), st.randoms())
def test_the_aggregate_is_the_same_however_cut_and_in_any_order(cut_rows, cuts, shuffle):
    table = cut_rows.to_table(columns=["event_time", "country", "price_cents"])
    bounds = sorted({0, ROWS, *cuts})
    pieces = [table.slice(a, b - a) for a, b in itertools.pairwise(bounds)]
    shuffle.shuffle(pieces)
    partials = [partitions.partial_aggregate(ds.dataset(piece)) for piece in pieces]
    assert partitions.merge(partials).equals(whole(table))


def whole(table):
    return partitions.merge([partitions.partial_aggregate(ds.dataset(table))])


@pytest.fixture(scope="module")
def cut_rows(source):
    return ds.dataset(source)


def test_the_streamed_aggregate_is_the_naive_one(source):
    table = ds.dataset(source).to_table(columns=["event_time", "country", "price_cents"])
    naive = {}
    for row in table.to_pylist():
        group = (row["event_time"].date(), row["country"])
        events_so_far, cents = naive.get(group, (0, 0))
        naive[group] = (events_so_far + 1, cents + row["price_cents"])
    streamed = partitions.merge([partitions.partial_aggregate(source)]).to_pylist()
    found = {(r["day"].date(), r["country"]): (r["events"], r["price_cents"]) for r in streamed}
    assert found == naive


@pytest.mark.parametrize(("about", "value"), list((events.KEYS | {"user_id": 5}).items()))
def test_a_pruned_aggregate_is_the_same_in_every_layout(layouts, about, value):
    found = []
    for name, folder in layouts.items():
        where = partitions.question(about, value, name)
        data = partitions.open_layout(folder)
        found.append(partitions.merge([partitions.partial_aggregate(data, where)]))
    assert 0 < found[0].num_rows < 900
    assert all(table.equals(found[0]) for table in found)


@given(st.integers(0, 2**62), st.integers(1, 1000))
def test_a_bucket_is_in_range_and_the_array_agrees(user_id, buckets):
    one = partitions.bucket_of(user_id, buckets)
    assert 0 <= one < buckets
    many = partitions.bucket_of(pa.array([user_id, 7], pa.int64()), buckets)
    assert many.to_pylist() == [one, partitions.bucket_of(7, buckets)]


def test_neighbouring_ids_spread_over_all_buckets():
    buckets = partitions.bucket_of(pa.array(range(3200), pa.int64())).to_pylist()
    counts = [buckets.count(b) for b in range(partitions.BUCKETS)]
    assert min(counts) > 70
    assert max(counts) < 130


def test_waiting_batches_share_row_groups(source, tmp_path):
    batches = ds.dataset(source).to_table().combine_chunks().to_batches(max_chunksize=2000)
    hasty = partitions.write_partitions(batches, tmp_path / "a", "device", min_rows_per_group=0)
    patient = partitions.write_partitions(batches, tmp_path / "b", "device")
    groups = [
        max(pq.read_metadata(f).num_row_groups for f in folder.rglob("*.parquet"))
        for folder in (hasty, patient)
    ]
    assert groups == [len(batches), 1]


def test_too_many_partitions_is_a_sentence(tmp_path):
    table = pa.table({"user_id": range(5000)})
    with pytest.raises(partitions.LayoutError, match="'user_id' has more than 1024"):
        partitions.write_partitions(table.to_batches(), tmp_path / "many", "user_id")
    assert list(tmp_path.iterdir()) == []


def test_too_many_partitions_are_counted_over_all_batches(tmp_path):
    batches = pa.table({"user_id": range(1500)}).to_batches(max_chunksize=100)
    with pytest.raises(partitions.LayoutError, match="'user_id' has more than 1024"):
        partitions.write_partitions(batches, tmp_path / "many", "user_id")
    assert list(tmp_path.iterdir()) == []
    written = partitions.write_partitions(batches[:10], tmp_path / "some", "user_id")
    assert len(partitions.rows_per_partition(written)) == 1000


def test_one_file_of_small_batches_has_no_small_row_groups(tmp_path):
    (tmp_path / "events").mkdir()
    for number, rows in enumerate([20_000, 20_000, 20_000, 50_000, 500, 49_000, 100, 5]):
        names = pa.array([f"{number}", "x"] * (rows // 2) + ["y"] * (rows % 2)).dictionary_encode()
        pq.write_table(pa.table({"name": names}), tmp_path / "events" / f"{number}.parquet")
    file = partitions.write_layout(tmp_path / "events", tmp_path / "one", "one file")
    footer = pq.read_metadata(file / "part-0.parquet")
    groups = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
    assert groups == [60_000, 50_000, 49_605]
    written, source = (ds.dataset(folder).to_table() for folder in (file, tmp_path / "events"))
    assert written["name"].to_pylist() == source["name"].to_pylist()


@pytest.mark.parametrize("layout", partitions.LAYOUTS)
def test_what_is_interrupted_leaves_the_old_layout_and_again_replaces_it(
    layout, source, tmp_path, monkeypatch
):
    folder = partitions.write_layout(source, tmp_path / "new" / "layout", layout)
    before = ds.dataset(folder).count_rows()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(partitions.folders, "sync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            partitions.write_layout(source, folder, layout)
    assert [path.name for path in folder.parent.iterdir()] == ["layout"]
    assert ds.dataset(folder).count_rows() == before
    partitions.write_layout(source, folder, layout)
    assert ds.dataset(folder).count_rows() == before


@pytest.mark.parametrize("layout", partitions.KEYS)
def test_a_source_without_rows_is_a_sentence(layout, source, tmp_path):
    pq.write_table(ds.dataset(source).head(0), tmp_path / "none.parquet")
    with pytest.raises(partitions.LayoutError, match=r"nothing to write: the source has no rows"):
        partitions.write_layout(tmp_path / "none.parquet", tmp_path / "x", layout)
    assert [path.name for path in tmp_path.iterdir()] == ["none.parquet"]


@pytest.mark.parametrize("layout", ["one file", "by country"])
def test_two_writers_of_one_layout_take_turns(layout, source, tmp_path):
    with ThreadPoolExecutor() as writers:
        both = [
            writers.submit(partitions.write_layout, source, tmp_path / "layout", layout)
            for _ in range(3)
        ]
    assert [partitions.open_layout(writer.result()).count_rows() for writer in both] == [ROWS] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["layout"]


def test_an_unknown_layout_is_a_sentence(source, tmp_path):
    with pytest.raises(ValueError, match="no layout 'by moon'; there are one file, by day"):
        partitions.write_layout(source, tmp_path / "x", "by moon")


def test_column_bytes_are_those_of_a_file(source, tmp_path):
    table = ds.dataset(source).to_table(columns=["session_id"])
    pq.write_table(table, tmp_path / "x.parquet", compression="zstd", use_dictionary=False)
    chunk = pq.read_metadata(tmp_path / "x.parquet").row_group(0).column(0)
    assert partitions.column_bytes(table, "session_id") == chunk.total_compressed_size


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40), st.integers(1, 64))
def test_the_schedule_keeps_its_bounds(work, workers):
    finish = partitions.finish_time(work, workers)
    at_least = max(max(work), sum(work) / workers)
    assert at_least <= finish <= at_least * 4 / 3 + max(work)
    assert partitions.finish_time(work, 1) == sum(work)


def test_the_schedule_ignores_the_order_of_the_pieces():
    work = [5, 9, 2, 7, 7, 1]
    shuffled = random.Random(1).sample(work, len(work))
    assert partitions.finish_time(work, 3) == partitions.finish_time(shuffled, 3)
