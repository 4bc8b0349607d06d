"""What `make` takes for a finished installation; the programs that install are fake here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAKE_PYTHON = r"""#!/bin/sh
case "$1" in -c) exit ;; esac
mkdir -p .venv/bin
printf '#!/bin/sh\nexit 0\n' | tee .venv/bin/python > .venv/bin/uv
chmod +x .venv/bin/*
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed here")


@pytest.fixture
def folder(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "python").write_text(FAKE_PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def run(folder, *words):
    """Run make in the folder, as if no other make had started it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", *words, "PYTHON=./python"]
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)


def make(folder):
    """Set up the environment; whether that was said to be done."""
    return run(folder, ".venv/ready").returncode == 0


def test_an_installation_that_was_interrupted_is_made_anew(folder):
    half = folder / ".venv" / "half"
    half.parent.mkdir()
    half.touch()
    assert make(folder)
    assert not half.exists()
    assert (folder / ".venv" / "ready").exists()


def test_an_update_keeps_the_environment_unless_it_is_interrupted(folder):
    assert make(folder)
    kept = folder / ".venv" / "kept"
    kept.touch()
    os.utime(folder / ".venv" / "ready", (0, 0))
    assert make(folder)
    assert kept.exists()
    os.utime(folder / ".venv" / "ready", (0, 0))
    (folder / "python").write_text(FAKE_PYTHON.replace("exit 0", "exit 1"))
    assert not make(folder)
    assert not (folder / ".venv" / "ready").exists()
    (folder / "python").write_text(FAKE_PYTHON)
    assert make(folder)
    assert not kept.exists()


@pytest.mark.parametrize(("words", "lab"), [([], ""), (["LAB=03"], "03")])
def test_make_start_opens_a_copy(folder, words, lab):
    said = run(folder, "-n", "start", *words).stdout.splitlines()[-1]
    assert said.split() == [".venv/bin/python", *f"-m scaletoolkit start {lab} --open".split()]


@pytest.mark.parametrize(
    ("words", "labs"),
    [
        ([], ["01_a.ipynb", "10_b.ipynb"]),
        (["LAB=01"], ["01_a.ipynb"]),
        (["LAB=10_b"], ["10_b.ipynb"]),
        (["LAB=1"], ["1[_.]*ipynb"]),  # there is none, as `run` then says
    ],
)
def test_make_labs_runs_all_labs_or_the_one(folder, words, labs):
    assert make(folder)
    (folder / "labs").mkdir()
    for name in ("01_a.ipynb", "10_b.ipynb"):
        (folder / "labs" / name).touch()
    (folder / ".venv/bin/python").write_text('#!/bin/sh\necho "$4"\n')
    assert run(folder, "labs", *words).stdout.split() == [f"labs/{name}" for name in labs]
