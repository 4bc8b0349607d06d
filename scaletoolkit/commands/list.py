"""The labs and their questions, in the order of the course, and how far you are."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.copies import folder, labs
from scaletoolkit.copies.progress import progress


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `list` does."""
    return _list


def _list(options: Namespace) -> int:
    for path in labs.labs():
        notebook = labs.read(path)
        print(f"{labs.title(notebook) or path.stem:<32}{labs.question(notebook)}")
        if folder.place(path).exists():
            print(f"     {_progress(path)}")
    return 0


def _progress(path: Path) -> str:
    copy = folder.place(path)
    try:
        return str(progress(labs.read(copy)))
    except (lab.LabError, AttributeError, KeyError, TypeError):
        remedy = f"`python -m scaletoolkit reset {path.stem[:2]}` begins anew"
        return f"{folder.name(copy)} cannot be read as a notebook; {remedy}"
