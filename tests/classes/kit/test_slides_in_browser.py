"""Slides in a real browser: they fit a projector, ask for nothing, and shut nobody out."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from tools import driver

from scaletoolkit.classes.kit.lesson import lesson
from scaletoolkit.classes.kit.slides import slides
from scaletoolkit.copies import labs

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        driver.CHROMIUM is None, reason="no chromium or Chrome is installed here: .ci/run does it"
    ),
]
PROJECTOR = {"width": 1280, "height": 720}
STICK_OUT = """() => slides.map((_, place) => {
  show(place);
  const body = document.querySelector("section.now > div");
  const beside = body.scrollWidth - body.clientWidth;
  const below = body.scrollHeight - body.clientHeight;
  return Math.max(beside, below) > 2 ? place + 1 : 0;
}).filter(Boolean)"""


@pytest.fixture(scope="module")
def page():
    with driver.browser() as page:
        page.set_viewport_size(PROJECTOR)
        yield page


def show(page, path, folder):
    """Open the slides of a lab; where they are."""
    file = folder / "slides.html"
    file.write_text(slides(lesson(path)))
    page.goto(file.as_uri())
    return file.as_uri()


@pytest.mark.parametrize("path", labs.labs(), ids=lambda path: path.stem)
def test_every_slide_fits_the_projector(path, page, tmp_path):
    page.outside.clear()
    place = show(page, path, tmp_path)
    assert page.evaluate(STICK_OUT) == []
    assert page.outside == [place]


def test_keys_turn_and_change_the_light(page, tmp_path):
    show(page, labs.labs()[0], tmp_path)
    for key, number in (("ArrowRight", 2), (" ", 3), ("ArrowLeft", 2), ("Home", 1)):
        page.keyboard.press(key)
        assert page.locator("section:visible .page").inner_text().startswith(f"{number} /")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("d")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_slides(scheme, page, tmp_path):
    page.emulate_media(color_scheme=scheme)
    show(page, labs.labs()[0], tmp_path)
    found = set()
    for number in range(page.locator("section").count()):
        page.evaluate(f"show({number})")
        found |= {one["id"] for one in Axe().run(page).response["violations"]}
    assert found == set()
