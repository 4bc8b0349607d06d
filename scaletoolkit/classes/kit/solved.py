"""The lab with the printed solution in each exercise, and nothing else changed."""

import ast
import inspect
import textwrap

from scaletoolkit.classes.kit.lesson import Lesson, asked_function
from scaletoolkit.copies.labs import Cell, Notebook
from scaletoolkit.copies.matching import exercises
from scaletoolkit.lab.exercises import Exercise


def solved(lesson: Lesson) -> Notebook:
    """The notebook of a lab, its exercises solved; nothing is executed, so it has no outputs."""
    cells = [_solved(cell, lesson) for cell in lesson.notebook["cells"]]
    return lesson.notebook | {"cells": cells}


def _solved(cell: Cell, lesson: Lesson) -> Cell:
    if cell["cell_type"] != "code":  # it lies one folder deeper than the lab
        return cell | {"source": cell["source"].replace("](../", "](../../")}
    source = cell["source"]
    for name in exercises(cell):
        source = _with_solution(source, lesson.exercise(name))
    return cell | {"source": source, "outputs": [], "execution_count": None}


def _with_solution(source: str, exercise: Exercise) -> str:
    """The code of a cell with the solution in place of the function that it checks.

    Other functions that a learner is to write beside it go: the solution holds its own.
    """
    asked = asked_function(source)
    starter, *others = _starters(ast.parse(source).body, asked)
    solution = textwrap.dedent(inspect.getsource(exercise.solution)).rstrip()
    own = solution.replace(f"def {exercise.solution.__name__}(", f"def {asked}(", 1)
    lines = dict(enumerate(source.splitlines(), 1))
    for function in (starter, *others):
        for number in range(function.lineno, (function.end_lineno or function.lineno) + 1):
            del lines[number]
    lines[starter.lineno] = own
    return "\n".join(lines[number] for number in sorted(lines))


def _starters(body: list[ast.stmt], asked: str) -> list[ast.FunctionDef]:
    """The function that a cell checks, and others beside it that are not written yet."""
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    others = [node for node in functions if node.name != asked and _is_empty(node)]
    return [node for node in functions if node.name == asked] + others


def _is_empty(function: ast.FunctionDef) -> bool:
    return ast.unparse(function.body[-1]) == "raise NotImplementedError"
