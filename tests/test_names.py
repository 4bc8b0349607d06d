"""Whether a lab's names keep their meaning: what is found, and what is left alone."""

import ast

import pytest
from tools import names


def found(*cells):
    """What is said of a notebook of these cells, called a, b, c …"""
    trees = {chr(ord("a") + i): ast.parse(cell) for i, cell in enumerate(cells)}
    return list(names.rebound(trees))


READS = "print(rows)"


def test_the_sentence_names_the_name_and_the_cells():
    said = found("rows = [1]", READS, "rows = [2]")
    assert said == ["'rows', which cell b reads, is bound by a and c"]


@pytest.mark.parametrize(
    "cells",
    [
        ("rows = [1]", "rows = [2]", READS),
        ("rows = [1]", "rows = rows[:5]"),
        ("rows = 1", "rows += 1"),
        ("rows = [1]", READS, "for rows in range(3):\n    pass"),
        ("rows = [1]", READS, "if size:\n    pass\nelif other:\n    rows = 2"),
        ("rows = [1]", READS, "with start(1) as rows:\n    pass"),
        ("rows = [1]", "with start(rows) as rows:\n    pass", READS),
        ("rows = [1]", READS, "try:\n    f()\nexcept OSError:\n    rows = 2"),
        ("rows = [1]", READS, "def rows(size):\n    return size"),
        ("rows = [1]", READS, "import rows"),
        ("rows = [1]", READS, "first, *rows = f()"),
        ("rows = [1]", READS, "if rows := f():\n    pass"),
        ("rows = [1]", "print([row for row in table if row in rows])", "rows = [2]"),
        ("rows = [1]", "print(f'{rows}')", "rows = [2]"),
        ("rows = [1]", "sorted(table, key=lambda n: rows[n])", "rows = [2]"),
        ("rows = [1]", "def f(n=rows):\n    return n", "rows = [2]"),
        ("rows = [1]", "def f():\n    return rows", "f()", "rows = [2]"),
        ("rows = [1]\ndef f():\n    return rows", "f()", "rows = [2]"),
        ("rows = [1]", "def f():\n    return rows\ndef g():\n    return f()", "g()", "rows = [2]"),
        ("rows = [1]", "class A:\n    def f(self):\n        return rows", "A().f()", "rows = [2]"),
        ("rows = [1]\ntasks = {'a': lambda: rows}", "measure.timings(tasks)", "rows = [2]"),
        ("import numpy as np", "np.sum(x)", "import torch as np"),
        ("def plan():\n    pass", "plan()", "plan = exercise.use('1.1', other)"),
    ],
)
def test_a_name_that_another_cell_binds_again_is_found(cells):
    assert len(found(*cells)) == 1


@pytest.mark.parametrize(
    "cells",
    [
        ("rows = [1]\nprint(rows)", "rows = [2]\nprint(rows)"),
        ("rows = [1]", READS, "print([rows for rows in table])"),
        ("rows = [1]", READS, "def f(rows):\n    return rows"),
        ("rows = [1]", READS, "def f():\n    rows = 2\n    return rows"),
        ("rows = [1]", READS, "f(rows=2)\nrun.rows = 3"),
        ("rows = 0\nfor n in range(3):\n    rows += n\nprint(rows)", "rows = 1"),
        (
            "with start() as rows, use(rows):\n    pass",
            "with start() as rows, use(rows):\n    pass",
        ),
        ("def f():\n    return rows", "rows = 1\nf()", "rows = 2\nf()"),
        ("import numpy as np", "np.sum(x)", "import numpy as np"),
        ("rows = 1\nf = lambda: rows\nprint(f())", "rows = 2", "f = 3\nprint(f)"),
        ("import os.path", "os.getpid()", "import os"),
        ("def plan():\n    pass", "plan = exercise.use('1.1', plan)", "plan()"),
    ],
)
def test_what_keeps_its_meaning_is_left_alone(cells):
    assert found(*cells) == []
