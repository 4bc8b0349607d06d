"""The pages that people read: links lead somewhere, and the index is what `make docs` wrote."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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


@each_page
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@each_page
def test_what_is_called_by_path_is_there(page):
    named = re.findall(r"`((?:scaletoolkit|tests|labs|docs|\.ci)/[\w./-]*)`", page.read_text())
    generated = ("docs/_build",)
    missing = [path for path in named if not (ROOT / path).exists()]
    assert [path for path in missing if not path.startswith(generated)] == []
