"""A learner's first minutes: a real JupyterLab, a real browser, a whole lab, a slider."""

import hashlib
import os
import time
from pathlib import Path

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from tools import driver, strict
from tools.listeners import beyond_loopback, watched

CONTENT = [[".jp-Notebook .jp-RenderedMarkdown"], [".jp-Notebook .jp-OutputArea-output"]]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
NO_ALT = "() => document.querySelectorAll('.jp-OutputArea-output img')[0].removeAttribute('alt')"
LAB = next(iter(sorted(driver.LABS.glob("01_*.ipynb"))), None)
SCREENSHOTS = os.environ.get("SCALETOOLKIT_SCREENSHOTS")
# Labs that are run whole, one that starts ranks and one that starts servers; SCALETOOLKIT_BROWSER
# names others, for example "03 07 11", or "all".
WHOLE = os.environ.get("SCALETOOLKIT_BROWSER", "04 08").split()
RUN_WHOLE = [
    path.stem
    for path in sorted(driver.LABS.glob("*.ipynb"))
    if path.stem[:2] in WHOLE or WHOLE == ["all"]
]
UNSEEN = """() => [...document.querySelectorAll('.jp-Notebook img')]
  .filter(image => image.complete && !image.naturalWidth).map(image => image.src.slice(0, 80))"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        driver.CHROMIUM is None, reason="no chromium or Chrome is installed here: .ci/run does it"
    ),
]


def picture_below(slider):
    """The hash of the picture in the cell of a slider."""
    cell = slider.locator("xpath=ancestor::div[contains(@class, 'jp-CodeCell')]")
    source = cell.locator(".jp-OutputArea-output img").last.get_attribute("src")
    return hashlib.sha256(source.encode()).hexdigest()


def changes(page, look, before, seconds=10):
    """Whether what `look` returns becomes another than `before` in time."""
    for _ in range(seconds * 5):
        if look() != before:
            return True
        page.wait_for_timeout(200)
    return False


def shoot(page, name):
    if SCREENSHOTS:
        Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def test_a_lab_runs_in_jupyterlab_and_its_slider_moves_the_picture():
    with driver.server() as address, driver.browser() as page:
        driver.open_notebook(page, address(LAB.name))
        driver.run_all(page)
        assert driver.errors(page) == []
        words = page.locator("p", has_text="The right key reads values from one folder")
        words.evaluate("element => element.scrollIntoView({block: 'end'})")
        shoot(page, "lab")
        slider = page.locator(".jupyter-widgets.widget-slider .noUi-handle").first
        slider.scroll_into_view_if_needed()
        before = picture_below(slider)
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert changes(page, lambda: picture_below(slider), before)
        shoot(page, "slider")
        assert page.outside == []


def jupyterlab_pid():
    """The process id of the JupyterLab that this process has started."""
    children = psutil.Process().children()
    return next(child.pid for child in children if "jupyter" in strict.command_line(child))


@pytest.mark.parametrize("name", RUN_WHOLE)
def test_a_lab_that_starts_processes_runs_in_jupyterlab_and_listens_on_loopback_only(name):
    with (
        driver.server() as address,
        watched(jupyterlab_pid()) as places,
        driver.browser() as page,
    ):
        driver.open_notebook(page, address(f"{name}.ipynb"))
        driver.run_all(page)
        assert driver.errors(page) == []
        shoot(page, f"{name[:2]}_after_run_all")
        assert page.outside == []
    assert len(places) > 5  # JupyterLab's own port and a kernel's five
    assert beyond_loopback(places) == []


def test_the_live_picture_changes_while_the_load_test_runs():
    with driver.server() as address, driver.browser() as page:
        driver.open_notebook(page, address("09_autoscaling.ipynb"))
        driver.start_all(page)
        cell = page.locator(".jp-CodeCell", has_text="plots.live(draw, ticks())")
        picture = cell.locator(".jp-OutputArea-output img")
        seen = set()
        end_s = time.monotonic() + 400
        while len(seen) < 20 and not driver.done(page) and time.monotonic() < end_s:
            if picture.count():
                seen.add(picture.last.get_attribute("src"))
            page.wait_for_timeout(200)
        # the cell stays; its picture is replaced by the next one at any moment
        cell.evaluate("element => element.scrollIntoView({block: 'end'})")
        shoot(page, "09_live")
        assert driver.errors(page) == []
        assert len(seen) == 20
        assert page.outside == []


def barriers(page):
    """What axe-core finds in the texts and outputs of the open notebook: names of its rules."""
    results = Axe().run(page, {"include": CONTENT}, RULES)
    return [violation["id"] for violation in results.response["violations"]]


def test_each_lab_opens_whole_and_shuts_nobody_out_in_the_light_or_in_the_dark():
    with driver.server() as address, driver.browser() as page:
        for path in sorted(driver.LABS.glob("*.ipynb")):
            driver.open_notebook(page, address(path.name))
            assert driver.errors(page) == []
            assert page.evaluate(UNSEEN) == []
            for theme in ("JupyterLab Light", "JupyterLab Dark"):
                driver.theme(page, theme)
                assert barriers(page) == [], f"{path.stem}, {theme}"
        page.evaluate(NO_ALT)
        assert barriers(page) == ["image-alt"]
        assert page.outside == []
