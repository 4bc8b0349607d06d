"""What a class handed in, as plain values: a Submission for each file of a folder, whatever it is.

Nothing is executed, and outputs are not read at all: whoever hands in can write what they like
there.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scaletoolkit import lab
from scaletoolkit.machine.files import why

LARGEST_BYTES = 500_000_000
LARGEST_CODE_BYTES = 5_000_000
LONGEST_CELL = 200_000  # letters
HIDDEN = (".", "__pycache__")
TOKEN = re.compile(  # a text that never ends is one, too: else each mark in it would be tried
    rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL
)
OUTPUTS = re.compile(rb"\s*:\s*\[")


class Cell(NamedTuple):
    """A cell: its id or "", whether it is code, and its text."""

    name: str
    code: bool
    source: str


class Submission(NamedTuple):
    """A file: its path below the folder, its cells, the lab that its metadata names or "".

    problem: why it has no cells, one sentence; "" where it has.
    """

    path: str
    cells: list[Cell]
    lab: str
    problem: str


def submissions(folder: Path) -> Iterator[Submission]:
    """All files below a folder, in order of their names, and the folders that cannot be read.

    Raises LabError where there is none.
    """
    paths = sorted(_files(folder))
    if paths == [folder]:
        raise lab.LabError(f"The folder {folder} cannot be read.")
    if not paths:
        raise lab.LabError(f"There is no file in {folder}.")
    return (read(path, path.relative_to(folder).as_posix()) for path in paths)


def read(path: Path, name: str) -> Submission:
    """The submission in a file, which is called `name`."""
    try:
        cells, of_lab = _cells(_content(path))
    except OSError as error:
        return Submission(name, [], "", f"The file cannot be read: {why(error)}.")
    except _NotRead as reason:
        return Submission(name, [], "", str(reason))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, MemoryError):
        return Submission(name, [], "", "The file cannot be read as a notebook.")
    return Submission(name, cells, of_lab, "" if cells else "The notebook has no cells.")


class _NotRead(Exception):
    """Why a file was not read, in a sentence."""


def _files(folder: Path) -> Iterator[Path]:
    """All that is no folder, or none that can be read.

    Links are not followed, neither are folders and files that hide.
    """
    closed: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=closed.append):
        folders[:] = [name for name in folders if not name.startswith(HIDDEN)]
        links = [name for name in folders if _is_link(Path(root, name))]
        yield from (Path(root, name) for name in [*files, *links] if not name.startswith(HIDDEN))
    yield from (Path(error.filename) for error in closed)


def _is_link(path: Path) -> bool:
    """Whether a path is a link; of one that cannot be looked at, that is said elsewhere."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def _content(path: Path) -> bytes:
    if path.is_symlink():
        raise _NotRead("The file is a link, which is not followed.")
    if path.is_dir():
        raise _NotRead("This is a folder that cannot be read; what lies in it is not graded.")
    if not path.is_file():
        raise _NotRead("This is no file but a device or a pipe.")
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise _NotRead(f"The file has {size:,} bytes; at most {LARGEST_BYTES:,} are read.")
    content = path.read_bytes()
    if size > LARGEST_CODE_BYTES:
        content = _without_outputs(content)
    if len(content) > LARGEST_CODE_BYTES:
        raise _NotRead(f"Without its outputs the notebook has {len(content):,} bytes: too many.")
    return content


def _without_outputs(content: bytes) -> bytes:
    """The JSON text of a notebook with nothing in its lists of outputs: it may be much smaller."""
    kept = bytearray()
    start = 0
    place = 0
    while token := TOKEN.search(content, place):
        place = token.end()
        opens = OUTPUTS.match(content, place) if token[0] == b'"outputs"' else None
        if opens:
            kept += memoryview(content)[start : opens.end()]
            start = _closing(content, opens.end())
            place = start
    kept += memoryview(content)[start:]
    return bytes(kept)


def _closing(content: bytes, place: int) -> int:
    """Where the bracket stands that closes the one before `place`; the end where there is none."""
    depth = 1
    for token in TOKEN.finditer(content, place):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    return len(content)


def _cells(content: bytes) -> tuple[list[Cell], str]:
    notebook = json.loads(content)
    cells = [
        Cell(str(cell.get("id", "")), cell["cell_type"] == "code", _text(cell["source"]))
        for cell in notebook["cells"]
    ]
    mark = notebook.get("metadata", {}).get("scaletoolkit", {})
    return cells, str(mark.get("lab", ""))


def _text(source: str | list[str]) -> str:
    """The text of a cell, without halves of characters, which cannot be written anywhere."""
    text = "".join(source)
    if len(text) > LONGEST_CELL:
        raise _NotRead(f"A cell of the notebook has {len(text):,} letters: too many.")
    return re.sub("[\ud800-\udfff]", "\ufffd", text)
