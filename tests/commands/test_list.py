"""The labs and their questions, and how far a learner is, in a tenth of a second."""

import subprocess
import sys

from tools import notebooks
from tools.course import call

from scaletoolkit.copies import labs


def test_list_names_the_labs(tmp_path, monkeypatch):
    monkeypatch.setattr("scaletoolkit.copies.folder.place", lambda path: tmp_path / path.name)
    status, said, _ = call("list")
    assert status == 0
    assert [line[:2] for line in said.splitlines()] == [path.stem[:2] for path in labs.labs()]
    assert all(line.endswith("?") for line in said.splitlines())


def test_listing_the_labs_does_not_import_what_reads_notebooks():
    code = "import sys; from scaletoolkit.__main__ import main; main(['list']); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"nbformat", "jsonschema", "numpy"}
    assert not heavy & set(run.stdout.splitlines()[-1].split())


def progress(course):
    """The line about the learner's copy."""
    return call("list")[1].splitlines()[1].strip()


def test_list_shows_how_far_a_copy_is(course):
    call("start", "00")
    assert progress(course) == "begun · predictions 0 of 1 · exercises 0 of 1"
    course.edit(predict_size='guess = lab.predict("How small?", 4, "×")')
    assert progress(course) == "begun · predictions 1 of 1 · exercises 0 of 1"
    notebook = course.read()
    exercise = next(cell for cell in notebook.cells if cell.id == "exercise-1")
    exercise.outputs.append(notebooks.stream("● 0.1 passed: 4 cases as expected.\n"))
    course.save(notebook)
    assert progress(course) == "begun · predictions 1 of 1 · exercises 1 of 1"
    record = {"checks": {"0.1": {"passed": True, "tries": 1}}}
    exercise.outputs = []
    summary = notebooks.shown("text/plain", "Claims held: 0 of 0")
    notebook.cells[-1].outputs.append(summary | {"metadata": {"scaletoolkit": record}})
    course.save(notebook)
    assert progress(course) == "done · predictions 1 of 1 · exercises 1 of 1"


def test_a_copy_that_is_no_notebook_is_one_line(course):
    call("start", "00")
    for text in ("", '{"cells": [{"cell_type": "code", "source": 1}]}'):
        course.copy.write_text(text)
        assert progress(course).startswith("my/00_small.ipynb cannot be read as a notebook")
    outputs = '{"cells": [{"cell_type": "code", "source": "", "outputs": 5}], "metadata": {}}'
    course.copy.write_text(outputs)
    assert progress(course).endswith("`python -m scaletoolkit reset 00` begins anew")
