"""Every lab: its form, its stored outputs under strict nbval, its cost."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from tools import guards, notebooks
from tools.strict import ROOT, slowness, strict_run

LABS = sorted((ROOT / "labs").glob("*.ipynb"))
SECONDS = {"03": 150, "04": 150, "05": 150, "06": 120, "09": 120, "11": 120}
GIGABYTES = {"03": 4.0, "04": 4.0, "05": 4.0, "06": 2.0, "11": 2.0}

each_lab = pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)


def test_the_labs_are_those_that_the_readme_calls_ready():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| (\d\d) \| (.*?) \|.*\| (\w+) \|$", readme, re.MULTILINE)
    assert [number for number, _, _ in rows] == [f"{number:02}" for number in range(13)]
    ready = [re.search(r"\(labs/(.*)\)", lab)[1] for _, lab, state in rows if state == "ready"]
    assert ready == [path.name for path in LABS]


@each_lab
def test_form(path):
    assert guards.problems(notebooks.read(path)) == []


@pytest.mark.labs
@each_lab
def test_outputs_are_the_stored_ones_within_budget_and_nothing_is_left(path):
    run = strict_run(path)
    assert run.passed, run.output
    assert run.left == []
    assert run.seconds <= SECONDS.get(path.stem[:2], 90) * slowness()
    assert run.peak_bytes <= GIGABYTES.get(path.stem[:2], 1.5) * 1e9


@pytest.mark.labs
def test_a_changed_output_is_caught_in_every_lab(tmp_path):
    """Two runs at once, each of half the labs: the cells before it pass, and it alone fails."""
    numbers = {path: _altered(path, tmp_path) for path in LABS}

    def said(paths):
        output = strict_run(*(tmp_path / path.name for path in paths)).output
        passed = re.search(r"^=.* (\d+) passed", output, re.MULTILINE)
        failed = re.findall(r"^FAILED .*::Cell (\d+)", output, re.MULTILINE)
        return list(map(int, failed)), int(passed[1]) if passed else 0

    halves = [LABS[::2], LABS[1::2]]
    with ThreadPoolExecutor(2) as pool:
        for half, (failed, passed) in zip(halves, pool.map(said, halves), strict=True):
            assert failed == [numbers[path] for path in half]
            assert passed == sum(failed)


def _comparable(cell):
    streams = [output for output in cell.outputs if output.output_type == "stream"]
    return not guards.ignored(cell) and bool(streams)


def _altered(path, folder):
    """Write a copy that ends where something can be compared, with one letter of that changed.

    Returns the number of its last code cell.
    """
    notebook = notebooks.read(path)
    cells = guards.code_cells(notebook)
    number = next(i for i, cell in enumerate(cells) if _comparable(cell))
    output = next(o for o in cells[number].outputs if o.output_type == "stream")
    at = next(i for i, letter in enumerate(output.text) if letter.isalpha())
    output.text = output.text[:at] + "#" + output.text[at + 1 :]
    notebook.cells = notebook.cells[: notebook.cells.index(cells[number]) + 1]
    notebooks.write(notebook, folder / path.name)
    return number
