"""Batches for training, read from a folder of Parquet files, on many ranks and workers. Lab 03.

The unit of reading is a row group. An epoch's order of units and of rows within a unit depends on
(seed, epoch) alone, so a position is (seed, epoch, step), and no rank has to ask another.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Share:
    """Which rows one of several ranks reads; ValueError where there is no such rank.

    workers: DataLoader's; 0: the rank itself reads. seed: of the order, the same on every rank.
    """

    rank: int = 0
    world_size: int = 1
    workers: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"there is no rank {self.rank} among {self.world_size}")

    @property
    def readers(self) -> int:
        """How many processes read for this rank: its workers, or itself alone."""
        return max(1, self.workers)


ALONE = Share()


class Unit(NamedTuple):
    """A row group of a file."""

    path: Path
    group: int
    rows: int


class ParquetBatches(IterableDataset[Batch]):
    """One rank's batches: (features, b×f float32; labels, b) with b = batch_size, always full.

    features, label: column names. Unit i of the epoch's order belongs to rank i mod world_size, and
    there to its workers in turns. Every rank takes the same number of steps, known from the files'
    footers; a rank that took one more would wait for ever. What is left over comes up in another
    epoch. Raises FileNotFoundError for a folder without Parquet files; ValueError for a batch_size
    below 1, a column without numbers, and too few rows for a batch on every rank.
    """

    def __init__(
        self,
        folder: Path | str,
        features: Sequence[str],
        label: str,
        batch_size: int,
        share: Share = ALONE,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.features = list(features)
        self.label = label
        self.batch_size = batch_size
        self.share = share
        self.epoch = 0
        self.step = 0
        self.units = _units(folder, [*self.features, label])
        if self.steps() < 1:
            rows = sum(unit.rows for unit in self.units)
            there = f"{rows:,} rows in {len(self.units)} row groups"
            readers = f"{share.world_size} ranks with {share.readers} workers"
            raise ValueError(f"{there} give {readers} not one batch of {batch_size:,} each")

    def at(self, epoch: int, step: int = 0) -> Self:
        """The same batches from that position on. Raises ValueError where there is no such step."""
        moved = copy.copy(self)
        moved.epoch = epoch
        moved.step = step
        if not 0 <= step <= moved.steps():
            raise ValueError(f"epoch {epoch} has steps 0 to {moved.steps()}, got {step}")
        return moved

    def steps(self) -> int:
        """How many steps every rank takes in this epoch."""
        return min(sum(self._available(rank)) for rank in range(self.share.world_size))

    def __len__(self) -> int:
        """How many steps are left of this epoch."""
        return self.steps() - self.step

    def loader(self) -> DataLoader[Batch]:
        """A DataLoader over these batches, with the workers they were made for."""
        return DataLoader(self, batch_size=None, num_workers=self.share.workers)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of this process. Raises ValueError when it is not one of `share.workers`."""
        info = get_worker_info()
        worker = info.id if info else 0
        workers = info.num_workers if info else 0
        made_for = self.share.workers
        if workers != made_for:
            raise ValueError(f"made for {made_for} workers, used by {workers}: call .loader()")
        turns = _turns(self._available(self.share.rank))[: self.steps()]
        if self.step == len(turns):
            return iter(())
        # DataLoader asks worker 0 first; after a resume that is whoever's turn it is
        reader = (turns[self.step] + worker) % self.share.readers
        first = turns[: self.step].count(reader)
        units = self._units_of(self.share.rank)[reader]
        return islice(self._batches(units, first), turns.count(reader) - first)

    def _units_of(self, rank: int) -> list[list[int]]:
        """For each worker of a rank, the numbers of its units in reading order."""
        order = _generator(self.share.seed, self.epoch, 0).permutation(len(self.units))
        mine = order[rank :: self.share.world_size].tolist()
        return [mine[reader :: self.share.readers] for reader in range(self.share.readers)]

    def _available(self, rank: int) -> list[int]:
        """How many full batches each worker of a rank has."""
        rows = [sum(self.units[unit].rows for unit in units) for units in self._units_of(rank)]
        return [worker_rows // self.batch_size for worker_rows in rows]

    def _batches(self, units: list[int], first: int) -> Iterator[Batch]:
        """Full batches of these units' rows, from number `first` on; units before are not read."""
        skip = first * self.batch_size
        rest: Batch | None = None
        for unit in units:
            if skip >= self.units[unit].rows:
                skip -= self.units[unit].rows
                continue
            features, labels = self._read(unit)
            features = features[skip:]
            labels = labels[skip:]
            skip = 0
            if rest is not None:
                features = torch.cat([rest[0], features])
                labels = torch.cat([rest[1], labels])
            end = len(labels) - len(labels) % self.batch_size
            for start in range(0, end, self.batch_size):
                batch = slice(start, start + self.batch_size)
                yield features[batch], labels[batch]
            rest = features[end:], labels[end:]

    def _read(self, unit: int) -> Batch:
        """The features and labels of a unit, its rows shuffled."""
        path, group, rows = self.units[unit]
        with pq.ParquetFile(path) as file:
            table = file.read_row_group(group, [*self.features, self.label])
        order = _generator(self.share.seed, self.epoch, unit + 1).permutation(rows)
        features = np.empty((rows, len(self.features)), np.float32)
        for column, name in enumerate(self.features):
            features[:, column] = table.column(name).to_numpy()
        labels = table.column(self.label).to_numpy()
        return torch.from_numpy(features.take(order, axis=0)), torch.from_numpy(labels.take(order))


def _units(folder: Path | str, columns: list[str]) -> list[Unit]:
    """The row groups of all files, in the order of the files' names."""
    files = sorted(Path(folder).rglob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"no .parquet file in {folder}")
    units = []
    for path in files:
        with pq.ParquetFile(path) as file:
            for column in columns:
                _check_column(file.schema_arrow, column, path.name)
            groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
            units += [Unit(path, i, group.num_rows) for i, group in enumerate(groups)]
    return units


def _check_column(schema: pa.Schema, column: str, file_name: str) -> None:
    if column not in schema.names:
        raise ValueError(f"{file_name} has no column {column!r}; it has {', '.join(schema.names)}")
    kind = schema.field(column).type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise ValueError(f"{file_name}: column {column!r} holds {kind}, expected numbers")


def _generator(seed: int, epoch: int, stream: int) -> np.random.Generator:
    """Random numbers of an epoch: stream 0 orders its units, stream i + 1 the rows of unit i."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, stream]))


def _turns(available: list[int]) -> list[int]:
    """Which worker gives each batch when they take turns until all are empty: their numbers."""
    rounds = range(max(available))
    return [worker for turn in rounds for worker, count in enumerate(available) if turn < count]
