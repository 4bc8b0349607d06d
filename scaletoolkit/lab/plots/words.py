"""A picture in words: the table of its data that stands folded below it.

Screen readers read it, and the comparison of stored outputs, which sees no picture, compares the
names and the form of this table. So its form is the same on every run: at most ten points of a
series, at fixed places, and numbers that depend on the run between marks. Picture and table are
one piece of HTML, for JupyterLab gives no other picture an alternative text.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from textwrap import fill
from typing import TYPE_CHECKING, Any

from scaletoolkit.lab.plots.series import Series
from scaletoolkit.lab.tables import Table, quantity, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 10
SUMMARY = "This picture in words"
FITTING = 60  # letters that stand side by side below an axis; small ones are 1.44 times as many


@dataclass(frozen=True)
class Words:
    """The table of a picture's data: folded below the picture in a notebook, text elsewhere."""

    title: str
    table: Table
    png: bytes = b""

    def below(self, figure: Figure) -> Words:
        """These words with the figure above them, as PNG with a palette: a third of the bytes."""
        from PIL import Image

        drawn = io.BytesIO()
        figure.savefig(drawn, format="png")
        small = io.BytesIO()
        Image.open(drawn).convert("RGB").quantize(128).save(small, format="png", optimize=True)
        return replace(self, png=small.getvalue())

    def __repr__(self) -> str:
        return f"{SUMMARY}: {self.table!r}"

    def _repr_html_(self) -> str:
        name = html.escape(f"{self.title} (picture; its data below)")
        source = f"data:image/png;base64,{base64.b64encode(self.png).decode()}"
        table = f"<details><summary>{SUMMARY}</summary>{self.table._repr_html_()}</details>"
        return f'<img alt="{name}" src="{source}">{table}'


def in_words(
    title: str, x: str, panels: Mapping[str, Sequence[Series]], timed: bool = False
) -> Words:
    """The words for a picture of {y label: its series}.

    timed: all series are; one that is timed and varies has ten rows, however long it is. A series
    whose label starts with "_" is left out, as it is of the legend.
    """
    y = next(iter(panels)) if len(panels) == 1 else "value"
    rows = []
    for label, series in panels.items():
        for each in series:
            name = each.name if len(panels) == 1 else f"{label}: {each.name}"
            points = [] if each.label.startswith("_") else _points(each, timed or each.timed)
            rows += [{"series": name, x: at, y: value} for at, value in points]
    return Words(title, table(rows, caption=title))


def _points(series: Series, timed: bool) -> Iterator[tuple[object, object]]:
    """The x and y of at most ten points, as they stand in the table.

    A timed series has ten rows before its first point, too: of a live picture, the comparison of
    stored outputs sees the first state here and the last one there.
    """
    drawn = [(x, y) for x, y in zip(series.x, series.y, strict=True) if math.isfinite(y)]
    always_ten = timed and series.varies
    marked = series.varies and (timed or not all(isinstance(x, Integral | str) for x, _ in drawn))
    if not drawn:
        nothing = "⟨none⟩" if always_ten else "none"
        yield from [(nothing, nothing)] * (MOST if always_ten else 1)
        return
    for place in _places(len(drawn), always_ten):
        x, y = drawn[place]
        yield _cell(x, marked), _cell(y, series.varies)


def _places(count: int, always_ten: bool) -> list[int]:
    if count <= MOST and not always_ten:
        return list(range(count))
    return [round(number * (count - 1) / (MOST - 1)) for number in range(MOST)]


def _cell(value: Any, marked: bool) -> object:
    return f"⟨{quantity(value)}⟩" if marked else value


def side_by_side(names: Sequence[str]) -> tuple[list[str], str]:
    """Names below an axis, broken so that they stand beside each other, and their letters' size.

    Between words where that is enough, in small letters if need be.
    """
    room = FITTING // len(names)
    broken = [fill(name, room, break_long_words=False) for name in names]
    if all(len(line) <= room for name in broken for line in name.splitlines()):
        return broken, "medium"
    small = int(1.44 * room)
    return [
        "\n".join(fill(line, small) for line in name.splitlines()) for name in broken
    ], "x-small"
