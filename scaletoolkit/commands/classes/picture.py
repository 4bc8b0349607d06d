"""Everybody's guesses against everybody's measurements, as a picture for the projector."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scaletoolkit import lab
from scaletoolkit.copies import labs

if TYPE_CHECKING:
    from scaletoolkit.classes.guesses import Question

EPILOG = """It reads the record that the last cell of a lab leaves in its notebook; nothing of a
notebook is run, and no name is shown. On a folder where notebooks still come in, `watch -n 10` in
front of it draws again and again."""


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `class picture` takes and does."""
    parser.epilog = EPILOG
    parser.add_argument("folder", type=Path, help="where the class's notebooks are, a file each")
    parser.add_argument("--lab", help="which lab, for example 03; without it the one most have")
    place = Path("class.png")
    parser.add_argument("--save", type=Path, default=place, metavar="FILE", help=f"else {place}")
    return _picture


def _picture(options: Namespace) -> int:
    from scaletoolkit.classes import guesses, sheets

    records, without = guesses.records(options.folder)
    for sentence in without:
        print(sheets.printable(sentence))
    path = labs.find_lab(options.lab or _most(records))
    lesson = guesses.lesson_record(path)
    questions = guesses.questions(lesson, records)
    if not questions:
        raise lab.LabError(f"Lab {lesson['lab']} asks for no prediction.")
    _draw(path, questions, options.save)
    return 0


def _most(records: list[dict[str, object]]) -> str:
    """The lab that most of the records are of."""
    numbers = [str(record["lab"]) for record in records if "lab" in record]
    if not numbers:
        raise lab.LabError("None of the notebooks has a record: nobody has run a summary yet.")
    return max(sorted(set(numbers)), key=numbers.count)


def _draw(path: Path, questions: Sequence[Question], target: Path) -> None:
    from scaletoolkit.classes import picture

    for question in questions:
        print(question)
    title = labs.title(labs.read(path))
    picture.draw(
        f"{title}: what we predicted (★) and what our machines found (●)", questions, target
    )
    print(f"The picture is {target}.")
