"""A class's guesses and results as one picture for the projector, a panel a question."""

from __future__ import annotations

import io
import math
import textwrap
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from scaletoolkit.classes.guesses import Question
from scaletoolkit.lab.plots.series import COLOURS
from scaletoolkit.machine import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES = (12.8, 7.2)  # 1280 × 720 at 100 points an inch, doubled for a sharp picture
DPI = 200
STYLE: dict[Any, Any] = {  # matplotlib types such a dict by the name of every setting
    "font.size": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 15,
    "axes.titleweight": "bold",
}
COLUMNS = 48  # how many dots fit beside each other
LOGARITHMIC_FROM = 30  # largest ÷ smallest


def draw(title: str, questions: Sequence[Question], path: Path) -> None:
    """Write the picture of these questions into a PNG file: all of it, or LabError."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=INCHES, dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)
        )
        figure.suptitle(title, x=0.01, ha="left", fontsize=17)
        _panels(figure, questions)
        content = io.BytesIO()
        figure.savefig(content, format="png")
    files.replace(path, content.getvalue())


def _panels(figure: Figure, questions: Sequence[Question]) -> None:
    across = 1 if len(questions) <= 2 else 2
    grid = figure.subplots(math.ceil(len(questions) / across), across, squeeze=False).flat
    width = 84 // across
    for axes, question in zip_longest(grid, questions):
        if question is None:
            axes.set_axis_off()
            continue
        axes.set_title("\n".join(textwrap.wrap(question.text, width)))
        _panel(axes, question, width + 16)


def _panel(axes: Axes, question: Question, width: int) -> None:
    """Guesses above the line, results below it, dots stacked where they are the same."""
    says = repr(question).removeprefix(question.text).strip()
    axes.set_yticks([])
    axes.set_xlabel("\n".join(textwrap.wrap(says, width)), loc="left")
    if not question.answers:
        return
    results = [] if question.exact else question.results
    places = _scaled(axes, [*question.guesses, *question.results])
    stacks = (_stacked(question.guesses, places), _stacked(results, places))
    tallest = max(height for stack in stacks for _, height in stack)
    size = min(9, max(3, 100 / tallest))
    _dots(axes, stacks[0], question.guesses, COLOURS[0], "*", size)
    _dots(axes, [(x, -height) for x, height in stacks[1]], results, COLOURS[1], "o", size)
    if question.exact:
        axes.axvline(question.results[0], color=COLOURS[1], linewidth=3)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylim(-tallest - 1 if results else -0.6, tallest + 1)


def _scaled(axes: Axes, values: Sequence[float]) -> list[float]:
    """Give the axis its scale and its ends; the places where dots may stand."""
    steps = [i / COLUMNS for i in range(COLUMNS + 1)]
    if min(values) > 0 and max(values) / min(values) > LOGARITHMIC_FROM:
        factor = (max(values) / min(values)) ** 0.05
        left = min(values) / factor
        right = max(values) * factor
        places = [left * (right / left) ** step for step in steps]
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        margin = (max(*values, 0) - min(*values, 0) or 1) / 20
        left = min(*values, 0) - margin
        right = max(*values, 0) + margin
        places = [left + (right - left) * step for step in steps]
    axes.set_xlim(left, right)
    return places


def _stacked(values: Sequence[float], places: Sequence[float]) -> list[tuple[float, int]]:
    """(place, height) of a dot a value: at the nearest place, on the dots that are there."""
    heights = Counter[float]()
    dots = []
    for value in values:
        place = min(places, key=lambda place: abs(place - value))
        heights[place] += 1
        dots.append((place, heights[place]))
    return dots


def _dots(
    axes: Axes,
    dots: Sequence[tuple[float, int]],
    values: Sequence[float],
    colour: str,
    mark: str,
    size: float,
) -> None:
    """Draw the dots, and a tall mark at the median of the values."""
    if dots:
        x, y = zip(*dots, strict=True)
        axes.plot(x, y, mark, color=colour, markersize=size)
        axes.plot([median(values)], [math.copysign(0.5, y[0])], "|", color=colour, ms=26, mew=3)
