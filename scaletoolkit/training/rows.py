"""All rows of a folder of Parquet files, in the shuffled order of an epoch. Lab 03.

Row groups come in a random order, and the rows of a few of them are shuffled together: a row group
alone holds rows that were written one after the other, of one hour or one customer.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]
Span = tuple[int, int]  # the first row, and the one behind the last


class Unit(NamedTuple):
    """A row group of a file."""

    path: Path
    group: int
    rows: int


class Rows:
    """The features (n×f float32) and labels (n) of all rows, in the order of (seed, epoch).

    mix: at most how many row groups are shuffled together, and so lie in memory at once. Raises
    FileNotFoundError for a folder without Parquet files, ValueError for a column without numbers or
    of two types; `read` for rows without one.
    """

    def __init__(
        self, folder: Path | str, features: Sequence[str], label: str, seed: int = 0, mix: int = 4
    ) -> None:
        if mix < 1:
            raise ValueError(f"mix must be at least 1, got {mix}")
        self.folder = Path(folder)
        self.features = list(features)
        self.label = label
        self.seed = seed
        self.mix = mix
        self.units = _units(folder, [*self.features, label])

    def __len__(self) -> int:
        """How many rows there are."""
        return sum(unit.rows for unit in self.units)

    def checksum(self) -> int:
        """Of the files' names in the folder and the rows of their row groups, in their order."""
        units = [(u.path.relative_to(self.folder).as_posix(), u.rows) for u in self.units]
        return zlib.crc32(repr(units).encode())

    def read(self, epoch: int, spans: Iterable[Span]) -> Iterator[Batch]:
        """The rows of those spans of an epoch's order, in pieces; what holds none stays shut."""
        windows = self._windows(epoch)
        ends = np.cumsum([sum(self.units[unit].rows for unit in window) for window in windows])
        number = -1
        for first, last in spans:
            while first < last:
                before = number
                number = int(np.searchsorted(ends, first, side="right"))
                if number != before:
                    features, labels = self._shuffled(epoch, number, windows[number])
                begin = int(ends[number]) - len(labels)
                part = slice(first - begin, last - begin)
                yield features[part], labels[part]
                first = int(min(last, ends[number]))

    def _windows(self, epoch: int) -> list[list[int]]:
        """The numbers of the units, shuffled; those of a window are read together."""
        order = _generator(self.seed, epoch, 0).permutation(len(self.units))
        count = -(-len(self.units) // self.mix)
        return [window.tolist() for window in np.array_split(order, count)]

    def _shuffled(self, epoch: int, number: int, window: list[int]) -> Batch:
        """The features and labels of a window's units, all rows shuffled."""
        tables = []
        for path, group, _ in (self.units[unit] for unit in window):
            with pq.ParquetFile(path) as file:
                tables.append(file.read_row_group(group, [*self.features, self.label]))
        table = pa.concat_tables(tables, promote_options="default")  # nullable or not
        _refuse_nulls(table)
        order = _generator(self.seed, epoch, number + 1).permutation(len(table))
        features = np.empty((len(table), len(self.features)), np.float32)
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
    first: dict[str, pa.DataType] = {}
    for path in files:
        with pq.ParquetFile(path) as file:
            for column in columns:
                kind = _kind(file.schema_arrow, column, path.name)
                if kind != first.setdefault(column, kind):
                    other = f"in {files[0].name} {first[column]}"
                    raise ValueError(f"{path.name}: column {column!r} holds {kind}, and {other}")
            groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
            units += [Unit(path, i, group.num_rows) for i, group in enumerate(groups)]
    return units


def _kind(schema: pa.Schema, column: str, file_name: str) -> pa.DataType:
    """The type of a column; ValueError where it is not there, or holds no numbers."""
    if column not in schema.names:
        raise ValueError(f"{file_name} has no column {column!r}; it has {', '.join(schema.names)}")
    kind = schema.field(column).type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise ValueError(f"{file_name}: column {column!r} holds {kind}, expected numbers")
    return kind


def _refuse_nulls(table: pa.Table) -> None:
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count:
            raise ValueError(f"column {name!r} has {column.null_count:,} rows without a number")


def _generator(seed: int, epoch: int, stream: int) -> np.random.Generator:
    """Random numbers of an epoch: stream 0 orders its units, stream i + 1 the rows of window i."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, stream]))
