"""Your copy of a lab, or one cell of it, as you got it; what you had is kept beside it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.copies import edition, folder, labs
from scaletoolkit.copies.labs import Cell, Notebook
from scaletoolkit.copies.matching import exercises, key
from scaletoolkit.copies.merge import merge


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `reset` takes and does."""
    parser.add_argument("lab", help="its number or name, for example 03")
    about = "one cell: its id, or the name of its exercise, for example 3.2; without, all of them"
    parser.add_argument("cell", nargs="?", help=about)
    return _reset


def _reset(options: Namespace) -> int:
    path = labs.find_lab(options.lab)
    copy = folder.copy_of(path)
    given = edition.newest(path)
    notebook = given.notebook
    what = "as the course has it now"
    if options.cell:
        given = folder.kept(edition.edition_of(folder.read(copy))) or given
        mine, _ = folder.load(copy, given.notebook)
        cell = _find(given.notebook, options.cell)
        notebook = _with(mine, cell, given.notebook)
        what = f"as it was, but for {cell['id']}, which is as you got it"
    backup = folder.back_up(copy)
    folder.keep(given)
    folder.save(copy, notebook)
    print(f"{folder.name(copy)} is {what}; what you had is {folder.name(backup)}.")
    if not options.cell:
        _reset_beside(copy, given.beside)
    return 0


def _reset_beside(copy: Path, files: Mapping[str, bytes]) -> None:
    """The files beside a lab as the course has them now; what differed is kept, and named."""
    for file, content in files.items():
        path = copy.with_name(file)
        if path.exists() and folder.content_of(path) != content:
            had = f"; what you had is {folder.name(folder.back_up(path))}"
        elif path.exists():
            continue
        else:
            had = ""
        folder.save(path, content)
        print(f"{folder.name(path)} is as the course has it now{had}.")


def _find(given: Notebook, name: str) -> Cell:
    """The cell with this id or this exercise; LabError where there is none."""
    for cell in given["cells"]:
        if name == cell["id"] or name in exercises(cell):
            return cell
    names = ", ".join(one for cell in given["cells"] for one in exercises(cell))
    raise lab.LabError(f"There is no cell or exercise {name!r}; the exercises are {names}.")


def _with(mine: Notebook, cell: Cell, given: Notebook) -> Notebook:
    """The copy with one cell as it was given, at its place; where it was deleted, it is back."""
    keys = {key(one) for one in mine["cells"]}
    if key(cell) in keys:
        return mine | {"cells": [cell if key(one) == key(cell) else one for one in mine["cells"]]}
    some = given | {"cells": [one for one in given["cells"] if key(one) in keys or one is cell]}
    return merge(some, mine, some)[0]
