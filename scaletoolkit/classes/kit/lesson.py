"""A lab as an instructor sees it: parts with minutes, what each asks for, and who decides what."""

import ast
import importlib
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from scaletoolkit import lab
from scaletoolkit.classes.guesses import lesson_record
from scaletoolkit.copies import labs
from scaletoolkit.copies.labs import Cell, Notebook
from scaletoolkit.copies.matching import exercises
from scaletoolkit.lab.exercises import Book, Exercise
from scaletoolkit.lab.tables import sourced

WORDS_A_MINUTE = 150  # assumed, as are those below: they share out the minutes of the title card
LINES_A_MINUTE = 12
PREDICTION_MINUTES = 1.5
EXERCISE_MINUTES = 4
DECISION_MINUTES = 4


@dataclass(frozen=True)
class Part:
    """What stands under one heading of a lab. weight: minutes before they are scaled."""

    heading: str
    cells: tuple[Cell, ...]

    @property
    def weight(self) -> float:
        """Minutes for its words, lines, predictions and exercises, by the figures above."""
        words = sum(len(cell["source"].split()) for cell in self.cells if not is_code(cell))
        lines = sum(cell["source"].count("\n") + 1 for cell in self.cells if is_code(cell))
        decides = DECISION_MINUTES * any(cell.get("id") == "decide-answer" for cell in self.cells)
        predicts = PREDICTION_MINUTES * len(self.questions)
        solves = EXERCISE_MINUTES * len(self.exercises)
        return words / WORDS_A_MINUTE + lines / LINES_A_MINUTE + predicts + solves + decides

    @property
    def questions(self) -> list[str]:
        """What it asks to predict, as its cells have printed it."""
        return [text for cell in self.cells for text in questions(cell)]

    @property
    def exercises(self) -> list[str]:
        """The names of its exercises."""
        return [name for cell in self.cells if is_code(cell) for name in exercises(cell)]


@dataclass(frozen=True)
class Lesson:
    """A lab: its parts in order, its exercises, and the minutes that its title card states."""

    path: Path
    notebook: Notebook
    parts: tuple[Part, ...]
    book: Book
    minutes: int

    @property
    def title(self) -> str:
        """Its first heading."""
        return labs.title(self.notebook)

    @property
    def question(self) -> str:
        """What it asks."""
        return labs.question(self.notebook)

    def timetable(self) -> list[tuple[int, int]]:
        """(first minute, minutes) of each part: whole minutes that add up to those stated.

        The last part, *Close*, may have none; every other one has a minute at least.
        """
        spare = self.minutes - (len(self.parts) - 1)
        whole = sum(part.weight for part in self.parts)
        ends = [0.0]
        for part in self.parts:
            least = part is not self.parts[-1]
            ends.append(ends[-1] + least + part.weight * spare / whole)
        marks = [round(end) for end in ends]
        return [(first, last - first) for first, last in pairwise(marks)]

    def results(self) -> dict[str, str]:
        """{what the recorded run found, as it was printed: the question}."""
        found = [one for one in lesson_record(self.path)["predictions"] if one["source"]]
        return {words: one["question"] for one in found for words in _printed_results(one)}

    def exercise(self, name: str) -> Exercise:
        """One of its exercises."""
        return self.book.exercises[name]


def _printed_results(one: dict[str, Any]) -> list[str]:
    """The forms in which `lab.compare` may have printed a result, of which the record has one."""
    result = one["result"]
    numbers = [result, int(result)] if result == int(result) else [result]
    return [
        sourced(number, one["unit"], one["source"], exact)
        for number in numbers
        for exact in (True, False)
    ]


def lesson(path: Path) -> Lesson:
    """The lab in this file. Raises LabError where it has no exercises or states no minutes."""
    notebook = labs.read(path)
    stated = re.search(r"\*\*Time\*\*: (\d+) minutes", notebook["cells"][0]["source"])
    if not stated:
        raise lab.LabError(f"The title card of {path.name} states no minutes.")
    return Lesson(path, notebook, tuple(parts(notebook)), book(path, notebook), int(stated[1]))


def parts(notebook: Notebook) -> list[Part]:
    """The parts of a notebook: each begins with a cell that has a heading of the second level."""
    found: list[tuple[str, list[Cell]]] = [(labs.title(notebook), [])]
    for cell in notebook["cells"]:
        for piece in pieces(cell):
            heading = re.match(r"## (.+)", piece["source"])
            if heading:
                found.append((heading[1].strip(), []))
            found[-1][1].append(piece)
    return [Part(heading, tuple(cells)) for heading, cells in found]


def pieces(cell: Cell) -> list[Cell]:
    """A cell of prose cut before each heading of the second level; any other cell whole."""
    if is_code(cell):
        return [cell]
    texts = re.split(r"(?m)^(?=## )", cell["source"])
    return [cell | {"source": text.strip()} for text in texts if text.strip()]


def is_code(cell: Cell) -> bool:
    """Whether a cell holds code."""
    return bool(cell["cell_type"] == "code")


def questions(cell: Cell) -> list[str]:
    """What a cell asks to predict, as its stored output has it."""
    return re.findall(r"(?m)^(.+)\nYour prediction: ", printed(cell))


def printed(cell: Cell) -> str:
    """What a cell has printed."""
    outputs: list[dict[str, Any]] = cell.get("outputs", [])
    streams = [output for output in outputs if output["output_type"] == "stream"]
    return "".join("".join(output["text"]) for output in streams)


def book(path: Path, notebook: Notebook) -> Book:
    """The exercises that a lab imports. Raises LabError where it imports none."""
    code = "\n".join(cell["source"] for cell in notebook["cells"] if is_code(cell))
    named = re.search(r"from (scaletoolkit\.exercises) import (\w+) as exercise", code)
    if not named:
        raise lab.LabError(f"{path.name} imports no exercises.")
    found: Book = importlib.import_module(f"{named[1]}.{named[2]}").BOOK
    return found


def answer(notebook: Notebook) -> str:
    """The sample answer of *Decide*, as Markdown. Raises LabError where there is none."""
    sources = {cell.get("id"): cell["source"] for cell in notebook["cells"]}
    folded = re.sub("(?s)</?details>|<summary>.*?</summary>", "", sources.get("decide-sample", ""))
    if not folded.strip():
        raise lab.LabError("The lab has no cell decide-sample.")
    return folded.strip()


def asked_function(source: str) -> str:
    """The name of the function that a cell checks: of exercise.check("9.2", name)."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    checks = [call for call in calls if ast.unparse(call.func) == "exercise.check"]
    return ast.unparse(checks[0].args[1])
