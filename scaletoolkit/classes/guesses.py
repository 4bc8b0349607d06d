"""What a class predicted and what its machines found: the records that notebooks hold.

`lab.summary` leaves a record in the metadata of its output, and a notebook that is saved keeps it.
Nobody's name goes on. What a record says is somebody's file: a number that is none is left out, and
questions are those of the course, so that nothing else reaches the projector.
"""

import math
import os
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaletoolkit import lab
from scaletoolkit.copies import labs
from scaletoolkit.lab.tables import quantity

NEAR = 1.5
CHECKPOINTS = ".ipynb_checkpoints"
LARGEST_FILE_BYTES = 50_000_000
MOST = 10**18  # as `lab.predict` has it
LEAST = 1e-18  # what is closer to 0, and not 0, is no number of this course either
Record = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """One question of a lab: the class's guesses, and what each one's machine found.

    answers: (guess, result) a person; the result is None where the lab was not run that far.
    source: the word that says where the results are from, "measured" for example.
    """

    text: str
    unit: str
    source: str
    answers: tuple[tuple[float, float | None], ...]

    @property
    def guesses(self) -> list[float]:
        """Everybody's guess."""
        return [guess for guess, _ in self.answers]

    @property
    def results(self) -> list[float]:
        """What the machines found, of those that have it."""
        return [result for _, result in self.answers if result is not None]

    @property
    def exact(self) -> bool:
        """Whether all found the same: at least two results, and no two that differ."""
        return len(self.results) > 1 and len(set(self.results)) == 1

    @property
    def near(self) -> tuple[int, int]:
        """How many guesses came near their own result, of how many that have one.

        Near is equal to three digits where all found the same, else within a factor of NEAR.
        """
        pairs = [(guess, result) for guess, result in self.answers if result is not None]
        close = [pair for pair in pairs if (_same(*pair) if self.exact else _near(*pair))]
        return len(close), len(pairs)

    def __repr__(self) -> str:
        """Medians, and how many came near, in one sentence."""
        if not self.answers:
            return f"{self.text} Nobody has said."
        count = len(self.guesses)
        median = _text(statistics.median(self.guesses), self.unit)
        said = f"{self.text} {count} {'guess' if count == 1 else 'guesses'}, median {median}"
        return f"{said}; {self.outcome}."

    @property
    def outcome(self) -> str:
        """What came of the guesses: "the median of 26 results is 1.62 ×; 9 of 26 …"."""
        if not self.results:
            return "no results yet"
        close, count = self.near
        middle = _text(statistics.median(self.results), self.unit)
        if self.exact:
            return f"it is {middle}, {self.source}; {close} of {count} right"
        results = "1 result is" if count == 1 else f"median of {count} results"
        here = f"{results} {middle}, {self.source}"
        return f"{here}; {close} of {count} within {NEAR} × of their own"


def _text(value: float, unit: str) -> str:
    whole = float(value).is_integer() and abs(value) < 1e6 and unit not in ("s", "B", "B/s")
    return quantity(int(value) if whole else value, unit)


def _same(guess: float, result: float) -> bool:
    return math.isclose(guess, result, rel_tol=0.005)


def _near(guess: float, result: float) -> bool:
    if guess == result:
        return True
    return guess * result > 0 and 1 / NEAR <= guess / result <= NEAR


def records(folder: Path) -> tuple[list[Record], list[str]]:
    """The newest record of each notebook in a folder, and a sentence for each file without one.

    And one for each folder that cannot be read.
    Raises LabError where the folder is none, cannot be read, or holds no notebook.
    """
    if not folder.is_dir():
        raise lab.LabError(f"There is no folder {str(folder)!r}.")
    closed: list[Path] = []
    paths = sorted(_notebooks(folder, closed))
    if folder in closed:
        raise lab.LabError(f"The folder {folder} cannot be read.")
    if not paths:
        unread = f", and {len(closed)} of its folders cannot be read" if closed else ""
        raise lab.LabError(f"There is no notebook in {folder}{unread}.")
    found = [(path.relative_to(folder), _record(path)) for path in paths]
    found += [(path.relative_to(folder), "is a folder that cannot be read.") for path in closed]
    sentences = [f"{path}: {what}" for path, what in found if isinstance(what, str)]
    return [what for _, what in found if not isinstance(what, str)], sentences


def _notebooks(folder: Path, closed: list[Path]) -> Iterator[Path]:
    """The notebooks below a folder, without an editor's own; what cannot be read goes to `closed`.

    Links are not followed.
    """
    errors: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = [name for name in folders if name != CHECKPOINTS]
        yield from (Path(root, name) for name in [*folders, *files] if name.endswith(".ipynb"))
    closed += [Path(error.filename) for error in errors]


def _record(path: Path) -> Record | str:
    """The last record in a notebook, or the sentence that says why there is none."""
    try:
        if path.is_symlink() or not path.is_file():  # a pipe would keep us waiting
            return "is no file, and was not read."
        if path.stat().st_size > LARGEST_FILE_BYTES:
            return f"larger than {quantity(LARGEST_FILE_BYTES, 'B')}, and not read."
        cells = labs.read(path)["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        kept = [output.get("metadata", {}).get("scaletoolkit") for output in outputs]
    except (lab.LabError, OSError):
        return "cannot be read as a notebook."
    except (AttributeError, TypeError):
        return "is no notebook of a lab."
    there = [record for record in kept if isinstance(record, dict)]
    return there[-1] if there else "its last cell, the summary, was not run."


def questions(lesson: Record, class_records: Iterable[Record]) -> list[Question]:
    """The questions of a lab (its own record says which), with the answers of a class.

    Records of other labs, and answers to what this lab does not ask, are left out.
    """
    records = [record for record in class_records if record.get("lab") == lesson["lab"]]
    given = [_predictions(record) for record in records]
    return [_question(asked, given) for asked in lesson["predictions"]]


def _question(asked: Record, given: Sequence[dict[str, Record]]) -> Question:
    mine = [answers[asked["question"]] for answers in given if asked["question"] in answers]
    pairs = [(_number(one.get("guess")), _number(one.get("result"))) for one in mine]
    answers = tuple((guess, result) for guess, result in pairs if guess is not None)
    return Question(asked["question"], asked["unit"], asked["source"] or "measured", answers)


def _predictions(record: Record) -> dict[str, Record]:
    listed = record.get("predictions")
    entries = listed if isinstance(listed, list) else []
    whole = [entry for entry in entries if isinstance(entry, dict)]
    return {str(entry.get("question")): entry for entry in whole}


def _number(value: object) -> float | None:
    """A number that a lab may ask for, as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value == 0 or LEAST <= abs(value) <= MOST else None


def lesson_record(path: Path) -> Record:
    """The record that a lab of the course has stored. Raises LabError where it has none."""
    record = _record(path)
    if isinstance(record, str):
        raise lab.LabError(f"{path.name}: {record}")
    return record
