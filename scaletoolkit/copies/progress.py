"""How far a learner's copy of a lab has come, from what is stored in it."""

import re
from typing import NamedTuple

from scaletoolkit.copies.edition import guesses
from scaletoolkit.copies.labs import Cell, Notebook


class Progress(NamedTuple):
    """Predictions given and asked for, exercises passed and set, whether the summary was run."""

    given: int
    predictions: int
    passed: int
    exercises: int
    summary: bool

    def __str__(self) -> str:
        whole = (self.given, self.passed) == (self.predictions, self.exercises) and self.summary
        predictions = f"predictions {self.given} of {self.predictions}"
        exercises = f"exercises {self.passed} of {self.exercises}"
        return f"{'done' if whole else 'begun'} · {predictions} · {exercises}"


def progress(copy: Notebook) -> Progress:
    """How far a copy has come."""
    code = [cell for cell in copy["cells"] if cell["cell_type"] == "code"]
    values = [value for cell in code for value in guesses(cell["source"])]
    text = "\n".join(cell["source"] for cell in code)
    exercises = {*re.findall(r'exercise\.check\("([^"]+)"', text)}
    records = [record for cell in code for record in _records(cell)]
    checks = [check for record in records for check in record.get("checks", {}).items()]
    passed = {name for name, check in checks if check["passed"]} | {*_printed(code)}
    given = len(values) - values.count("...")
    return Progress(given, len(values), len(passed & exercises), len(exercises), bool(records))


def _records(cell: Cell) -> list[dict[str, dict[str, dict[str, bool]]]]:
    """The records that `lab.summary` has left in the metadata of a cell's outputs."""
    outputs = cell.get("outputs", [])
    found = [output.get("metadata", {}).get("scaletoolkit") for output in outputs]
    return [record for record in found if record]


def _printed(code: list[Cell]) -> list[str]:
    """The names of the exercises whose cells say that they are passed."""
    outputs = [output for cell in code for output in cell.get("outputs", [])]
    text = "\n".join("".join(output.get("text", "")) for output in outputs)
    return re.findall(r"^● (\S+)", text, re.MULTILINE)
