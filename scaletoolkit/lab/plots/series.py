"""A named series of points, and how each kind of series looks.

A series says where its numbers come from, and its look follows: measured points are filled,
fitted laws are solid lines, simulated ones dash-dotted, quoted figures are diamonds, the ideal is a
pale grey line, the learner's guess a star. Colours are Okabe and Ito's, which colour-blind readers
tell apart (https://jfly.uni-koeln.de/color/); markers and dashes repeat what colours say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

Numbers: TypeAlias = "Sequence[float] | NDArray[Any]"

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
KINDS = ("measured", "fitted", "simulated", "quoted", "ideal", "guess")
POINTS = ("measured", "simulated", "quoted")  # each has a colour of its own; a law shares one


@dataclass(frozen=True)
class Series:
    """A named series of points; `kind` is one of KINDS and stands in the legend.

    dashed tells a second law from the first; marks=False draws a simulated line without points.
    Raises ValueError for an unknown kind, and where x and y are not equally many.
    """

    label: str
    x: Numbers
    y: Numbers
    kind: str = "measured"
    dashed: bool = False
    marks: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}")
        if len(self.x) != len(self.y):
            raise ValueError(f"{self.label}: {len(self.x)} x values but {len(self.y)} y values")

    @property
    def legend(self) -> str:
        """What the legend says: the label, and where the numbers come from."""
        return self.label if self.kind in ("ideal", "guess") else f"{self.label} ({self.kind})"


def look(series: Series, number: int, joined: bool = False) -> dict[str, Any]:
    """How the series is drawn with the colour of that number: options of `Axes.plot`.

    joined: measured points are small, with a line between them.
    """
    options = _looks(COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)])[series.kind]
    if joined and series.kind == "measured":
        options |= {"linestyle": "-", "markersize": 3}
    if series.dashed:
        options["linestyle"] = "--"
    if not series.marks:
        options["marker"] = ""
    return options


def _looks(colour: str, marker: str) -> dict[str, dict[str, Any]]:
    hollow = {"marker": marker, "markerfacecolor": "white"}
    return {
        "measured": {"color": colour, "marker": marker, "linestyle": "", "markersize": 7},
        "fitted": {"color": colour, "linestyle": "-", "linewidth": 1.8},
        "simulated": {"color": colour, "linestyle": "-.", "linewidth": 1.6, **hollow},
        "quoted": {"color": colour, "marker": "D", "linestyle": "", "markerfacecolor": "none"},
        "ideal": {"color": "#bdbdbd", "linestyle": "-", "linewidth": 2.5, "zorder": 1},
        "guess": {"color": "#000000", "marker": "*", "linestyle": "", "markersize": 14},
    }
