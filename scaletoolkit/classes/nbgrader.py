"""A lab's exercises and its decision as an assignment of nbgrader, for schools that must use it.

nbgrader executes the whole of what is handed in, for each learner, with the rights of whoever
grades. So the assignment has the exercises and the decision, and none of the measurements; and a
cell behind each exercise asks the labs' own judge. See nbgrader's documentation, "Cell metadata".
"""

import copy
import json
from pathlib import Path

from scaletoolkit.classes.asked import DECISION, asked
from scaletoolkit.copies import edition
from scaletoolkit.copies.labs import Cell
from scaletoolkit.copies.matching import exercises

CONFIG = """c = get_config()
c.CourseDirectory.course_id = "scaletoolkit"
c.ExecutePreprocessor.timeout = 120
"""
TEST = """from scaletoolkit.exercises import {module}
from scaletoolkit.lab.exercises import judge

verdict = judge({module}.BOOK.exercises["{name}"], {function})
assert verdict.passed, verdict.sentence"""
STARTER = "raise NotImplementedError"
DECISION_POINTS = 8  # evidence, cause, decision, doubt: two each


def assignment(path: Path) -> dict[str, str]:
    """{file: text} of a course of nbgrader with the lab in this file as its one assignment."""
    notebook = edition.newest(path).notebook
    cells: list[Cell] = []
    before: Cell | None = None
    for cell in notebook["cells"]:
        cells += _kept(cell, before, path)
        before = cell
    text = json.dumps(notebook | {"cells": cells}, indent=1, ensure_ascii=False) + "\n"
    return {"nbgrader_config.py": CONFIG, f"source/{path.stem}/{path.name}": text}


def _kept(cell: Cell, before: Cell | None, path: Path) -> list[Cell]:
    """What becomes of a cell of the lab: it, with what goes before and behind it, or nothing."""
    if before is None or cell["id"] in ("setup", "decide"):
        return [cell]
    if cell["id"] == DECISION:
        points = DECISION_POINTS
        return [_marked(cell, "decision", grade=True, solution=True, points=points)]
    names = exercises(cell)
    if not names:
        return []
    text = [before] if before["cell_type"] == "markdown" else []
    region = f"### BEGIN SOLUTION\n{{0}}{STARTER}\n{{0}}### END SOLUTION"
    line = next(one for one in cell["source"].splitlines() if STARTER in one)
    indent = line[: -len(line.lstrip())]
    source = cell["source"].replace(STARTER, region.format(indent))
    answer = _marked(cell | {"source": source}, f"answer-{names[0]}", solution=True)
    return [*text, answer, *(_test(cell, name, path) for name in names)]


def _test(cell: Cell, name: str, path: Path) -> Cell:
    source = TEST.format(
        module=path.stem[3:], name=name, function=asked(path.stem[:2]).functions[name]
    )
    test = cell | {"id": f"judge-{name.replace('.', '-')}", "source": source}
    return _marked(test, f"judge-{name}", grade=True, locked=True, points=1)


def _marked(cell: Cell, name: str, **marks: bool | int) -> Cell:
    """The cell with nbgrader's metadata, of its third form."""
    form = {"schema_version": 3, "grade_id": name.replace(".", "-"), "task": False}
    given = {"grade": False, "solution": False, "locked": False} | marks
    metadata = copy.deepcopy(cell["metadata"]) | {"nbgrader": form | given}
    return cell | {"metadata": metadata}
