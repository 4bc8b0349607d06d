"""The course as pages: every lab is there, nothing is asked of another site, no solution shows."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from scaletoolkit.copies import labs

ROOT = Path(__file__).parents[1]
MISSING = [name for name in ("sphinx", "myst_nb", "autodoc2") if not importlib.util.find_spec(name)]
OUTSIDE = re.compile(r"""<(?:script|img|link|iframe)[^>]*(?:src|href)="(?:https?:)?//[^"]*""")

pytestmark = [
    pytest.mark.skipif(
        bool(MISSING), reason=f"{', '.join(MISSING)} not installed: `make site` or `make test` does"
    ),
    pytest.mark.filterwarnings("ignore:.* is deprecated"),  # themes and parsers of Sphinx's own
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the pages, built anew with warnings as errors."""
    spec = importlib.util.spec_from_file_location("course_site", ROOT / "docs" / "site.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    target = tmp_path_factory.mktemp("site") / "site"
    assert module.build(target) == 0
    return target


def test_every_lab_is_a_page_of_the_contents_and_can_be_downloaded(site):
    front = (site / "index.html").read_text()
    for path in labs.labs():
        assert f'href="labs/{path.stem}.html"' in front
        assert (site / "labs" / f"{path.stem}.html").is_file()
        assert (site / "_sources" / "labs" / path.name).read_bytes() == path.read_bytes()


def test_nothing_is_asked_of_another_site(site):
    pages = [*site.rglob("*.html")]
    assert [found for page in pages for found in OUTSIDE.findall(page.read_text())] == []
    assert (site / "_static" / "mathjax" / "tex-chtml.js").is_file()
    assert [*(site / "_static" / "mathjax").rglob("*.woff")]


def test_the_search_knows_the_labs_and_the_functions(site):
    index = (site / "searchindex.js").read_text()
    assert "labs/00_start_here" in index
    assert "functions/scaletoolkit/scaletoolkit.laws" in index


def test_no_solution_shows(site):
    assert not [*site.glob("functions/**/*scaletoolkit.exercises*")]
    assert not [*site.glob("_sources/scaletoolkit/**/*")]
