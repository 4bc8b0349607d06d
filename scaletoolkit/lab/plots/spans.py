"""Bars from a low end to a high one, below each other: which input moves a result how far."""

from __future__ import annotations

from collections.abc import Mapping

from scaletoolkit.lab.plots.pictures import Show, drawn_on
from scaletoolkit.lab.plots.series import COLOURS, Series
from scaletoolkit.lab.plots.words import in_words

Ends = Mapping[str, tuple[float, float]]


def spans(
    ends: Ends, middle: float, title: str, x: str, kind: str = "computed", show: Show | None = None
) -> None:
    """Draw {name: (result at its low, result at its high)}, the first on top, around the middle.

    x: what stands at the axis; kind: where the results are from, as of a Series.
    """
    names = list(ends)
    sides = ("at its low", "at its high")
    lines = [
        Series(side, names, [ends[name][place] for name in names], kind)
        for place, side in enumerate(sides)
    ]
    with drawn_on(in_words(title, "input", {x: lines}), f"{x}, {kind}", [""], show) as (axes,):
        for place, side in enumerate(sides):
            widths = [ends[name][place] - middle for name in names]
            drawn = axes.barh(names, widths, left=middle, label=side, color=COLOURS[place])
            for bar in drawn:
                bar.set(hatch=("", "//")[place], edgecolor="white", linewidth=0.5)
        axes.axvline(middle, color="#000000", linewidth=0.8)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.figure.legend(loc="outside lower left", ncols=2)
