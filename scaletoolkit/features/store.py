"""Rows of features in one file: written in bounded memory, published by one rename. Lab 10.

A file is a line that says what it holds (JSON), the ids in rising order, the rows in their order.
Everything lies in one file, so whoever has opened it sees one version, whole, until it is closed.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaletoolkit import lab
from scaletoolkit.features import packing
from scaletoolkit.features.integers import Integers, integers
from scaletoolkit.machine import files, folders

Floats = NDArray[np.float32]
Make = Callable[[Integers], ArrayLike]
Scales = tuple[ArrayLike, ArrayLike]
FORM = "scaletoolkit features 1"
LINE = 64  # what lies behind the first line begins at a multiple of it
LONGEST_LINE = 10_000_000
BATCH_ROWS = 16_384


def materialise(
    path: str | Path,
    ids: ArrayLike,
    make: Make,
    names: Sequence[str],
    scales: Scales | None = None,
    batch_rows: int = BATCH_ROWS,
) -> None:
    """Write make(ids) of every batch of ids into a file for `Store`: there whole or not at all.

    make: rising ids in, one row of len(names) numbers an id out. With scales (of `packing.scales`)
    a number takes one byte, else four. In memory are the ids and one batch. ValueError where there
    is no id or no one list of them, a scale that is not finite, or make hands back another shape or
    a number beyond float32; what killed writers left beside it is removed.
    """
    path = Path(path).resolve()  # where it is a link, what it points to
    ordered = _rising(integers("ids", ids))
    if not len(ordered) or not names or isinstance(names, str) or len(set(names)) < len(names):
        raise ValueError(f"a store needs ids and different names, got {len(ordered)} and {names}")
    label = f"Another process writes {path.name}"
    with folders.alone(path, label), files.replaced(path) as new, new.open("xb") as file:
        _write(file, path.name, ordered, names, scales, _batches(ordered, make, batch_rows))


def _rising(ids: Integers) -> Integers:
    """Each id once. By a sort, since numpy's unique takes several times the memory."""
    if ids.ndim != 1:
        raise ValueError(f"ids must be one list, got the shape {ids.shape}")
    ordered = np.sort(ids)
    twice = ordered[1:] == ordered[:-1]
    return np.unique(ordered) if twice.any() else ordered


def _batches(ids: Integers, make: Make, batch_rows: int) -> Iterator[NDArray[Any]]:
    if batch_rows < 1:
        raise ValueError(f"a batch has at least one row, got {batch_rows}")
    starts = range(0, len(ids), batch_rows)
    for start in lab.progress(starts, len(starts), "materialise"):
        batch = ids[start : start + batch_rows]
        rows = np.asarray(make(batch))
        if rows.ndim != 2 or len(rows) != len(batch):
            raise ValueError(f"expected one row for each of {len(batch)} ids, got {rows.shape}")
        yield rows


def _write(
    file: IO[bytes],
    version: str,
    ids: Integers,
    names: Sequence[str],
    scales: Scales | None,
    batches: Iterator[NDArray[Any]],
) -> None:
    about = {"form": FORM, "version": version, "entities": len(ids), "names": list(names)}
    if scales:
        about |= {"low": _plain(scales[0], names), "step": _plain(scales[1], names)}
    file.write(_line(about, 0))
    crc = zlib.crc32(ids.data, _checksum(about))
    file.write(ids.data)
    for rows in batches:
        if rows.shape[1] != len(names):
            raise ValueError(f"expected rows of {len(names)} features, got {rows.shape[1]}")
        floats = _floats(rows)
        packed = packing.pack(floats, *scales) if scales else floats
        crc = zlib.crc32(packed.data, crc)
        file.write(packed.data)
    file.seek(0)
    file.write(_line(about, crc))


def _floats(rows: NDArray[Any]) -> Floats:
    try:
        with np.errstate(over="raise"):
            return rows.astype("<f4", order="C")
    except FloatingPointError:
        raise ValueError("a number is beyond float32, whose largest is 3.4e38") from None


