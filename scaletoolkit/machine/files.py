"""Files: other people's read within bounds, every one written whole or not at all."""

import contextlib
import glob
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.machine import folders

MOST_BYTES = 200_000_000


def read(path: str | Path, what: str) -> bytes:
    """The bytes of a regular file, not more of them than can be meant.

    what: how the sentence of the LabError calls it, for a file that cannot be read.
    """
    told = f"The {what} file {str(path)!r}"
    try:
        file = Path(path)
        if not stat.S_ISREG(file.stat().st_mode) and not file.is_dir():
            raise lab.LabError(f"{told} cannot be read: it is no regular file.")
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise lab.LabError(f"{told} cannot be read: {why(error)}.") from None
    if len(content) > MOST_BYTES:
        raise lab.LabError(f"{told} has more than {MOST_BYTES:,} bytes.")
    return content


def text(content: bytes) -> str:
    """The text of a table: UTF-8, or UTF-16 as spreadsheets write it."""
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def picture(name: str) -> Path:
    """Where a picture goes: PNG where the name has no ending. LabError for a folder."""
    path = Path(name)
    if not path.name or path.is_dir():
        raise lab.LabError(f"The picture {name!r} cannot be written: that is a folder.")
    return path if path.suffix else path.with_suffix(".png")


def place(path: Path) -> Path:
    """Where a file that is to be written later will lie, links followed. LabError if it cannot."""
    told = f"{str(path)!r} cannot be written:"
    try:
        real = path.resolve()
        mode = real.stat().st_mode if real.exists() else None
    except (OSError, RuntimeError) as error:
        raise lab.LabError(f"{told} {why(error)}.") from None
    if real.is_symlink():
        raise lab.LabError(f"{told} it is a link to itself.")
    if mode is not None and not stat.S_ISREG(mode):
        raise lab.LabError(f"{told} it is a folder, a device or a pipe.")
    if not real.parent.is_dir():
        raise lab.LabError(f"{told} there is no folder {real.parent}.")
    for needed in (real, real.parent):
        if needed.exists() and not os.access(needed, os.W_OK):
            raise lab.LabError(f"{told} {needed} is read-only.")
    return real


def replace(path: Path, content: bytes) -> None:
    """Write a file, and its folder where there is none; an old one's rights are kept.

    As `replaced`, after a wait for other writers. LabError for what cannot be written.
    """
    try:
        path = path.resolve()  # where it is a link, what it points to
        with folders.alone(path, f"waiting for {path.name}"), replaced(path) as partial:
            old = path.exists()
            partial.touch(0o600 if old else 0o666)  # what others may not read they never could
            partial.write_bytes(content)
            if old:
                shutil.copymode(path, partial)
    except (OSError, ValueError, RuntimeError) as error:  # the last: a link to itself
        raise lab.LabError(f"The file {str(path)!r} cannot be written: {why(error)}.") from None


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A name beside a file for a new one; when the block ends well, that takes the file's place.

    At every moment there is all of the old or the new, and afterwards the new would survive a power
    cut. What killed writers left is removed. Use it under the lock of `folders.alone`.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.????????.partial"):
        left.unlink(missing_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        folders.sync(partial)
        partial.replace(path)
        folders.sync(path.parent)
    finally:
        with contextlib.suppress(OSError):  # it was replaced, or never written
            partial.unlink()


def why(error: Exception) -> str:
    """Why the system refuses, in its words: "no space left on device"."""
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if number else str(error)
