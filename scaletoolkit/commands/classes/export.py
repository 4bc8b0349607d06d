"""A lab's exercises for nbgrader, where a school must grade with it; `class grade` is safer."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.classes import nbgrader
from scaletoolkit.copies import labs

WARNING = (
    "nbgrader executes whatever is handed in with the rights of whoever grades, and a learner's "
    "line can replace the judge: grade in a container or account of its own."
)


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `class export` takes and does."""
    parser.add_argument("system", choices=["nbgrader"], help="what it is for")
    parser.add_argument("lab", help="its number or name, for example 03")
    parser.add_argument("--to", metavar="FOLDER", default="nbgrader", help="a new folder")
    return _export


def _export(options: Namespace) -> int:
    path = labs.find_lab(options.lab)
    target = Path(options.to)
    if target.exists():
        raise lab.LabError(f"{options.to!r} exists already; name a folder that is new.")
    for name, text in nbgrader.assignment(path).items():
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    print(f"{target} is a course of nbgrader with one assignment, {path.stem}. In it:")
    print(f"  nbgrader generate_assignment {path.stem}")
    print(WARNING)
    return 0
