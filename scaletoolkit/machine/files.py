"""Files of other people: read within bounds, and written whole or not at all."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.machine import folders

MOST_BYTES = 200_000_000
PARTIAL = ".partial"


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
        raise lab.LabError(f"{told} cannot be read: {_why(error)}.") from None
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


def replace(path: Path, content: bytes) -> None:
    """Write a file, and its folder where there is none: at every moment all of the old or the new.

    When it returns, the new one would survive a power cut. LabError for what cannot be written.
    """
    try:
        path = path.resolve()  # where it is a link, what it points to
        with folders.alone(path, f"waiting for {path.name}"):
            _replace(path, content)
    except (OSError, ValueError) as error:
        raise lab.LabError(f"The file {str(path)!r} cannot be written: {_why(error)}.") from None


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _replace(path: Path, content: bytes) -> None:
    for old in path.parent.glob(f".*{PARTIAL}"):  # of writers that were killed
        if old.name.startswith(f".{path.name}."):
            old.unlink(missing_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
        folders.sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
