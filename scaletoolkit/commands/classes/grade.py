"""Grade what a class handed in: a table of all, and a page for each learner.

Notebooks are read as data. Only the functions that answer exercises run, each in a process without
files, network, programs or processes of its own.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from scaletoolkit import lab
from scaletoolkit.classes.walls import ALL, STAYS_OPEN
from scaletoolkit.copies import labs
from scaletoolkit.machine import files

if TYPE_CHECKING:
    from scaletoolkit.classes.grading import Grade
    from scaletoolkit.classes.remote import Bounds
    from scaletoolkit.classes.submissions import Submission

LONGEST_LINE = 200


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `class grade` takes and does."""
    parser.epilog = f"An answer can still read what is Python's own, and ask {STAYS_OPEN}."
    parser.add_argument("folder", help="where the files lie, also in folders of their own")
    parser.add_argument(
        "--to", metavar="FOLDER", help="where the table and the pages go; else FOLDER-graded"
    )
    parser.add_argument("--lab", help="its number, where files do not say it themselves")
    about = "run answers also where this machine cannot close them in: only of people you trust"
    parser.add_argument("--trust", action="store_true", help=about)
    return _grade


def _grade(options: Namespace) -> int:
    from scaletoolkit.classes.remote import Bounds
    from scaletoolkit.classes.submissions import submissions

    folder = Path(options.folder).resolve()
    if not folder.is_dir():
        raise lab.LabError(f"There is no folder {options.folder!r}.")
    target = Path(options.to or f"{folder}-graded").resolve()
    if target.is_relative_to(folder):
        raise lab.LabError("The grades cannot lie in the folder that is graded; name another one.")
    number = labs.find_lab(options.lab).stem[:2] if options.lab else ""
    given = submissions(folder)
    _say_walls(options.trust)
    _write(target, (_said(one, number, Bounds(trust=options.trust)) for one in given))
    return 0


def _say_walls(trust: bool) -> None:
    """Say what answers cannot do here. Raises LabError where they could, and are not trusted."""
    from scaletoolkit.classes.grading import open_walls

    missing = open_walls()
    closed = [name for name in ALL if name not in missing]
    if missing and not trust:
        raise lab.LabError(
            f"This machine cannot close answers in: {', '.join(missing)} would be open to them. It "
            "takes Linux 5.13 or newer with Landlock and seccomp; `--trust` runs them all the same."
        )
    print(f"Closed to answers: {', '.join(closed) or 'nothing'}.")
    if missing:
        print(f"Open to them, as you trust them: {', '.join(missing)}.")


def _said(submission: Submission, number: str, bounds: Bounds) -> Grade:
    """The grade of a submission, after it was said in a line."""
    from scaletoolkit.classes.grading import Grade, grade
    from scaletoolkit.classes.sheets import printable

    try:
        one = grade(submission, number, bounds)
    except Exception as error:  # one file must not take the grades of all others along
        note = f"It could not be graded: that ended in {type(error).__name__}. Please report it."
        one = Grade(submission.path, notes=(note,))
    passed = sum(result.passed for result in one.results.values())
    line = f"{passed} of {len(one.results)}  {one.path}  {'; '.join(one.notes)}"
    print(printable(line).rstrip()[:LONGEST_LINE], flush=True)
    return one


def _write(target: Path, grades: Iterable[Grade]) -> None:
    """The pages as the grades come, and at the end the table."""
    from scaletoolkit.classes import sheets

    pages = target / "pages"
    done = []
    for one in grades:
        done.append(one)
        files.replace(pages / sheets.page_name(one.path), sheets.page(one).encode())
    table = target / "grades.csv"
    files.replace(table, sheets.table(done).encode("utf-8-sig"))  # Excel needs the mark
    print(f"{len(done)} files. The table is {table}; the pages lie in {pages}.")
