"""Every lab: its form, its stored outputs under strict nbval, its cost, its exercises."""

import ast
import importlib
import re
from types import SimpleNamespace

import pytest
from tools import guards, notebooks
from tools.strict import ROOT, strict_run

from scaletoolkit.lab.exercises import judge

LABS = sorted((ROOT / "labs").glob("*.ipynb"))
SECONDS = {"03": 150, "09": 120}
GIGABYTES = {"03": 4.0}

each_lab = pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)


def test_the_labs_are_those_that_the_readme_calls_ready():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| (\d\d) \| (.*?) \|.*\| (\w+) \|$", readme, re.MULTILINE)
    assert [number for number, _, _ in rows] == [f"{number:02}" for number in range(13)]
    ready = [re.search(r"\(labs/(.*)\)", lab)[1] for _, lab, state in rows if state == "ready"]
    assert ready == [path.name for path in LABS]


def test_exercises_are_named_like_their_labs():
    files = (ROOT / "scaletoolkit" / "exercises").glob("[!_]*.py")
    assert sorted(path.stem for path in files) == sorted(path.stem[3:] for path in LABS)


@each_lab
def test_form(path):
    assert guards.problems(notebooks.read(path)) == []


@pytest.mark.labs
@each_lab
def test_outputs_are_the_stored_ones_within_budget_and_nothing_is_left(path):
    run = strict_run(path)
    assert run.passed, run.output
    assert run.left == []
    assert run.seconds <= SECONDS.get(path.stem[:2], 90)
    assert run.peak_bytes <= GIGABYTES.get(path.stem[:2], 1.5) * 1e9


@pytest.mark.labs
@each_lab
def test_a_changed_output_is_caught(path, tmp_path):
    notebook = notebooks.read(path)
    cells = guards.code_cells(notebook)
    number = next(i for i, cell in enumerate(cells) if _comparable(cell))
    cut = notebook.cells.index(cells[number]) + 1
    run = strict_run(_altered(notebook, cut, tmp_path / path.name))
    assert f"{number} passed" in run.output
    assert "1 failed" in run.output


def _comparable(cell):
    streams = [output for output in cell.outputs if output.output_type == "stream"]
    return not guards.ignored(cell) and bool(streams)


def _altered(notebook, cut, path):
    """A copy of the first cells, with one letter of the last one's stored output changed."""
    notebook.cells = notebook.cells[:cut]
    output = next(o for o in notebook.cells[-1].outputs if o.output_type == "stream")
    at = next(i for i, letter in enumerate(output.text) if letter.isalpha())
    output.text = output.text[:at] + "#" + output.text[at + 1 :]
    return notebooks.write(notebook, path)


def exercise_module(notebook):
    """The module that the lab imports as `exercise`."""
    for node in statements(notebook):
        if isinstance(node, ast.ImportFrom) and node.module == "scaletoolkit.exercises":
            for name in node.names:
                if name.asname == "exercise":
                    return importlib.import_module(f"scaletoolkit.exercises.{name.name}")
    raise ValueError("the lab imports no module of scaletoolkit.exercises as exercise")


def statements(notebook):
    """The statements of all code cells, those inside others not apart."""
    return [node for cell in guards.code_cells(notebook) for node in guards.tree(cell).body]


def exercises():
    """(lab's name, exercise, starter cell) for every exercise of every lab."""
    for path in LABS:
        notebook = notebooks.read(path)
        module = exercise_module(notebook)
        for name, exercise in module.BOOK.exercises.items():
            cells = [
                c for c in guards.code_cells(notebook) if f'exercise.check("{name}"' in c.source
            ]
            yield pytest.param(SimpleNamespace(notebook=notebook, cells=cells), exercise, id=name)


each_exercise = pytest.mark.parametrize(("lab", "exercise"), list(exercises()))


def starter(lab, name):
    """The function of the notebook's own exercise cell, with the notebook's imports around it."""
    imports = [n for n in statements(lab.notebook) if isinstance(n, ast.Import | ast.ImportFrom)]
    cell = guards.tree(lab.cells[0])
    check = next(n for n in ast.walk(cell) if isinstance(n, ast.Call) and len(n.args) == 2)
    defined = [node for node in cell.body if isinstance(node, ast.FunctionDef)]
    names = {}
    exec(compile(ast.Module(imports + defined, []), name, "exec"), names)
    return names[check.args[1].id]


@each_exercise
def test_the_starter_in_the_notebook_is_not_yet_right(lab, exercise):
    assert len(lab.cells) == 1, f"{exercise.name} is checked in {len(lab.cells)} cells"
    verdict = judge(exercise, starter(lab, exercise.name))
    assert not verdict.passed
    assert "starter" in verdict.sentence


@each_exercise
def test_the_solution_passes(lab, exercise):
    verdict = judge(exercise, exercise.solution)
    assert verdict.passed, verdict.sentence


@each_exercise
def test_known_wrong_answers_are_rejected(lab, exercise):
    assert len(exercise.wrong) >= 2
    for wrong in exercise.wrong:
        verdict = judge(exercise, wrong)
        assert not verdict.passed, wrong.__name__
        assert verdict.sentence.startswith(f"○ {exercise.name} not yet: ")


@each_exercise
def test_the_story_hints_and_reason_are_there(lab, exercise):
    assert len(exercise.hints) == 3
    assert all(len(text.split()) >= 4 for text in (exercise.story, exercise.why, *exercise.hints))
