"""`my/`, the learner's own folder: copies of labs, the editions that they came from, backups.

Every file in it appears whole or not at all.
"""

import contextlib
import itertools
import json
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.copies import labs
from scaletoolkit.copies.edition import Edition, edition_of
from scaletoolkit.copies.labs import Notebook
from scaletoolkit.copies.matching import known

NOTEBOOK = "lab.ipynb"


def place(path: Path) -> Path:
    """Where the copy of a lab lies, or would."""
    return labs.LABS.parent / "my" / path.name


def copy_of(path: Path) -> Path:
    """The copy of a lab; LabError where there is none yet."""
    copy = place(path)
    if not copy.exists():
        remedy = f"`python -m scaletoolkit start {path.stem[:2]}` makes it"
        raise lab.LabError(f"There is no {name(copy)} yet; {remedy}.")
    return copy


def name(path: Path) -> str:
    """A path of this folder as it is said: from the folder of the course on."""
    return path.relative_to(labs.LABS.parent).as_posix()


def load(copy: Path, course: Notebook) -> tuple[Notebook, int]:
    """A copy that is valid, and how many of its cells had to be given an id. Else LabError."""
    import nbformat

    notebook = labs.read(copy)
    cells, renamed = known(notebook["cells"], course["cells"])
    notebook |= {"cells": cells, "nbformat_minor": 5}
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        why = textwrap.shorten(error.message, 100)
        raise lab.LabError(f"{copy} is not a valid notebook, and stays as it is: {why}") from None
    return notebook, renamed


def save(path: Path, content: bytes | Notebook) -> None:
    """Write a file of this folder, a notebook as JupyterLab would; LabError where that fails."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content if isinstance(content, bytes) else _json(content))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise lab.LabError(f"{path} cannot be written: {error.strerror}.") from None


def _json(notebook: Notebook) -> bytes:
    lines = [cell | {"source": cell["source"].splitlines(True)} for cell in notebook["cells"]]
    text = json.dumps(notebook | {"cells": lines}, indent=1, ensure_ascii=False, sort_keys=True)
    return f"{text}\n".encode()


def back_up(path: Path) -> Path:
    """Copy a file of this folder into `backups/` beside it, under the next free number."""
    folder = path.parent / "backups"
    numbered = (folder / f"{path.stem}.{number}{path.suffix}" for number in itertools.count(1))
    backup = next(path for path in numbered if not path.exists())
    save(backup, path.read_bytes())
    return backup


def keep(given: Edition) -> None:
    """Keep an edition in `.editions/`, where `kept` finds it again."""
    folder = place(Path(".editions")) / edition_of(given.notebook)
    for file, content in given.beside.items():
        save(folder / file, content)
    save(folder / NOTEBOOK, given.notebook)


def kept(name: str) -> Edition | None:
    """The edition of this name, or None where it is not here."""
    folder = place(Path(".editions")) / name
    if not (folder / NOTEBOOK).exists():
        return None
    files = [file for file in folder.iterdir() if file.name != NOTEBOOK]
    return Edition(labs.read(folder / NOTEBOOK), {file.name: file.read_bytes() for file in files})


def bring(copy: Path, files: Mapping[str, bytes], old: Mapping[str, bytes]) -> list[str]:
    """Put the files of an edition beside a copy, and say what was decided on each.

    old: the files of the edition before. One that the learner has changed since stays.
    """
    said = []
    for file, content in files.items():
        path = copy.with_name(file)
        mine = path.read_bytes() if path.exists() else None
        if mine is None or mine == old.get(file) != content:
            save(path, content)
            said.append(f"{file}: as the course has it now.")
        elif content not in (mine, old.get(file)):
            newer = path.with_name(f"{path.stem}-new{path.suffix}")
            save(newer, content)
            said.append(f"{file}: changed by you and by the course: theirs is {newer.name}.")
    return said
