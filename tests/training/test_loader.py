"""Batches from Parquet: every row at most once, equal steps, the same after a resume."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scaletoolkit.training import loader
from scaletoolkit.training.loader import ParquetBatches


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


def batches(folder, batch_size=16, **place):
    return ParquetBatches(folder, ["row", "half"], "clicked", batch_size, **place)


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
    places = [{"rank": r, "world_size": world_size, "workers": workers} for r in range(world_size)]
    try:
        loaders = [batches(folder, batch_size, **place).at(epoch) for place in places]
    except ValueError:
        assume(False)
    lanes = [read_without_processes(one) for one in loaders]
    assert {len(lane) for lane in lanes} == {len(loaders[0])}
    seen = [row for lane in lanes for row in rows(lane)]
    assert len(seen) == len(set(seen)) == len(loaders[0]) * batch_size * world_size


def read_without_processes(one):
    """What DataLoader would deliver: each worker's batches, worker after worker."""
    turns = loader._turns(one._available(one.rank))[: one.steps()]
    lanes = enumerate(one._share(one.rank))
    return [batch for lane, share in lanes for batch in one._read(share, 0, turns.count(lane))]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_epoch_is_the_rest_of_the_epoch(folder, workers):
    whole = batches(folder, workers=workers, world_size=2, rank=1, seed=5)
    all_rows = [row.tolist() for row, _ in whole.at(3).loader()]
    assert len(all_rows) == whole.at(3).steps()
    for step in (0, 1, 5, len(all_rows)):
        assert [row.tolist() for row, _ in whole.at(3, step).loader()] == all_rows[step:]


def test_epochs_and_seeds_shuffle_files_groups_and_rows(folder):
    first = rows(batches(folder))
    assert first == rows(batches(folder))
    assert first != rows(batches(folder).at(1))
    assert first != rows(batches(folder, seed=1))
    assert first != sorted(first)


def test_a_step_near_the_end_reads_only_what_it_needs(folder, monkeypatch):
    one = batches(folder)
    read = []
    real = ParquetBatches._unit
    monkeypatch.setattr(ParquetBatches, "_unit", lambda self, u: read.append(u) or real(self, u))
    assert len(list(one.at(0, one.steps() - 1))) == 1
    assert len(read) <= 2


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
        (ValueError, "made for 2 workers, used by 0", lambda: iter(batches(folder, workers=2))),
        (TypeError, "'nodes' is not", lambda: batches(folder, nodes=2)),
    ]:
        with pytest.raises(error, match=words):
            make()


def test_text_is_no_feature(tmp_path):
    pq.write_table(pa.table({"word": ["a"], "clicked": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="column 'word' holds string, expected numbers"):
        ParquetBatches(tmp_path, ["word"], "clicked", 1)
