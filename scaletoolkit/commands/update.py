"""What is new in the course, brought into your copies; what is yours stays."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.copies import edition, folder, labs
from scaletoolkit.copies.edition import edition_of
from scaletoolkit.copies.merge import merge


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `update` takes and does. Exit status 1: a copy could not be updated, others were."""
    about = "its number or name, for example 03; without one every lab that you have begun"
    parser.add_argument("lab", nargs="?", help=about)
    return _update


def _update(options: Namespace) -> int:
    if options.lab:
        print(*_lab(labs.find_lab(options.lab)), sep="\n")
        return 0
    begun = [path for path in labs.labs() if folder.place(path).exists()]
    if not begun:
        print("No lab has been begun; `python -m scaletoolkit start` begins one.")
    status = 0
    for path in begun:
        try:
            print(*_lab(path), sep="\n")
        except lab.LabError as error:
            print(error, file=sys.stderr)
            status = 1
    return status


def _lab(path: Path) -> list[str]:
    """Update the copy of one lab: the sentences that say what was decided."""
    copy = folder.copy_of(path)
    new = edition.newest(path)
    name = edition_of(labs.read(copy))
    if name == edition_of(new.notebook):
        return [f"{folder.name(copy)} has all that the course has."]
    old = folder.kept(name)
    mine, renamed = folder.load(copy, (old or new).notebook)
    notebook, said = merge(old and old.notebook, mine, new.notebook)
    if renamed:
        said.insert(0, f"{renamed} cells had lost their id; they were recognised by their text.")
    if old is None:
        said.insert(0, "The edition that it came from is not here: what differs counts as yours.")
    folder.keep(new)
    backup = folder.back_up(copy)
    folder.save(copy, notebook)
    said += folder.bring(copy, new.beside, old.beside if old else {})
    head = (
        f"{folder.name(copy)} has all that the course has; as it was, it is {folder.name(backup)}."
    )
    last = "Where it is open in JupyterLab: File, Reload Notebook from Disk."
    return [head, *(f"  {sentence}" for sentence in said), last]
