"""Every lab's cells may be run twice, interrupted at any moment and run again.

The same run shows that other right answers, in every exercise at once, carry the lab to its end.
SCALETOOLKIT_INTERRUPTS=5 interrupts each long cell at five more moments: a soak.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from tools import exercises, forgiving, kernels, notebooks
from tools.notebooks import code

SETUP = """
import sys, time
from pathlib import Path
from scaletoolkit.machine import processes
"""
FOLDER = 'Path("made").mkdir()'
HALF = """
if Path("half").exists():
    raise ValueError("half a file")
Path("half").touch()
time.sleep(1)
Path("half").unlink()
"""
TALKS = """
try:
    time.sleep(1)
except KeyboardInterrupt:
    print("line\\n" * 100, file=sys.stderr)
    raise
"""
RAISES = """
try:
    time.sleep(1)
except KeyboardInterrupt:
    raise OSError("broken")
"""
OUTLIVES = """
import subprocess
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
"""
KEPT = 'child = processes.Child(["-c", "import sys; sys.stdin.read()"])\ntime.sleep(1)'


TOGETHER = 2  # labs at once: here nobody asks how long they take, and mostly they wait


def told(path, folder):
    """What a lab with other answers does not forgive, and what its cells took: two lists."""
    labs = folder / "labs"
    shutil.copytree(path.parent, labs, ignore=shutil.ignore_patterns("*.ipynb"))
    answered = exercises.answered(path, labs / path.name)
    took = []
    return forgiving.problems(answered, took.append, never="uses the solution"), took


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """{path: what `told` gives, in the future} of the labs that are to be tested."""
    chosen = [item.callspec.params["path"] for item in request.session.items if _is_lab(item)]
    pool = ThreadPoolExecutor(TOGETHER)
    yield {path: pool.submit(told, path, tmp_path_factory.mktemp("lab")) for path in chosen}
    pool.shutdown(cancel_futures=True)


def _is_lab(item):
    return getattr(item, "originalname", "") == "test_a_lab_forgives_and_takes_other_answers"


@pytest.mark.labs
@pytest.mark.parametrize("path", exercises.LABS, ids=lambda path: path.stem)
def test_a_lab_forgives_and_takes_other_answers(path, runs):
    problems, took = runs[path].result()
    print(*took, sep="\n")
    assert problems == []


@pytest.fixture
def problems(tmp_path, monkeypatch):
    """A function that says what a notebook of these cells does not forgive."""
    monkeypatch.setattr(forgiving, "MOMENTS_S", [0.5])
    monkeypatch.setattr(kernels, "GRACE_S", 2)

    def run(*cells):
        notebook = notebooks.notebook(code("setup", SETUP), *cells)
        return forgiving.problems(notebooks.write(notebook, tmp_path / "lab.ipynb"))

    return run


def test_what_forgives_has_no_problem(problems):
    refused = code("refused", "raise ValueError", tags=["raises-exception"])
    assert problems(code("kept", KEPT), refused, code("close", "processes.clean_up()")) == []


def test_each_thing_that_does_not_forgive_is_told(problems):
    sentences = problems(
        code("folder", FOLDER),
        code("half", HALF),
        code("talks", TALKS),
        code("raises", RAISES),
        code("outlives", OUTLIVES),
        code("close", "print('done')"),
    )
    for beginning in (
        "cell folder: run once more: FileExistsError",
        "cell half: run after 1 interrupts: ValueError: half a file",
        "cell talks: interrupted after 0.5 s: 103 lines",
        "cell raises: interrupted after 0.5 s: OSError: broken",
        "in the end it says 'done",
        "after the last cell there runs sleep 60",
        "it left the process sleep 60",
    ):
        assert any(sentence.startswith(beginning) for sentence in sentences), sentences
