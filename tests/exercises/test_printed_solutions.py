"""Every solution as its lab prints it, pasted into the lab in place of the starter."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from scaletoolkit.lab.exercises import judge

LABS = sorted((Path(__file__).parents[2] / "labs").glob("*.ipynb"))


def exercises():
    """(book, name, the lab's cells up to the exercise) for every exercise of every lab."""
    for path in LABS:
        cells = [
            "".join(cell["source"])
            for cell in json.loads(path.read_text())["cells"]
            if cell["cell_type"] == "code"
        ]
        book = importlib.import_module(f"scaletoolkit.exercises.{path.stem[3:]}").BOOK
        for name in book.exercises:
            place = next(i for i, cell in enumerate(cells) if f'exercise.check("{name}"' in cell)
            yield pytest.param(book, name, cells[: place + 1], id=name)


def imported(cells):
    """The names that these cells import, and nothing else of theirs: a namespace."""
    names = {}
    for cell in cells:
        tree = ast.parse(cell)
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(tree, "imports", "exec"), names)
    return names


@pytest.mark.parametrize(("book", "name", "cells"), list(exercises()))
def test_a_printed_solution_passes_in_its_lab(book, name, cells, capsys):
    book.solution(name)
    source, _ = capsys.readouterr().out.split("\n\nWhy: ")
    names = imported(cells)
    exec(source, names)
    checked = re.search(rf'exercise\.check\("{name}", (\w+)\)', cells[-1])[1]
    verdict = judge(book.exercises[name], names[checked])
    assert verdict.passed, verdict.sentence
