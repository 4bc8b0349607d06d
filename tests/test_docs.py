"""The pages that people read: links lead somewhere, and the index is what `make docs` wrote."""

import importlib.util
import re
from pathlib import Path

import pytest
from tools import notebooks

ROOT = Path(__file__).parents[1]
LABS = sorted(ROOT.glob("labs/*.ipynb"))
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("data/*.md")]
each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build", ROOT / "docs" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_index_of_the_functions_is_up_to_date(build):
    assert (ROOT / "docs" / "README.md").read_text() == build.index(), "run `make docs`"


def test_every_module_gets_a_page_but_not_the_solutions(build):
    assert {"scaletoolkit", "scaletoolkit.lab.plots"} <= set(build.modules())
    assert "!scaletoolkit.exercises" in build.LEFT_OUT
    assert "scaletoolkit/exercises/" not in build.index()


def links(text):
    """(path, anchor) of every link of a text that stays in the checkout."""
    found = re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text)
    return [(path, anchor) for path, anchor in found if path and "://" not in path]


def anchors(path):
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {heading.lower().replace(" ", "-") for heading in headings}


def broken(text, folder):
    """The links of a text in that folder that lead nowhere."""
    return [
        f"{path}#{anchor}"
        for path, anchor in links(text)
        if not (folder / path).exists() or (anchor and anchor not in anchors(folder / path))
    ]


@each_page
def test_links_lead_somewhere(page):
    assert broken(page.read_text(), page.parent) == []


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_links_of_labs_lead_somewhere_and_one_to_the_functions(lab):
    cells = notebooks.read(lab).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert broken(prose, lab.parent) == []
    assert "../docs/README.md" in [path for path, _ in links(prose)]


@each_page
def test_what_is_called_by_path_is_there(page):
    named = re.findall(r"`((?:scaletoolkit|tests|labs|docs|\.ci)/[\w./-]*)`", page.read_text())
    generated = ("docs/_build",)
    missing = [path for path in named if not (ROOT / path).exists()]
    assert [path for path in missing if not path.startswith(generated)] == []
