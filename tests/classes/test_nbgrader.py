"""A lab as an assignment of nbgrader: released, answered, graded there, in its own environment.

`SCALETOOLKIT_NBGRADER` is the Python of an environment with nbgrader, never a learner's own:
    uv venv /tmp/nbgrader && uv pip install --python /tmp/nbgrader/bin/python nbgrader==0.9.6
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tools import handed_in, notebooks
from tools.course import call
from tools.strict import ROOT

from scaletoolkit.copies import labs

PYTHON = os.environ.get("SCALETOOLKIT_NBGRADER")
STEM = "00_start_here"
SCORES = """
import json
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as book:
    print(json.dumps({s.student.id: s.score for s in book.assignment_submissions("00_start_here")}))
"""


@pytest.mark.parametrize("path", labs.labs(), ids=lambda path: path.stem)
def test_every_exercise_of_every_lab_is_in_it(path, tmp_path):
    status, said, _ = call("class", "export", "nbgrader", path.stem[:2], "--to", f"{tmp_path}/n")
    assert status == 0
    assert "with the rights of whoever grades" in said
    cells = notebooks.read(tmp_path / "n" / "source" / path.stem / path.name).cells
    marks = [cell.metadata.nbgrader for cell in cells if "nbgrader" in cell.metadata]
    asked = sum("exercise.check(" in cell.source for cell in notebooks.read(path).cells
                if cell.cell_type == "code")  # fmt: skip
    assert sum(mark.solution and not mark.grade for mark in marks) == asked
    assert sum(mark.points for mark in marks if mark.grade and not mark.solution) == asked
    assert len({mark.grade_id for mark in marks}) == len(marks) == 2 * asked + 1
    assert len({cell.id for cell in cells}) == len(cells)


def test_it_does_not_write_over_a_folder(tmp_path):
    status, _, error = call("class", "export", "nbgrader", "00", "--to", str(tmp_path))
    assert (status, error) == (2, f"{str(tmp_path)!r} exists already; name a folder that is new.\n")


def kernel(folder):
    """The environment in which nbgrader's python3 kernel is this Python, with this package."""
    spec = folder / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    env = {"PYTHONPATH": str(ROOT)}
    spec.write_text(
        json.dumps({"argv": command, "display_name": "x", "language": "python", "env": env})
    )
    return os.environ | {
        "JUPYTER_PATH": str(folder),
        "SCALETOOLKIT_RECORDS": str(folder / "records"),
    }


@pytest.mark.skipif(PYTHON is None, reason="SCALETOOLKIT_NBGRADER names no Python with nbgrader")
def test_nbgrader_grades_what_it_released(tmp_path):
    course = tmp_path / "course"
    assert call("class", "export", "nbgrader", "00", "--to", str(course))[0] == 0
    env = kernel(tmp_path / "jupyter")
    env["PATH"] = f"{Path(PYTHON).parent}:{env['PATH']}"  # nbgrader calls alembic by its name

    def nbgrader(*words):
        command = [PYTHON, "-m", "nbgrader", *words]
        run = subprocess.run(
            command, cwd=course, env=env, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr

    nbgrader("generate_assignment", STEM)
    released = course / "release" / STEM / f"{STEM}.ipynb"
    for name, right in {"ada": handed_in.ALL, "bob": ("0.1",), "eve": ()}.items():
        notebook = notebooks.read(released)
        for cell in notebook.cells:
            for exercise in right:
                if f'exercise.check("{exercise}"' in cell.source:
                    cell.source = handed_in.RIGHT[exercise]
        folder = course / "submitted" / name / STEM
        folder.mkdir(parents=True)
        notebooks.write(notebook, folder / f"{STEM}.ipynb")
    nbgrader("autograde", STEM)
    run = subprocess.run(
        [PYTHON, "-c", SCORES], cwd=course, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == {"ada": 4, "bob": 1, "eve": 0}
