"""Batches for training, read from a folder of Parquet files, on many ranks and workers. Lab 03.

The order of all rows in an epoch depends on (seed, epoch) alone: row groups are shuffled, and the
rows of a few of them together. Readers cut what is left of that order into equal spans. So a
position is the ranges of rows that are left, and any number of ranks and workers can go on there.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from scaletoolkit.training.rows import Batch, Rows, Span


@dataclass(frozen=True)
class Share:
    """Which rows one of several ranks reads; ValueError where there is no such rank.

    workers: DataLoader's; 0: the rank itself reads. seed: of the order, the same on every rank.
    mix: at most how many row groups are shuffled together, and so lie in memory at once.
    """

    rank: int = 0
    world_size: int = 1
    workers: int = 0
    seed: int = 0
    mix: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"there is no rank {self.rank} among {self.world_size}")

    @property
    def readers(self) -> int:
        """How many processes read for this rank: its workers, or itself alone."""
        return max(1, self.workers)


ALONE = Share()


class ParquetBatches(IterableDataset[Batch]):
    """One rank's batches: (features, b×f float32; labels, b) with b = batch_size, always full.

    features, label: column names. Every rank takes the same number of steps; one that took one more
    would wait for ever. Less than a batch for all ranks together is left over in each epoch. Each
    `iter` begins a new epoch. Raises FileNotFoundError for a folder without Parquet files;
    ValueError for a batch_size below 1, a column without numbers, and too few rows.
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
        self.batch_size = batch_size
        self.share = share
        self.rows = Rows(folder, features, label, share.seed, share.mix)
        self.set_epoch(0)
        if len(self) < 1:
            there = f"{len(self.rows):,} rows in {len(self.rows.units)} row groups"
            ranks = f"{share.world_size} ranks"
            raise ValueError(f"{there} give {ranks} not one batch of {batch_size:,} each")

    def set_epoch(self, epoch: int) -> None:
        """The next `iter` begins that epoch; without this, the one after the last."""
        self.epoch = epoch
        self.left: list[Span] = [(0, len(self.rows))]
        self._begun = False

    def begin(self) -> None:
        """Begin a pass: the first time over what is left of the epoch, then over the next one."""
        if self._begun:
            self.set_epoch(self.epoch + 1)
        self._begun = True

    def position(self, step: int) -> dict[str, Any]:
        """What is left of this epoch when every rank has taken `step` steps: plain values.

        epoch; left: ranges of rows in the epoch's order; and what that order depends on. Raises
        ValueError where there is no such step.
        """
        if not 0 <= step <= len(self):
            raise ValueError(f"epoch {self.epoch} has steps 0 to {len(self)}, got {step}")
        spans = [span for rank in range(self.share.world_size) for span in self._rest(rank, step)]
        spans.append((self.share.world_size * len(self), len(self.rows)))
        size = self.batch_size
        cuts = [_cut(self.left, first * size, last * size) for first, last in spans]
        left = [list(part) for cut in cuts for part in cut]
        return self._order() | {"epoch": self.epoch, "left": left}

    def resume(self, position: dict[str, Any]) -> Self:
        """The same batches from that position on, of whatever ranks, workers and batch_size it was.

        With the same of all three, batch for batch what would have come. Raises ValueError for a
        position in other rows, files or row groups, or in another order of them.
        """
        for name, value in self._order().items():
            if position.get(name) != value:
                there = position.get(name)
                raise ValueError(f"the position is one of {name} {there}, here it is {value}")
        moved = copy.copy(self)
        moved.set_epoch(position["epoch"])
        moved.left = [(first, last) for first, last in position["left"]]
        return moved

    def at(self, epoch: int, step: int = 0) -> Self:
        """The same batches from that step of an epoch on. ValueError where there is none."""
        moved = copy.copy(self)
        moved.set_epoch(epoch)
        return moved.resume(moved.position(step))

    def __len__(self) -> int:
        """How many steps every rank takes over what is left of this epoch."""
        left = sum(last - first for first, last in self.left)
        return left // (self.batch_size * self.share.world_size)

    def loader(self, pin_memory: bool = False) -> DataLoader[Batch]:
        """A DataLoader over these batches, with the workers they were made for.

        pin_memory: batches lie where a GPU can fetch them while it computes:
        `features.to(device, non_blocking=True)`.
        """
        workers = self.share.workers
        return _Loader(self, batch_size=None, num_workers=workers, pin_memory=pin_memory)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of this process. Raises ValueError when it is not one of `share.workers`."""
        info = get_worker_info()
        workers = info.num_workers if info else 0
        made_for = self.share.workers
        if workers != made_for:
            raise ValueError(f"made for {made_for} workers, used by {workers}: call .loader()")
        if info is None:
            self.begin()
        first, last = self._rest(self.share.rank, 0)[info.id if info else 0]
        spans = _cut(self.left, first * self.batch_size, last * self.batch_size)
        return self._batches(self.rows.read(self.epoch, spans))

    def _order(self) -> dict[str, int]:
        """What an epoch's order depends on, beside the epoch; of the row groups a checksum."""
        order = {"seed": self.share.seed, "mix": self.share.mix, "rows": len(self.rows)}
        return order | {"row groups": self.rows.checksum()}

    def _rest(self, rank: int, step: int) -> list[Span]:
        """Which batches of what is left each reader of a rank gives from that step on.

        The reader whose turn it is comes first: DataLoader asks worker 0 first, also then.
        """
        readers = self.share.readers
        counts = [len(range(reader, len(self), readers)) for reader in range(readers)]
        begin = rank * len(self)
        spans = []
        for reader in [(step + turn) % readers for turn in range(readers)]:
            first = begin + sum(counts[:reader])
            spans.append((first + len(range(reader, step, readers)), first + counts[reader]))
        return spans

    def _batches(self, pieces: Iterable[Batch]) -> Iterator[Batch]:
        """Full batches of those rows."""
        rest: Batch | None = None
        for features, labels in pieces:
            if rest is not None:
                features = torch.cat([rest[0], features])
                labels = torch.cat([rest[1], labels])
            end = len(labels) - len(labels) % self.batch_size
            for start in range(0, end, self.batch_size):
                batch = slice(start, start + self.batch_size)
                yield features[batch], labels[batch]
            rest = features[end:], labels[end:]


class _Loader(DataLoader[Batch]):
    """A DataLoader that tells its data set, of which workers hold copies, that a pass begins."""

    def __iter__(self) -> Any:
        if self.num_workers:
            self.dataset.begin()  # type: ignore[attr-defined]  # it is a ParquetBatches
        return super().__iter__()


def _cut(spans: Sequence[Span], first: int, last: int) -> list[Span]:
    """Rows `first` to `last` (without it) of those that the spans hold one after the other."""
    cut: list[Span] = []
    begin = 0
    for start, stop in spans:
        end = begin + stop - start
        part = (start + max(first - begin, 0), stop - max(end - last, 0))
        if part[0] < part[1]:
            cut.append(part)
        begin = end
    return cut
