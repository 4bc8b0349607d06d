"""Curves over a common axis, panels below each other, bars: pictures in the house style.

Below each picture stands the same in words (see `words`). `show` is what to do with a finished
figure and its words. Without it both appear below the cell; `explore` and `live` hand over a `show`
of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from scaletoolkit.lab.plots.guesses import draw_at_the_frame, readable_with
from scaletoolkit.lab.plots.series import COLOURS, POINTS, Series, look
from scaletoolkit.lab.plots.words import Words, in_words, side_by_side
from scaletoolkit.lab.speech import in_notebook

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Show: TypeAlias = "Callable[[Figure, Words], object]"
Groups = Mapping[str, Mapping[str, float]]

MANY = 10_000  # from here on a number needs its commas
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
def drawn_on(
    words: Words, x: str, labels: Sequence[str], show: Show | None
) -> Iterator[list[Axes]]:
    """Axes below each other, one for each label; afterwards the figure is shown with its words."""
    import matplotlib.pyplot as plt

    size = (6, 3.6) if len(labels) == 1 else (6, min(0.9 + 1.15 * len(labels), 4.2))
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(len(labels), sharex=True, squeeze=False, figsize=size)
        try:
            rows = list(grid[:, 0])
            for axes, label in zip(rows, labels, strict=True):
                axes.set_ylabel(label)
                axes.locator_params(nbins=8 if len(labels) == 1 else 4, steps=[1, 2, 5, 10])
            rows[0].set_title(words.title)
            rows[-1].set_xlabel(x)
            yield rows
            for axis in (*(axes.yaxis for axes in rows), rows[-1].xaxis):
                _commas(axis)
            (show or _below_the_cell)(figure, words)
        finally:
            plt.close(figure)


def _commas(axis: Axis) -> None:
    """Large numbers as the tables have them; where a scale or ticks were set, they stay."""
    from matplotlib.ticker import ScalarFormatter

    plain = isinstance(axis.get_major_formatter(), ScalarFormatter)
    if plain and max(axis.get_view_interval()) >= MANY:
        axis.set_major_formatter("{x:,.0f}")


def _below_the_cell(figure: Figure, words: Words) -> None:
    import matplotlib.pyplot as plt

    if in_notebook():
        from IPython.display import display

        display(words.below(figure))
    else:
        plt.show()


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
    that stand at the x axis. A guess far from all else stands at the frame.
    """
    lines = list(series)
    guesses = [each for each in lines if each.kind == "guess"]
    with drawn_on(in_words(title, x, {y: lines}), x, [y], show) as (axes,):
        _draw(axes, [each for each in lines if each.kind != "guess"], {})
        far = [each for each in guesses if not readable_with(each, axes.dataLim, **scales)]
        _draw(axes, [each for each in guesses if each not in far], {})
        _scale(axes, **scales)
        for guess in far:
            draw_at_the_frame(axes, guess)
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
    """Draw series second by second, in panels below each other: {y label: [Series, …]}.

    Series of the same name have the same colour in every panel, and one place in the legend.
    """
    with drawn_on(in_words(title, x, rows, timed=True), x, list(rows), show) as grid:
        colours: dict[str, int] = {}
        for axes, series in zip(grid, rows.values(), strict=True):
            _draw(axes, series, colours, joined=True)
            axes.set_ylim(bottom=0)
        grid[0].figure.legend(loc="outside lower left", ncols=3)


def _draw(
    axes: Axes, lines: Iterable[Series], colours: dict[str, int], joined: bool = False
) -> None:
    """Plot series, each with a colour of its own that is noted; a name keeps its first one."""
    for series in lines:
        label = None if series.name in colours else series.name  # once in the legend
        if label:
            colours[label] = max(colours.values(), default=-1) + (series.kind in POINTS)
        options = look(series, max(colours[series.name], 0), joined)
        axes.plot(series.x, series.y, label=label, **options)


def bars(
    groups: Groups,
    title: str,
    y: str,
    kind: str | Mapping[str, str] = "measured",
    *,
    show: Show | None = None,
    **options: Unpack[BarOptions],
) -> None:
    """Draw groups of bars: {group: {label: value}}; the same labels in every group.

    kind: where all values come from, or {label: where its values come from}.
    Options: log_y=True, and show_values, a function that turns a value into the text above its bar.
    """
    names = list(next(iter(groups.values())))
    kinds = dict.fromkeys(names, kind) if isinstance(kind, str) else kind
    lines = []
    for name in names:
        values = [group[name] for group in groups.values()]
        lines.append(Series(name, list(groups), values, kinds.get(name, "")))
    label = f"{y}, {kind}" if isinstance(kind, str) else y
    if not isinstance(kind, str):
        names = [series.name for series in lines]
    with drawn_on(in_words(title, "bar", {y: lines}), "", [label], show) as (axes,):
        axes.grid(visible=False, axis="x")
        _draw_bars(axes, lines, names, **options)


def _draw_bars(
    axes: Axes,
    lines: Sequence[Series],
    names: Sequence[str],
    log_y: bool = False,
    show_values: Callable[[float], str] | None = None,
) -> None:
    width = 0.8 / len(lines)
    for number, series in enumerate(lines):
        offset = (number - (len(lines) - 1) / 2) * width
        drawn = axes.bar(
            [group + offset for group in range(len(series.x))],
            series.y,
            width * 0.92,
            label=names[number],
            color=COLOURS[number % len(COLOURS)],
            hatch=HATCHES[number % len(HATCHES)],
            edgecolor="white",
            linewidth=0.5,
        )
        if show_values:
            axes.bar_label(drawn, [show_values(value) for value in series.y], fontsize=8, padding=2)
    groups, size = side_by_side(list(map(str, lines[0].x)))
    axes.set_xticks(range(len(groups)), groups, fontsize=size)
    axes.margins(y=0.12)
    if log_y:
        _log_axis(axes, "y")
    if len(lines) > 1:
        axes.figure.legend(loc="outside lower left", ncols=len(lines))


def _log_axis(axes: Axes, which: str) -> None:
    """Powers of ten in plain figures, with 2 and 5 between them where the axis is short."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1,) if high / low > 200 else (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(_in_figures))
    axis.minorticks_off()


def _in_figures(value: float, _: object = None) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
