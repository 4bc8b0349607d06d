"""Curves over a common axis, panels below each other, bars: pictures in the house style.

A series says where its numbers come from, and its look follows: measured points are filled,
fitted laws are solid lines, simulated ones dash-dotted, quoted figures are diamonds, the ideal is a
pale grey line, the learner's guess a star. Colours are Okabe and Ito's, which colour-blind readers
tell apart (https://jfly.uni-koeln.de/color/); markers and dashes repeat what colours say.

`show` is what to do with a finished figure. Without it the figure appears below the cell;
`explore` and `live` hand over a `show` of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from scaletoolkit.lab.tables import SOURCES, VARYING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

Show: TypeAlias = "Callable[[Figure], object]"
Numbers: TypeAlias = "Sequence[float] | NDArray[Any]"
Groups = Mapping[str, Mapping[str, float]]

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
KINDS = (*SOURCES, "ideal", "guess")
POINTS = (
    "measured",
    "simulated",
    "computed",
    "quoted",
    "assumed",
)  # a law shares theirs
HATCHES = ["", "//", "..", "xx", "\\\\", "--", "oo"]
STYLE: dict[Any, Any] = {  # matplotlib types such a dict by the name of every setting
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@dataclass(frozen=True)
class Series:
    """A named series of points; `kind` is one of KINDS and stands in the legend, else ValueError.

    dashed tells a second law from the first; marks=False draws a simulated line without points.
    exact says whether all its numbers are the same on every run and machine; unless told, those of
    the kinds in VARYING are not, and all others are.
    """

    label: str
    x: Numbers
    y: Numbers
    kind: str = "measured"
    dashed: bool = False
    marks: bool = True
    exact: bool | None = None

    @property
    def name(self) -> str:
        """The label, and the word that says where the numbers are from."""
        return self.label if self.kind in ("ideal", "guess") else f"{self.label}, {self.kind}"

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


class Scales(TypedDict, total=False):
    """Options of `curves`: logarithmic axes, and where the x axis has its numbers."""

    log_x: bool
    log_y: bool
    ticks: Sequence[float]


class BarOptions(TypedDict, total=False):
    """Options of `bars`: a logarithmic axis, and what turns a value into the text above its bar."""

    log_y: bool
    show_values: Callable[[float], str] | None


@contextmanager
def _axes(title: str, x: str, labels: Collection[str], show: Show | None) -> Iterator[list[Axes]]:
    import matplotlib.pyplot as plt

    size = (6, 3.6) if len(labels) == 1 else (6, 0.9 + 1.15 * len(labels))
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(len(labels), sharex=True, squeeze=False, figsize=size)
        try:
            rows = list(grid[:, 0])
            for axes, label in zip(rows, labels, strict=True):
                axes.set_ylabel(label)
                axes.locator_params(nbins=8 if len(labels) == 1 else 4, steps=[1, 2, 5, 10])
            rows[0].set_title(title)
            rows[-1].set_xlabel(x)
            yield rows
            if show:
                show(figure)
            else:
                plt.show()
        finally:
            plt.close(figure)


def curves(
    series: Iterable[Series],
    title: str,
    x: str,
    y: str,
    *,
    show: Show | None = None,
    **scales: Unpack[Scales],
) -> None:
    """Draw series over a common axis; a law takes the colour of the points before it.

    x, y: what stands at the axes. Options: log_x=True, log_y=True, and ticks=[1, 2, 4], the numbers
    that stand at the x axis.
    """
    with _axes(title, x, [y], show) as (axes,):
        _draw(axes, series)
        _scale(axes, **scales)
        axes.figure.legend(loc="outside lower left", ncols=2)


def _scale(
    axes: Axes, log_x: bool = False, log_y: bool = False, ticks: Sequence[float] = ()
) -> None:
    if log_x:
        _log_axis(axes, "x")
    if log_y:
        _log_axis(axes, "y")
    else:
        axes.set_ylim(bottom=0)
    if len(ticks):
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], minor=False)
        axes.xaxis.minorticks_off()


def panels(
    rows: Mapping[str, Sequence[Series]], title: str, x: str, show: Show | None = None
) -> None:
    """Draw series second by second, in panels below each other: {y label: [Series, …]}."""
    with _axes(title, x, rows, show) as grid:
        number = -1
        for axes, series in zip(grid, rows.values(), strict=True):
            number = _draw(axes, series, number, joined=True)
            axes.set_ylim(bottom=0)
        grid[0].figure.legend(loc="outside lower left", ncols=2)


def _draw(axes: Axes, lines: Iterable[Series], number: int = -1, joined: bool = False) -> int:
    """Plot series with the colours after that number: the number of the last colour used."""
    for series in lines:
        if series.kind in POINTS:
            number += 1
        options = look(series, max(number, 0), joined)
        axes.plot(series.x, series.y, label=series.name, **options)
    return number


def bars(
    groups: Groups,
    title: str,
    y: str,
    kind: str = "measured",
    *,
    show: Show | None = None,
    **options: Unpack[BarOptions],
) -> None:
    """Draw groups of bars: {group: {label: value}}; the same labels in every group.

    Options: log_y=True, and show_values, a function that turns a value into the text above its bar.
    """
    with _axes(title, "", [f"{y}, {kind}"], show) as (axes,):
        axes.grid(visible=False, axis="x")
        _draw_bars(axes, groups, **options)


def _draw_bars(
    axes: Axes,
    groups: Groups,
    log_y: bool = False,
    show_values: Callable[[float], str] | None = None,
) -> None:
    labels = list(next(iter(groups.values())))
    width = 0.8 / len(labels)
    for number, label in enumerate(labels):
        offset = (number - (len(labels) - 1) / 2) * width
        middles = [group + offset for group in range(len(groups))]
        values = [group[label] for group in groups.values()]
        drawn = axes.bar(
            middles,
            values,
            width * 0.92,
            label=label,
            color=COLOURS[number % len(COLOURS)],
            hatch=HATCHES[number % len(HATCHES)],
            edgecolor="white",
            linewidth=0.5,
        )
        if show_values:
            axes.bar_label(drawn, [show_values(value) for value in values], fontsize=8, padding=2)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.margins(y=0.12)
    if log_y:
        _log_axis(axes, "y")
    if len(labels) > 1:
        axes.figure.legend(loc="outside lower left", ncols=len(labels))


def _log_axis(axes: Axes, which: str) -> None:
    """Powers of ten in plain figures, with 2 and 5 between them where the axis is short."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1,) if high / low > 200 else (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.minorticks_off()
