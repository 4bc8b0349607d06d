"""A learner's first minutes: a real JupyterLab, a real browser, a whole lab, a slider."""

import hashlib
import os
from pathlib import Path

import driver
import pytest

LAB = next(iter(sorted(driver.LABS.glob("01_*.ipynb"))), None)
SCREENSHOTS = os.environ.get("SCALETOOLKIT_SCREENSHOTS")

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
        words = page.locator("p", has_text="The right key opens one folder.")
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


def test_a_lab_that_starts_processes_runs_in_jupyterlab():
    with driver.server() as address, driver.browser() as page:
        driver.open_notebook(page, address("03_data_parallel.ipynb"))
        driver.run_all(page, seconds=400)
        assert driver.errors(page) == []
        shoot(page, "03_after_run_all")
        assert page.outside == []