def _plain(scale: ArrayLike, names: Sequence[str]) -> list[float]:
    values = np.asarray(scale, float).tolist()
    if len(values) != len(names):
        raise ValueError(f"expected a scale for each of {len(names)} features, got {len(values)}")
    if not np.isfinite(values).all():
        raise ValueError(f"a scale has finite numbers, got {values}")
    return values


def _checksum(about: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(about).encode())


def _line(about: dict[str, Any], crc: int) -> bytes:
    """The first line: as long whatever the checksum is, since that is known last."""
    text = json.dumps(about | {"crc32": f"{crc:08x}"}, allow_nan=False).encode()
    return text + b" " * (-(len(text) + 1) % LINE) + b"\n"


def publish(version: str | Path, current: str | Path) -> None:
    """Make `current` the file of that version: whoever opens it gets the old one or this, whole.

    An older version is published again in the same way. Both lie in one file system.
    """
    version = Path(version).resolve()
    current = Path(current)
    Store(version)  # refuses what is no store before anybody sees it
    label = f"Another process publishes {current.name}"
    with folders.alone(current, label), files.replaced(current) as link:
        link.hardlink_to(version)


class Store:
    """A file of features, as it was when it was opened; mapped, so processes share its memory.

    ValueError, in a sentence, for a file that is no store or not whole.
    """

    def __init__(self, path: str | Path) -> None:
        with Path(path).open("rb") as file:
            first = file.readline(LONGEST_LINE)
            about, self._crc = _about(first, path)
            self._about_crc = _checksum(about)
            self.version = str(about["version"])
            self.names = list(about["names"])
            self._scales = (about["low"], about["step"]) if {"low", "step"} <= set(about) else None
            self._ids, self._rows = self._map(file, len(first), int(about["entities"]))

    def _map(self, file: IO[bytes], start: int, entities: int) -> tuple[Integers, NDArray[Any]]:
        kind = np.dtype("u1" if self._scales else "<f4")
        shape = (entities, len(self.names))
        behind = start + 8 * entities
        wanted = behind + shape[0] * shape[1] * kind.itemsize
        size = os.fstat(file.fileno()).st_size
        if size != wanted:
            raise ValueError(f"{file.name} should have {wanted:,} bytes and has {size:,}")
        ids = np.memmap(file, "<i8", "r", start, (entities,))
        return np.asarray(ids), np.asarray(np.memmap(file, kind, "r", behind, shape))

    def get(self, ids: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
        """Rows as float32, and which of the ids are known; an unknown one gets a row of NaN.

        ValueError for what is no integer: cut off, it would be somebody else's id.
        """
        wanted = np.atleast_1d(integers("ids", ids))
        at = np.searchsorted(self._ids, wanted)  # behind the last for what is above all ids: clip
        known = self._ids.take(at, mode="clip") == wanted  # else it would get its neighbour's row
        rows = self._rows.take(at, 0, mode="clip")  # copies rows faster than self._rows[at]
        floats = packing.unpack(rows, *self._scales) if self._scales else rows
        floats[~known] = np.nan
        return floats, known

    def check(self) -> None:
        """Read everything; ValueError where a bit is not as it was written."""
        crc = zlib.crc32(self._ids.data, self._about_crc)
        for start in range(0, len(self._rows), BATCH_ROWS):
            crc = zlib.crc32(self._rows[start : start + BATCH_ROWS].data, crc)
        if crc != self._crc:
            raise ValueError(f"version {self.version}: the bytes are not those that were written")

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"Store {self.version}: {len(self):,} entities × {len(self.names):,} features"


def _about(first: bytes, path: str | Path) -> tuple[dict[str, Any], int]:
    """What the first line says, and the checksum in it."""
    try:
        about = json.loads(first)
        crc = int(about.pop("crc32"), 16)
        scales = [about[name] for name in ("low", "step") if name in about]
        whole = about["form"] == FORM and about["entities"] > 0 and len(about["names"]) > 0
        if not whole or any(len(scale) != len(about["names"]) for scale in scales):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{path} is not a file of features") from None
    return about, crc
