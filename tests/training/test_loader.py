"""Batches from Parquet: every row at most once, equal steps, the same after a resume."""

import inspect
import json
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit.training import loader
from scaletoolkit.training.loader import ParquetBatches, Share
from scaletoolkit.training.rows import Rows


def write(folder, files, group_rows=40):
    """Files of so many rows; column `row` numbers the rows of all files, `half` is row / 2."""
    folder.mkdir(parents=True, exist_ok=True)
    first = 0
    for number, rows in enumerate(files):
        row = np.arange(first, first + rows)
        table = pa.table({"row": row.astype(np.float32), "half": row / 2, "clicked": row % 2 == 1})
        pq.write_table(table, folder / f"events-{number:05d}.parquet", row_group_size=group_rows)
        first += rows
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("data") / "events", [230, 100, 70])


def batches(folder, batch_size=16, **share):
    return ParquetBatches(folder, ["row", "half"], "clicked", batch_size, Share(**share))


def rows(some_batches):
    return [int(row) for x, _ in some_batches for row in x[:, 0]]


def test_features_and_labels_stay_together(folder):
    for x, y in batches(folder):
        assert x.shape == (16, 2)
        assert x.dtype == torch.float32
        assert torch.equal(x[:, 1] * 2, x[:, 0])
        assert torch.equal(y, x[:, 0] % 2 == 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(0, 3), st.integers(1, 30), st.integers(0, 3))
def test_ranks_take_equal_steps_and_no_row_twice(folder, world_size, workers, batch_size, epoch):
    shares = [{"rank": r, "world_size": world_size, "workers": workers} for r in range(world_size)]
    of_ranks = [batches(folder, batch_size, **share).at(epoch) for share in shares]
    read = [delivered(of_rank) for of_rank in of_ranks]
    steps = 400 // (batch_size * world_size)
    assert {len(of_rank) for of_rank in read} == {steps}
    assert {len(of_rank) for of_rank in of_ranks} == {steps}
    all_rows = [row for of_rank in read for row in rows(of_rank)]
    assert len(all_rows) == len(set(all_rows)) == steps * batch_size * world_size


def delivered(of_rank, steps=None):
    """What DataLoader would deliver, without its processes: its workers' batches in turns."""
    spans = of_rank._rest(of_rank.share.rank, 0)
    size = of_rank.batch_size
    cuts = [loader._cut(of_rank.left, first * size, last * size) for first, last in spans]
    readers = [of_rank._batches(of_rank.rows.read(of_rank.epoch, cut)) for cut in cuts]
    turns = [batch for turn in zip_longest(*readers) for batch in turn if batch is not None]
    return turns[:steps]


SETUPS = st.tuples(st.integers(1, 4), st.sampled_from([0, 2]), st.integers(1, 20))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SETUPS, st.integers(0, 6)), min_size=1, max_size=4), SETUPS)
def test_no_row_twice_and_none_missed_on_any_other_ranks_and_workers(folder, stops, last):
    """Stopped after a few steps, again and again; what remains at the end is less than a batch."""
    position = batches(folder, 1).at(2).position(0)
    read = []
    for (world_size, workers, batch_size), steps in [*stops, (last, None)]:
        of_ranks = [
            batches(folder, batch_size, rank=r, world_size=world_size, workers=workers)
            for r in range(world_size)
        ]
        of_ranks = [of_rank.resume(position) for of_rank in of_ranks]
        taken = len(of_ranks[0]) if steps is None else min(steps, len(of_ranks[0]))
        for of_rank in of_ranks:
            read += rows(delivered(of_rank, taken))
        position = json.loads(json.dumps(of_ranks[-1].position(taken)))
    missed = sum(stop - start for start, stop in position["left"])
    assert missed < last[0] * last[2]
    assert len(read) == len(set(read)) == 400 - missed


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_epoch_is_the_rest_of_the_epoch(folder, workers):
    whole = batches(folder, workers=workers, world_size=2, rank=1, seed=5)
    all_rows = [row.tolist() for row, _ in whole.at(3).loader()]
    assert len(all_rows) == len(whole.at(3))
    assert all_rows == [row.tolist() for row, _ in delivered(whole.at(3))]
    for step in (0, 1, 5, len(all_rows)):
        assert [row.tolist() for row, _ in whole.at(3, step).loader()] == all_rows[step:]


def test_a_position_fits_its_own_rows_and_order(folder, tmp_path):
    position = batches(folder, seed=5).position(3)
    with pytest.raises(ValueError, match="the position is one of seed 5, here it is 6"):
        batches(folder, seed=6).resume(position)
    with pytest.raises(ValueError, match="the position is one of rows 400, here it is 90"):
        batches(write(tmp_path, [90]), seed=5).resume(position)


def test_a_position_fits_the_row_groups_it_was_taken_in(tmp_path):
    position = batches(write(tmp_path / "a", [230, 170])).position(3)
    moved = batches(write(tmp_path / "b", [230, 170])).resume(json.loads(json.dumps(position)))
    assert len(moved) == 22
    for files, group_rows in [([230, 170], 50), ([200, 200], 40)]:
        rewritten = batches(write(tmp_path / "c", files, group_rows))
        with pytest.raises(ValueError, match="the position is one of row groups"):
            rewritten.resume(position)


