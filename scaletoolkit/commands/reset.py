"""Your copy of a lab, or one cell of it, as you got it; what you had is kept beside it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from scaletoolkit import lab
from scaletoolkit.copies import edition, folder, labs
from scaletoolkit.copies.labs import Cell, Notebook
from scaletoolkit.copies.matching import key
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
        given = folder.kept(edition.edition_of(labs.read(copy))) or given
        mine, _ = folder.load(copy, given.notebook)
        cell = _find(given.notebook, options.cell)
        notebook = _with(mine, cell, given.notebook)
        what = f"as it was, but for {cell['id']}, which is as you got it"
    backup = folder.back_up(copy)
    folder.keep(given)
    folder.save(copy, notebook)
    if not options.cell:
        there = [file for file in map(copy.with_name, given.beside) if file.exists()]
        old = {file.name: folder.back_up(file).read_bytes() for file in there}
        folder.bring(copy, given.beside, old)
    print(f"{folder.name(copy)} is {what}; what you had is {folder.name(backup)}.")
    return 0


def _find(given: Notebook, name: str) -> Cell:
    """The cell with this id or this exercise; LabError where there is none."""
    for cell in given["cells"]:
        if name == cell["id"] or f'exercise.check("{name}"' in cell["source"]:
            return cell
    names = ", ".join(cell["id"] for cell in given["cells"])
    raise lab.LabError(f"There is no cell {name!r}; there are {names}.")


def _with(mine: Notebook, cell: Cell, given: Notebook) -> Notebook:
    """The copy with one cell as it was given, at its place; where it was deleted, it is back."""
    keys = {key(one) for one in mine["cells"]}
    if key(cell) in keys:
        return mine | {"cells": [cell if key(one) == key(cell) else one for one in mine["cells"]]}
    some = given | {"cells": [one for one in given["cells"] if key(one) in keys or one is cell]}
    return merge(some, mine, some)[0]
