"""A picture in words: the table of its data that stands folded below it.

Screen readers read it, and the comparison of stored outputs, which sees no picture, compares the
names and the form of this table. So its form is the same on every run: at most ten points of a
series, at fixed places, and numbers that depend on the run between marks.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from scaletoolkit.lab.plots.series import Series
from scaletoolkit.lab.tables import Table, quantity, table

MOST = 10
SUMMARY = "This picture in words"


@dataclass(frozen=True)
class Words:
    """The table below a picture: folded in a notebook, text elsewhere."""

    title: str
    table: Table

    def __repr__(self) -> str:
        return f"{SUMMARY}: {self.table!r}"

    def _repr_html_(self) -> str:
        return f"<details><summary>{SUMMARY}</summary>{self.table._repr_html_()}</details>"


def in_words(
    title: str, x: str, panels: Mapping[str, Sequence[Series]], timed: bool = False
) -> Words:
    """The words for a picture of {y label: its series}.

    timed: how many points there are, and where, depends on the run; so each series that varies has
    ten rows. A series whose label starts with "_" is left out, as it is of the legend.
    """
    y = next(iter(panels)) if len(panels) == 1 else "value"
    rows = []
    for label, series in panels.items():
        for each in series:
            name = each.name if len(panels) == 1 else f"{label}: {each.name}"
            if not each.label.startswith("_"):
                rows += [{"series": name, x: at, y: is_} for at, is_ in _points(each, timed)]
    return Words(title, table(rows, caption=title))


def _points(series: Series, timed: bool) -> Iterator[tuple[object, object]]:
    """The x and y of at most ten points, as they stand in the table."""
    drawn = [(x, y) for x, y in zip(series.x, series.y, strict=True) if math.isfinite(y)]
    varying = timed and series.varies
    marked = series.varies and (timed or not all(isinstance(x, Integral | str) for x, _ in drawn))
    for place in _places(len(drawn), varying):
        x, y = drawn[place]
        yield _cell(x, marked), _cell(y, series.varies)
    if not drawn:
        yield "none", "none"


def _places(count: int, always_ten: bool) -> list[int]:
    if count == 0 or (count <= MOST and not always_ten):
        return list(range(count))
    return [round(number * (count - 1) / (MOST - 1)) for number in range(MOST)]


def _cell(value: Any, marked: bool) -> object:
    return f"⟨{quantity(value)}⟩" if marked else value
