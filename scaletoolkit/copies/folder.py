"""`my/`, the learner's own folder: copies of labs, the editions that they came from, backups.

Every file in it appears whole or not at all.
"""

import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.copies import labs
from scaletoolkit.copies.edition import Edition, edition_of
from scaletoolkit.copies.labs import Notebook
from scaletoolkit.copies.matching import known
from scaletoolkit.machine import files

NOTEBOOK = "lab.ipynb"
NUMBERED = "[0-9][0-9]_*.ipynb"
DIFFERS = "differs from the course's"


def place(path: Path) -> Path:
    """Where the copy of a lab lies, or would; a copy of its number, where the lab was renamed."""
    exact = labs.LABS.parent / "my" / path.name
    if exact.exists() or not path.match(NUMBERED):
        return exact
    of_a_lab = {one.name for one in labs.labs()}
    alike = [copy for copy in _copies(exact.parent) if copy.name[:3] == path.name[:3]]
    return next((copy for copy in alike if copy.name not in of_a_lab), exact)


def leftovers() -> list[str]:
    """A sentence for each copy whose lab the course no longer has."""
    places = {place(path) for path in labs.labs()}
    left = [copy for copy in _copies(place(Path("x")).parent) if copy not in places]
    return [f"{name(copy)}: the course no longer has this lab; it stays as it is." for copy in left]


def _copies(folder: Path) -> list[Path]:
    """The notebooks that are named as labs are; not what JupyterLab calls a copy of a copy."""
    return [path for path in sorted(folder.glob(NUMBERED)) if re.fullmatch(r"\w+", path.stem)]


def copy_of(path: Path) -> Path:
    """The copy of a lab; LabError where there is none yet."""
    copy = place(path)
    if not copy.exists():
        start = f"`python -m scaletoolkit start {path.stem[:2]}` makes it"
        raise lab.LabError(f"There is no {name(copy)} yet; {start}.")
    return copy


def name(path: Path) -> str:
    """A path of this folder as it is said: from the folder of the course on."""
    return path.relative_to(labs.LABS.parent).as_posix()


def read(copy: Path) -> Notebook:
    """What a copy holds; LabError with the remedies where that is no notebook."""
    try:
        return labs.read(copy)
    except labs.Damaged:
        raise lab.LabError(f"{name(copy)} cannot be read as a notebook; {remedy(copy)}.") from None


def remedy(copy: Path) -> str:
    """What to do about a copy that is damaged."""
    again = f"`python -m scaletoolkit reset {copy.stem[:2]}` begins anew"
    return f"the newest whole one may be in {name(copy.parent)}/backups, and {again}"


def load(copy: Path, course: Notebook) -> tuple[Notebook, int]:
    """A copy that is valid, and how many of its cells had to be given an id. Else LabError."""
    import nbformat

    notebook = read(copy)
    cells, renamed = known(notebook["cells"], course["cells"])
    notebook |= {"cells": cells, "nbformat_minor": 5}
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError:
        words = "is not a valid notebook, and stays as it is"
        raise lab.LabError(f"{name(copy)} {words}; {remedy(copy)}.") from None
    return notebook, renamed


def save(path: Path, content: bytes | Notebook) -> None:
    """Write a file of this folder, a notebook as JupyterLab would; LabError where that fails."""
    in_the_way = [folder.name for folder in path.parents if folder.is_file()]
    if in_the_way:
        why = f"{in_the_way[0]} is a file; move it away"
        raise lab.LabError(f"{path} cannot be written: {why}.")
    files.replace(path, content if isinstance(content, bytes) else _json(content))


def _json(notebook: Notebook) -> bytes:
    lines = [cell | {"source": cell["source"].splitlines(True)} for cell in notebook["cells"]]
    text = json.dumps(notebook | {"cells": lines}, indent=1, ensure_ascii=False, sort_keys=True)
    return re.sub("[\ud800-\udfff]", lambda half: ascii(half[0])[1:-1], f"{text}\n").encode()


def back_up(path: Path) -> Path:
    """Copy a file of this folder into `backups/` beside it, under the next free number."""
    content = content_of(path)
    folder = path.parent / "backups"
    numbered = (folder / f"{path.stem}.{number}{path.suffix}" for number in itertools.count(1))
    backup = next(path for path in numbered if not path.exists())
    save(backup, content)
    return backup


def content_of(path: Path) -> bytes:
    """What is in a file of this folder; LabError where it is a folder."""
    if path.is_dir():
        raise lab.LabError(f"{name(path)} is a folder; move it away.")
    return path.read_bytes()


def keep(given: Edition) -> None:
    """Keep an edition in `.editions/`, where `kept` finds it again."""
    folder = place(Path(".editions")) / edition_of(given.notebook)
    for file, content in given.beside.items():
        save(folder / file, content)
    save(folder / NOTEBOOK, given.notebook)


def kept(name: str) -> Edition | None:
    """The edition of this name, or None where it is not here, or damaged."""
    folder = place(Path(".editions")) / name
    try:
        notebook = labs.read(folder / NOTEBOOK)
    except lab.LabError:
        return None
    files = [file for file in folder.iterdir() if file.is_file() and file.name != NOTEBOOK]
    return Edition(notebook, {file.name: file.read_bytes() for file in files})


def bring(copy: Path, files: Mapping[str, bytes], old: Mapping[str, bytes]) -> list[str]:
    """Put the files of an edition beside a copy, and say what was decided on each.

    old: the files of the edition before. One that the learner has changed since stays.
    """
    said = []
    for file, content in files.items():
        path = copy.with_name(file)
        mine = content_of(path) if path.exists() else None
        if mine is None or mine == old.get(file) != content:
            save(path, content)
            said.append(f"{file}: as the course has it now.")
        elif content not in (mine, old.get(file)):
            newer = path.with_name(f"{path.stem}-new{path.suffix}")
            theirs = f"theirs is {newer.name}"
            if newer.exists() and content_of(newer) != content:
                theirs += f"; what that was is {name(back_up(newer))}"
            save(newer, content)
            both = "changed by you and by the course"
            said.append(f"{file}: {both if file in old else DIFFERS}: {theirs}.")
    return said
