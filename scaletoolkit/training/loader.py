"""Batches for training, read from a folder of Parquet files, on many ranks and workers. Lab 03.

The unit of reading is a row group. An epoch's order of units and of rows within a unit depends on
(seed, epoch) alone, so a position is three numbers, (seed, epoch, step), and no rank has to ask
another one what it reads.
"""

import copy
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


class ParquetBatches(IterableDataset):
    """One rank's batches: (features, b×f float32; labels, b) with b = batch_size, always full.

    features, label: column names. Unit i of the epoch's order belongs to rank i mod world_size and
    there to the workers in turns. Every rank gets the same number of steps, known from the files'
    footers, because a rank that takes one step more would wait for ever; what is left over (less
    than a batch for each worker, and what the poorest rank lacks) comes up in another epoch.
    """

    def __init__(self, folder, features, label, batch_size, **place):
        self.features, self.label, self.batch_size = list(features), label, batch_size
        self.rank, self.world_size = place.pop("rank", 0), place.pop("world_size", 1)
        self.workers, self.seed = place.pop("workers", 0), place.pop("seed", 0)
        self.epoch = self.step = 0
        if place:
            raise TypeError(f"rank, world_size, workers and seed are known; {min(place)!r} is not")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"there is no rank {self.rank} among {self.world_size}")
        self.units = _units(folder, [*self.features, label])
        if self.steps() < 1:
            rows = sum(rows for _, _, rows in self.units)
            raise ValueError(
                f"{rows:,} rows in {len(self.units)} row groups give {self.world_size} ranks with "
                f"{max(1, self.workers)} workers not one batch of {batch_size:,} each"
            )

    def at(self, epoch, step=0):
        """The same batches from that position on."""
        moved = copy.copy(self)
        moved.epoch, moved.step = epoch, step
        if not 0 <= step <= moved.steps():
            raise ValueError(f"epoch {epoch} has steps 0 to {moved.steps()}, got {step}")
        return moved

    def steps(self):
        """How many steps every rank takes in this epoch."""
        return min(sum(self._available(rank)) for rank in range(self.world_size))

    def __len__(self):
        return self.steps() - self.step

    def loader(self, **options):
        """A DataLoader over these batches, with the workers they were made for."""
        return DataLoader(self, batch_size=None, num_workers=self.workers, **options)

    def __iter__(self):
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 0)
        if workers != self.workers:
            raise ValueError(f"made for {self.workers} workers, used by {workers}: call .loader()")
        turns = _turns(self._available(self.rank))[: self.steps()]
        if not turns[self.step :]:
            return iter(())
        # DataLoader asks worker 0 first; after a resume that is whoever's turn it is
        lane = (turns[self.step] + worker) % max(1, workers)
        first, last = turns[: self.step].count(lane), turns.count(lane)
        return self._read(self._share(self.rank)[lane], first, last)

    def _share(self, rank):
        """The units of each of a rank's workers, in reading order: a list of lists."""
        mine = self._order()[rank :: self.world_size]
        lanes = max(1, self.workers)
        return [mine[lane::lanes] for lane in range(lanes)]

    def _order(self):
        order = _generator(self.seed, self.epoch, 0).permutation(len(self.units))
        return [int(unit) for unit in order]

    def _available(self, rank):
        """How many full batches each of a rank's workers has."""
        rows = [[self.units[unit][2] for unit in share] for share in self._share(rank)]
        return [sum(lane) // self.batch_size for lane in rows]

    def _read(self, share, first, last):
        """Batches number `first` up to `last` of these units' rows; units before are not read."""
        skip, left = first * self.batch_size, last - first
        rest = None
        for unit in share:
            if skip >= self.units[unit][2]:
                skip -= self.units[unit][2]
                continue
            if left <= 0:
                return
            x, y = (part[skip:] for part in self._unit(unit))
            skip = 0
            if rest is not None:
                x, y = torch.cat([rest[0], x]), torch.cat([rest[1], y])
            full = min(left, len(y) // self.batch_size)
            for start in range(0, full * self.batch_size, self.batch_size):
                yield x[start : start + self.batch_size], y[start : start + self.batch_size]
            left -= full
            rest = x[full * self.batch_size :], y[full * self.batch_size :]

    def _unit(self, unit):
        """A row group as tensors, its rows shuffled."""
        path, group, rows = self.units[unit]
        with pq.ParquetFile(path) as file:
            table = file.read_row_group(group, [*self.features, self.label])
        order = _generator(self.seed, self.epoch, unit + 1).permutation(rows)
        x = np.empty((rows, len(self.features)), np.float32)
        for place, name in enumerate(self.features):
            x[:, place] = table.column(name).to_numpy()
        y = table.column(self.label).to_numpy()
        return torch.from_numpy(x.take(order, axis=0)), torch.from_numpy(y.take(order))


def _units(folder, columns):
    """[(path, row group, rows)] of all files, in the order of their names."""
    files = sorted(Path(folder).rglob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"no .parquet file in {folder}")
    units = []
    for path in files:
        with pq.ParquetFile(path) as file:
            for column in columns:
                _check_column(file.schema_arrow, column, path.name)
            groups = range(file.metadata.num_row_groups)
            units += [(path, group, file.metadata.row_group(group).num_rows) for group in groups]
    return units


def _check_column(schema, column, file_name):
    if column not in schema.names:
        raise ValueError(f"{file_name} has no column {column!r}; it has {', '.join(schema.names)}")
    kind = schema.field(column).type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise ValueError(f"{file_name}: column {column!r} holds {kind}, expected numbers")


def _generator(seed, epoch, unit):
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, unit]))


def _turns(available):
    """Which worker gives each batch when they take turns until all are empty: a list of numbers."""
    rounds = range(max(available))
    return [lane for turn in rounds for lane, count in enumerate(available) if turn < count]
