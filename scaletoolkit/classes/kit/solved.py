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
    if cell["cell_type"] != "code":
        return cell
    source = cell["source"]
    for name in exercises(cell):
        source = _with_solution(source, lesson.exercise(name))
    return cell | {"source": source, "outputs": [], "execution_count": None}


def _with_solution(source: str, exercise: Exercise) -> str:
    """The code of a cell with the solution in place of the function that it checks."""
    asked = asked_function(source)
    tree = ast.parse(source)
    starter = next(node for node in tree.body if getattr(node, "name", "") == asked)
    lines = source.splitlines()
    solution = textwrap.dedent(inspect.getsource(exercise.solution)).rstrip()
    own = solution.replace(f"def {exercise.solution.__name__}(", f"def {asked}(", 1)
    before = lines[: starter.lineno - 1]
    return "\n".join([*before, own, *lines[starter.end_lineno :]])
