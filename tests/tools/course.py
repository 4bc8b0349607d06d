"""A small course with one lab, its learner, and what both may do to their notebooks."""

import io
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tools import notebooks

from scaletoolkit.__main__ import main
from scaletoolkit.copies import labs

STARTER = 'def half(n):\n    raise NotImplementedError\n\nexercise.check("0.1", half)'
CELLS = [
    notebooks.markdown("title", "# 00 · A small lab\n\n**How small?**"),
    notebooks.code("setup", "from scaletoolkit import lab\nsize = 3"),
    notebooks.code("predict-size", 'guess = lab.predict("How small?", 8, "×")'),
    notebooks.markdown("measure-text", "Now measure it."),
    notebooks.code("measure", "print(size, open('beside.csv').read())"),
    notebooks.code("exercise-1", STARTER, tags=["exercise"]),
    notebooks.markdown("decide", "Would you buy it?"),
    notebooks.markdown("decide-answer", "*Your decision:*"),
    notebooks.code("close", "lab.summary()"),
]


class Course:
    """A checkout: `labs/` with lab 00, and the learner's `my/`."""

    def __init__(self, root, monkeypatch, cells=CELLS):
        self.lab = root / "labs" / "00_small.ipynb"
        self.copy = root / "my" / "00_small.ipynb"
        self.lab.parent.mkdir()
        (self.lab.parent / "beside.csv").write_text("1")
        self.publish(cells)
        monkeypatch.setattr(labs, "LABS", self.lab.parent)

    def publish(self, cells):
        """The course's lab is now of these cells, executed."""
        cells = [notebooks.Node(cell) for cell in cells]
        for number, cell in enumerate(cells):
            if cell.cell_type == "code":
                outputs = [notebooks.stream("recorded")]
                cells[number] = notebooks.Node(cell | {"outputs": outputs, "execution_count": 1})
        notebooks.write(notebooks.notebook(*cells), self.lab)

    def read(self):
        """The learner's notebook."""
        return notebooks.read(self.copy)

    def save(self, notebook):
        """Save the learner's notebook as JupyterLab does, which adds metadata of its own."""
        notebook.metadata.language_info = {"name": "python", "version": "3.11.7"}
        notebook.metadata.kernelspec.display_name = "Python 3 (ipykernel)"
        notebooks.write(notebook, self.copy)

    def edit(self, **sources):
        """Write into cells of the learner's notebook, `_` for `-` in their ids, and save it."""
        notebook = self.read()
        for cell in notebook.cells:
            cell.source = sources.get(cell.id.replace("-", "_"), cell.source)
        self.save(notebook)

    def source(self, name):
        """What stands in a cell of the learner's notebook."""
        return next(cell.source for cell in self.read().cells if cell.id == name)


def changed(name, source, cells=CELLS):
    """The course's cells with another text in one."""
    return [cell | {"source": source} if cell["id"] == name else cell for cell in cells]


def without(name, cells=CELLS):
    """The course's cells without one."""
    return [cell for cell in cells if cell["id"] != name]


def call(*words):
    """Run a command: (exit status, what it printed, what it complained of)."""
    out = io.StringIO()
    complaints = io.StringIO()
    with redirect_stdout(out), redirect_stderr(complaints):
        status = main(words)
    return status, out.getvalue(), complaints.getvalue()


def git(folder, *words):
    """What git says in a folder."""
    person = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.check_output(["git", *person, *words], cwd=folder, text=True)


def checkout(folder):
    """A repository with this course as it is now, and a learner's clone of it: two folders."""
    root = Path(__file__).parents[2]
    upstream = folder / "upstream"
    shutil.copytree(root / "labs", upstream / "labs", ignore=lambda *_: [".ipynb_checkpoints"])
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "scaletoolkit", upstream / "scaletoolkit", ignore=leave)
    for name in (".gitignore", "pyproject.toml", "Makefile"):
        shutil.copy(root / name, upstream)
    git(upstream, "init", "--quiet")
    git(upstream, "add", ".")
    git(upstream, "commit", "--quiet", "--message", "The course")
    git(folder, "clone", "--quiet", "upstream", "clone")
    return upstream, folder / "clone"


def at(clone):
    """The environment in which the package is that of a clone."""
    return os.environ | {"PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": "1"}


def in_clone(clone, *words):
    """What a command prints that runs in a clone, as a learner types it."""
    command = [sys.executable, "-m", "scaletoolkit", *words]
    run = subprocess.run(command, cwd=clone, env=at(clone), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout
