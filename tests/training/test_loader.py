"""Batches from Parquet: every row at most once, equal steps, the same after a resume."""

import inspect
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scaletoolkit.training import loader
from scaletoolkit.training.loader import ParquetBatches, Share


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
    try:
        of_ranks = [batches(folder, batch_size, **share).at(epoch) for share in shares]
    except ValueError:
        assume(False)
    read = [read_without_processes(of_rank) for of_rank in of_ranks]
    steps = len(of_ranks[0])
    assert {len(of_rank) for of_rank in read} == {steps}
    all_rows = [row for of_rank in read for row in rows(of_rank)]
    assert len(all_rows) == len(set(all_rows)) == steps * batch_size * world_size


def read_without_processes(of_rank):
    """What DataLoader would deliver: each worker's batches, worker after worker."""
    rank = of_rank.share.rank
    turns = loader._turns(of_rank._available(rank))[: of_rank.steps()]
    read = []
    for worker, units in enumerate(of_rank._units_of(rank)):
        read += islice(of_rank._batches(units, 0), turns.count(worker))
    return read


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
    whole = batches(folder)
    units = []
    read = ParquetBatches._read

    def noted(self, unit):
        units.append(unit)
        return read(self, unit)

    monkeypatch.setattr(ParquetBatches, "_read", noted)
    assert len(list(whole.at(0, whole.steps() - 1))) == 1
    assert len(units) <= 2


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
        (TypeError, "unexpected keyword argument 'nodes'", lambda: Share(nodes=2)),
    ]:
        with pytest.raises(error, match=words):
            make()


def test_a_signature_names_what_makes_a_share():
    signature = str(inspect.signature(ParquetBatches))
    assert "Share(rank=0, world_size=1, workers=0, seed=0)" in signature


def test_text_is_no_feature(tmp_path):
    pq.write_table(pa.table({"word": ["a"], "clicked": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="column 'word' holds string, expected numbers"):
        ParquetBatches(tmp_path, ["word"], "clicked", 1)
