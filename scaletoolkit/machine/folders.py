"""Folders that are there whole or not at all, and one writer at a time. Labs 01, 02 and 05."""

import contextlib
import fcntl
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from scaletoolkit import lab


@contextlib.contextmanager
def alone(target: Path, label: str) -> Iterator[None]:
    """Hold the lock of a file or folder that is about to be written; the next process waits.

    label: the line that it shows. The lock, a file beside the target, ends with its holder.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".{target.name}.lock")
    while True:
        with path.open("ab") as file:
            _lock(file, label)
            if _lies_at(file, path):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)  # whoever waits for this file then takes a new one
                return


def _lock(file: IO[bytes], label: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with lab.busy(label):
            fcntl.flock(file, fcntl.LOCK_EX)


def _lies_at(file: IO[bytes], path: Path) -> bool:
    """Whether this open file is still the one at that path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """An empty folder to write into; when the block ends well, it takes the place of `folder`.

    Until then it lies beside it under a name of its own, and its bytes are on disk before it is
    renamed: at every moment there is the whole old folder, none, or the whole new one. What killed
    writers left beside it is removed. Use it under the lock of `alone`.
    """
    folder = folder.resolve()  # where it is a link, what it points to
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_partials(folder)
    partial = _beside(folder)
    partial.mkdir()
    try:
        yield partial
        sync_all(partial)
        _swap(partial, folder)
        sync(folder.parent)
    finally:
        _remove_partials(folder)


def _swap(partial: Path, folder: Path) -> None:
    """Two renames, since none can replace a folder that holds files; one that fails is undone."""
    old = _beside(folder)
    if folder.exists():
        folder.rename(old)
    try:
        partial.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise


def _beside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.{secrets.token_hex(4)}.partial")


def _remove_partials(folder: Path) -> None:
    for partial in folder.parent.glob(f"{glob.escape(folder.name)}.????????.partial"):
        shutil.rmtree(partial, ignore_errors=True)


def sync(path: Path) -> None:
    """Return when a file, or the names in a folder, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(folder: Path) -> None:
    """`sync` every file and folder in a folder, then itself: folders hold the names."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)
