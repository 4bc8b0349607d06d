"""A series of points, and how each kind looks.

A series says where its numbers come from, and its look follows: measured points are filled,
fitted laws are solid lines, simulated ones dash-dotted, computed ones dotted, quoted figures are
diamonds, assumed ones crosses, the ideal is a pale grey line, the learner's guess a star. Colours
are Okabe and Ito's, which colour-blind readers tell apart (https://jfly.uni-koeln.de/color/);
markers and dashes repeat what colours say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from scaletoolkit.lab.tables import SOURCES, VARYING

if TYPE_CHECKING:
    from numpy.typing import NDArray

Numbers: TypeAlias = "Sequence[float] | NDArray[Any]"

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
KINDS = (*SOURCES, "ideal", "guess")
POINTS = ("measured", "simulated", "computed", "quoted", "assumed")  # a law shares their colour


@dataclass(frozen=True)
class Series:
    """A named series of points; `kind` is one of KINDS and stands in the legend, else ValueError.

    dashed tells a second law from the first; marks=False draws a simulated line without points.
    exact says whether all its numbers are the same on every run and machine; unless told, those of
    the kinds in VARYING are not, and all others are. timed: how many points there are depends on
    the run, as of anything that was noted while it went on.
    """

    label: str
    x: Numbers | Sequence[str]
    y: Numbers
    kind: str = "measured"
    dashed: bool = False
    marks: bool = True
    exact: bool | None = None
    timed: bool = False

    @property
    def name(self) -> str:
        """The label, and the word that says where the numbers are from."""
        word = "" if self.kind in ("ideal", "guess") else self.kind
        return ", ".join(filter(None, [self.label, word]))

    @property
    def varies(self) -> bool:
        """Whether the numbers depend on the run."""
        return self.kind in VARYING if self.exact is None else not self.exact

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}")
        if len(self.x) != len(self.y):
            raise ValueError(f"{self.label}: {len(self.x)} x values but {len(self.y)} y values")


def look(series: Series, number: int, joined: bool = False) -> dict[str, Any]:
    """Options of `Axes.plot`, with the colour of that number; joined: measured points in line."""
    colour = COLOURS[number % len(COLOURS)]
    marker = MARKERS[number % len(MARKERS)]
    hollow = {"marker": marker, "markerfacecolor": "white"}
    looks: dict[str, dict[str, Any]] = {
        "measured": {"color": colour, "marker": marker, "linestyle": "", "markersize": 7},
        "fitted": {"color": colour, "linestyle": "-", "linewidth": 1.8},
        "simulated": {"color": colour, "linestyle": "-.", "linewidth": 1.6, **hollow},
        "computed": {"color": colour, "linestyle": ":", "linewidth": 2.2},
        "quoted": {"color": colour, "marker": "D", "linestyle": "", "markerfacecolor": "none"},
        "assumed": {"color": colour, "marker": "x", "linestyle": ":", "linewidth": 1.2},
        "ideal": {"color": "#bdbdbd", "linestyle": "-", "linewidth": 2.5, "zorder": 1},
        "guess": {"color": "#000000", "marker": "*", "linestyle": "", "markersize": 14},
    }
    options = looks[series.kind]
    if joined and series.kind == "measured":
        options |= {"linestyle": "-", "markersize": 3}
    if series.dashed:
        options["linestyle"] = "--"
    if not series.marks:
        options["marker"] = ""
    return options
