"""Every lab: its form, its stored outputs under strict nbval, its cost."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from tools import guards, notebooks
from tools.strict import ROOT, strict_run

LABS = sorted((ROOT / "labs").glob("*.ipynb"))
SECONDS = {"03": 150, "06": 120, "09": 120, "11": 120}
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
    assert run.seconds <= SECONDS.get(path.stem[:2], 90)
    assert run.peak_bytes <= GIGABYTES.get(path.stem[:2], 1.5) * 1e9


@pytest.mark.labs
def test_a_changed_output_is_caught_in_every_lab(tmp_path):
    def verdict(path):
        notebook = notebooks.read(path)
        cells = guards.code_cells(notebook)
        number = next(i for i, cell in enumerate(cells) if _comparable(cell))
        cut = notebook.cells.index(cells[number]) + 1
        said = strict_run(_altered(notebook, cut, tmp_path / path.name)).output
        return f"{number} passed" in said and "1 failed" in said

    with ThreadPoolExecutor(2) as pool:
        caught = dict(zip(LABS, pool.map(verdict, LABS), strict=True))
    assert [path.stem for path in LABS if not caught[path]] == []


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
