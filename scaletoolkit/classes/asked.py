"""What a lab of the course asks for: exercises, the names of their functions, predictions."""

import ast
import importlib
import re
from collections import Counter
from functools import cache
from typing import NamedTuple

from scaletoolkit import lab
from scaletoolkit.classes import code
from scaletoolkit.classes.submissions import Cell, Submission
from scaletoolkit.copies import labs
from scaletoolkit.lab.exercises import Exercise

DECISION = "decide-answer"
MARK = "*Your decision:*"
LONGEST_GUESS = 40  # letters


class Asked(NamedTuple):
    """A lab: its file's stem, exercises by name, the functions that they ask for, its code.

    questions: the predictions, in order. starters: {exercise: the statement that the lab gives}.
    """

    lab: str
    exercises: dict[str, Exercise]
    functions: dict[str, str]
    starters: dict[str, str]
    statements: list[code.Statement]
    questions: list[str]


@cache
def asked(number: str) -> Asked:
    """What the lab of that number asks for. Raises LabError where there is no such lab."""
    path = labs.find_lab(number)
    notebook = labs.read(path)
    cells = [
        Cell(one.get("id", ""), one["cell_type"] == "code", one["source"])
        for one in notebook["cells"]
    ]
    read = code.code(cells)
    functions = {call.exercise: call.asked for call in read.calls}
    given = {name: one.source for one in read.statements if one.defines for name in one.gives}
    starters = {name: given[function] for name, function in functions.items()}
    questions = [words for cell in cells if cell.code for words in predictions(cell.source)]
    return Asked(path.stem, _exercises(read), functions, starters, read.statements, questions)


def _exercises(read: code.Code) -> dict[str, Exercise]:
    """The exercises of the module that a lab imports as `exercise`."""
    for one in read.statements:
        found = re.fullmatch(r"from scaletoolkit\.exercises import (\w+) as exercise", one.source)
        if found:
            module = importlib.import_module(f"{code.ANSWERS}.{found[1]}")
            return dict(module.BOOK.exercises)
    return {}


def which(submission: Submission, calls: list[code.Call], chosen: str = "") -> tuple[str, str]:
    """The number of the lab that a submission is, and a note where it had to be guessed.

    Raises LabError where nothing says it: no word of the copy, no exercise, no name of the file.
    """
    if chosen:
        return labs.find_lab(chosen).stem[:2], ""
    known = {path.stem[:2] for path in labs.labs()}
    if submission.lab[:2] in known:
        return submission.lab[:2], ""
    numbers = Counter(call.exercise.partition(".")[0].zfill(2) for call in calls)
    by_exercises = [number for number, _ in numbers.most_common() if number in known]
    if by_exercises:
        return by_exercises[0], f"taken for lab {by_exercises[0]} by its exercises"
    words = re.findall(r"(?<!\d)\d\d(?=_)", submission.path.rpartition("/")[2])
    if words and words[0] in known:
        return words[0], f"taken for lab {words[0]} by its name"
    raise lab.LabError("Nothing in it says which lab it is; `--lab 03` would.")


def predictions(source: str) -> dict[str, str]:
    """{question: the value as it is written} of the predictions in a cell; "" for three dots."""
    try:
        return _predictions(code.tree(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _predictions(tree: ast.Module) -> dict[str, str]:
    named = {name: text for node in ast.walk(tree) for name, text in _texts(node)}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lab.predict" and node.args:
            question = named.get(ast.unparse(node.args[0])) or _literal(node.args[0])
            value = [word.value for word in node.keywords if word.arg == "value"] + node.args[1:2]
            written = ast.unparse(value[0]) if value else ""
            found[question] = "" if written == "..." else written[:LONGEST_GUESS]
    return found


def _texts(node: ast.AST) -> list[tuple[str, str]]:
    """(name, text) where a statement gives a name to a text."""
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)):
        return []
    text = node.value.value
    return [(ast.unparse(one), text) for one in node.targets] if isinstance(text, str) else []


def _literal(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


def decision(cells: list[Cell]) -> str:
    """The words of the decision: what stands where the lab has room for it."""
    prose = [cell for cell in cells if not cell.code]
    places = [cell for cell in prose if cell.name == DECISION]
    places += [cell for cell in prose if cell.source.lstrip().startswith(MARK)]
    words = [" ".join(cell.source.replace(MARK, "").split()) for cell in places]
    return max(words, key=len, default="")
