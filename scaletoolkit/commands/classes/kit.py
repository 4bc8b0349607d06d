"""What an instructor takes along: run sheet, rubric, solved notebook, slides, made from a lab."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from scaletoolkit.copies import edition, labs
from scaletoolkit.machine import files

HEAR = "execute the solved notebook, with its claims, which takes as long as the lab"


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `class kit` takes and does."""
    parser.add_argument("lab", help="its number or name, for example 03")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="else kits/ and the lab's name")
    parser.add_argument("--execute", action="store_true", help=HEAR)
    parser.add_argument("--profile", help="with --execute: ci, laptop or workstation")
    return _kit


def _kit(options: Namespace) -> int:
    from scaletoolkit.classes.kit import lesson, rubric, run_sheet, slides, solved

    path = labs.find_lab(options.lab)
    taught = lesson.lesson(path)
    notebook = json.dumps(solved.solved(taught), indent=1, ensure_ascii=False)
    texts = {
        "run-sheet.md": run_sheet.run_sheet(taught),
        "rubric.md": rubric.rubric(taught),
        "slides.html": slides.slides(taught),
        "solved.ipynb": notebook + "\n",
    }
    folder = options.to or Path("kits") / path.stem
    contents = {name: text.encode() for name, text in texts.items()}
    contents |= edition.newest(path).beside  # what the solved notebook reads
    for name, content in contents.items():
        files.replace(folder / name, content)
        print(folder / name)
    return _execute(folder / "solved.ipynb", options.profile) if options.execute else 0


def _execute(path: Path, profile: str | None) -> int:
    """Run the solved notebook in its place; exit status 1 where a cell of it fails."""
    from scaletoolkit.commands.run import LabFailed, run

    try:
        run(path, profile, save=path)
    except LabFailed as failure:
        print(failure)
        return 1
    return 0