@pytest.mark.parametrize("workers", [0, 2])
def test_each_pass_is_another_epoch(folder, workers):
    source = batches(folder, workers=workers).loader()
    passes = [rows(source) for _ in range(3)]
    assert passes == [rows(batches(folder, workers=workers).at(n).loader()) for n in range(3)]
    source.dataset.set_epoch(1)
    assert rows(source) == passes[1]
    assert rows(source) == passes[2]


def test_after_the_rest_of_an_epoch_comes_a_whole_one(folder):
    source = batches(folder).at(4, 20)
    assert len(list(source)) == 5
    assert rows(source) == rows(batches(folder).at(5))
    early = batches(folder)
    first = iter(early)
    second = iter(early)
    assert rows(first) == rows(batches(folder))
    assert rows(second) == rows(batches(folder).at(1))


def test_epochs_and_seeds_shuffle_files_groups_and_rows(folder):
    first = rows(batches(folder))
    assert first == rows(batches(folder))
    assert first != rows(batches(folder).at(1))
    assert first != rows(batches(folder, seed=1))
    assert first != sorted(first)


def test_mixing_row_groups_brings_batches_closer_to_all_rows(tmp_path):
    """The spread of batches' means, over that of a true shuffle; rows come in time order."""
    folder = write(tmp_path, [1600] * 4, group_rows=100)
    spread = {}
    for mix in (1, 4, 64):
        means = [x[:, 0].mean().item() for x, _ in batches(folder, 50, mix=mix)]
        spread[mix] = np.std(means) / (6400 / np.sqrt(12 * 50))
    assert spread[64] < 1.3
    assert 2 < spread[4] < 4.5
    assert spread[1] > 5


def test_a_step_near_the_end_reads_only_what_it_needs(folder, monkeypatch):
    whole = batches(folder, mix=1)
    windows = []
    read = Rows._shuffled

    def noted(self, epoch, number, window):
        windows.append(number)
        return read(self, epoch, number, window)

    monkeypatch.setattr(Rows, "_shuffled", noted)
    assert len(list(whole.at(0, len(whole) - 1))) == 1
    assert len(windows) <= 2


def test_wrong_folders_columns_and_places_are_sentences(folder, tmp_path):
    for error, words, make in [
        (FileNotFoundError, "no .parquet file in", lambda: batches(tmp_path)),
        (
            ValueError,
            "has no column 'colour'; it has row",
            lambda: ParquetBatches(folder, ["colour"], "clicked", 4),
        ),
        (ValueError, "there is no rank 2 among 2", lambda: batches(folder, rank=2, world_size=2)),
        (ValueError, "batch_size must be at least 1, got 0", lambda: batches(folder, 0)),
        (ValueError, "400 rows in 11 row groups give", lambda: batches(folder, 500)),
        (ValueError, "epoch 0 has steps 0 to", lambda: batches(folder).at(0, 10**6)),
        (ValueError, "mix must be at least 1, got 0", lambda: batches(folder, mix=0)),
        (ValueError, "made for 2 workers, used by 0", lambda: iter(batches(folder, workers=2))),
        (TypeError, "unexpected keyword argument 'nodes'", lambda: Share(nodes=2)),
    ]:
        with pytest.raises(error, match=words):
            make()


def test_a_signature_names_what_makes_a_share():
    signature = str(inspect.signature(ParquetBatches))
    assert "Share(rank=0, world_size=1, workers=0, seed=0, mix=4)" in signature


@pytest.mark.parametrize("column", ["row", "clicked"])
def test_a_row_without_a_number_is_no_batch(tmp_path, column):
    columns = {"row": [1.0, 2.0, 3.0], "clicked": [1, 0, 1]}
    columns[column][1] = None
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=f"column '{column}' has 1 rows without a number"):
        list(ParquetBatches(tmp_path, ["row"], "clicked", 1))


def test_text_is_no_feature(tmp_path):
    pq.write_table(pa.table({"word": ["a"], "clicked": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="column 'word' holds string, expected numbers"):
        ParquetBatches(tmp_path, ["word"], "clicked", 1)


def test_files_whose_types_differ_are_named_before_anything_is_read(tmp_path):
    write(tmp_path, [40])
    pq.write_table(pa.table({"row": [1], "half": [0.5]}), tmp_path / "late.parquet")
    words = r"late.parquet: column 'row' holds int64, and in events-00000.parquet float"
    with pytest.raises(ValueError, match=words):
        Rows(tmp_path, ["row"], "half")


def test_files_may_differ_in_whether_a_row_may_lack_a_number(tmp_path):
    write(tmp_path, [40])
    table = pq.read_table(tmp_path / "events-00000.parquet")
    strict = pa.schema([field.with_nullable(False) for field in table.schema])
    pq.write_table(table.cast(strict), tmp_path / "late.parquet")
    [(x, _)] = Rows(tmp_path, ["row", "half"], "clicked").read(0, [(0, 80)])
    assert torch.equal(x[:, 1] * 2, x[:, 0])
