"""The house style of every picture. Ground; every function draws and returns None.

A series says where its numbers come from, and its look follows: measured points are filled,
fitted laws are solid lines, simulated ones dash-dotted, quoted figures are diamonds, the ideal is a
pale grey line, the learner's guess a star. Colours are Okabe and Ito's, which colour-blind readers
tell apart (https://jfly.uni-koeln.de/color/); markers and dashes repeat what colours say.
"""

import io
from contextlib import contextmanager
from dataclasses import dataclass

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
HATCHES = ["", "//", "..", "xx", "\\\\", "--", "oo"]
STYLE = {
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
KINDS = ("measured", "fitted", "simulated", "quoted", "ideal", "guess")


@dataclass(frozen=True)
class Series:
    """A named series of points; `kind` is one of KINDS and stands in the legend.

    dashed tells a second law from the first; marks=False draws a simulated line without points.
    """

    label: str
    x: list
    y: list
    kind: str = "measured"
    dashed: bool = False
    marks: bool = True

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}")
        if len(self.x) != len(self.y):
            raise ValueError(f"{self.label}: {len(self.x)} x values but {len(self.y)} y values")


@contextmanager
def _axes(title, x, y, show):
    with _rows_of_axes(title, x, [y], show) as (axes,):
        yield axes


@contextmanager
def _rows_of_axes(title, x, labels, show):
    import matplotlib.pyplot as plt

    size = (6, 3.6) if len(labels) == 1 else (6, 0.9 + 1.15 * len(labels))
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(len(labels), sharex=True, squeeze=False, figsize=size)
        try:
            for (axes,), label in zip(grid, labels, strict=True):
                axes.set_ylabel(label)
                axes.locator_params(nbins=8 if len(labels) == 1 else 4, steps=[1, 2, 5, 10])
            grid[0, 0].set_title(title)
            axes.set_xlabel(x)
            yield grid[:, 0]
            if show:
                show(figure)
            else:
                plt.show()
        finally:
            plt.close(figure)


def _look(kind, index):
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    return {
        "measured": {"color": colour, "marker": marker, "linestyle": "", "markersize": 7},
        "fitted": {"color": colour, "linestyle": "-", "linewidth": 1.8},
        "simulated": {
            "color": colour,
            "linestyle": "-.",
            "linewidth": 1.6,
            "marker": marker,
            "markerfacecolor": "white",
        },
        "quoted": {"color": colour, "marker": "D", "linestyle": "", "markerfacecolor": "none"},
        "ideal": {"color": "#bdbdbd", "linestyle": "-", "linewidth": 2.5, "zorder": 1},
        "guess": {"color": "#000000", "marker": "*", "linestyle": "", "markersize": 14},
    }[kind]


def curves(series, title, x, y, log_x=False, log_y=False, ticks=None, show=None):
    """Draw series over a common axis; a law takes the colour of the points before it.

    show: what to do with the figure; None shows it below the cell (see `explore`).
    """
    with _axes(title, x, y, show) as axes:
        _draw(axes, series)
        if log_x:
            _log_axis(axes, "x")
        _log_axis(axes, "y") if log_y else axes.set_ylim(bottom=0)
        if ticks:
            axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], minor=False)
            axes.xaxis.set_minor_locator(_no_ticks())
        _legend(axes, columns=2)


def panels(rows, title, x, show=None):
    """Draw series second by second, in panels below each other: {y label: [Series, …]}.

    Measured points are small and joined here. `show` as in `curves`.
    """
    with _rows_of_axes(title, x, rows, show) as grid:
        index = -1
        for axes, series in zip(grid, rows.values(), strict=True):
            index = _draw(axes, series, index, measured={"linestyle": "-", "markersize": 3})
            axes.set_ylim(bottom=0)
        _legend(axes, columns=2)


def _draw(axes, series, index=-1, measured=()):
    """Plot series with the colours after number `index`: the number of the last one used."""
    for one in series:
        index += one.kind in ("measured", "simulated", "quoted")
        label = one.label if one.kind in ("ideal", "guess") else f"{one.label} ({one.kind})"
        look = _look(one.kind, max(index, 0))
        look |= dict(measured) if one.kind == "measured" else {}
        look |= {"linestyle": "--"} if one.dashed else {}
        look |= {} if one.marks else {"marker": ""}
        axes.plot(one.x, one.y, label=label, **look)
    return index


def bars(groups, title, y, kind="measured", log_y=False, show_values=None, show=None):
    """Draw groups of bars: {group: {label: value}}; the same labels in every group.

    `show_values` turns a value into the text above its bar; `show` is as in `curves`.
    """
    labels = list(next(iter(groups.values())))
    width = 0.8 / len(labels)
    with _axes(title, "", f"{y} ({kind})", show) as axes:
        axes.grid(visible=False, axis="x")
        for i, label in enumerate(labels):
            middles = [g + (i - (len(labels) - 1) / 2) * width for g in range(len(groups))]
            values = [group[label] for group in groups.values()]
            drawn = axes.bar(middles, values, width * 0.92, label=label, **_fill(i))
            if show_values:
                texts = [show_values(value) for value in values]
                axes.bar_label(drawn, texts, fontsize=8, padding=2)
        axes.set_xticks(range(len(groups)), list(groups))
        axes.margins(y=0.12)
        if log_y:
            _log_axis(axes, "y")
        if len(labels) > 1:
            _legend(axes, columns=len(labels))


def _fill(index):
    return {
        "color": COLOURS[index % len(COLOURS)],
        "hatch": HATCHES[index % len(HATCHES)],
        "edgecolor": "white",
        "linewidth": 0.5,
    }


def _log_axis(axes, which):
    """Powers of ten in plain figures, with 2 and 5 between them where the axis is short."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1,) if high / low > 200 else (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(_no_ticks())


def _no_ticks():
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _legend(axes, columns):
    axes.figure.legend(loc="outside lower left", ncols=columns)


def explore(draw, **ranges):
    """Sliders, and below them a picture that `draw(show, **values)` draws anew at each move.

    ranges: name=(lowest, highest, start), whole numbers. `draw` hands `show` on to `curves` or
    `bars`. The last picture stays in the notebook file, where no kernel runs.
    """
    import ipywidgets
    from IPython.display import Image, display

    sliders = {
        name: ipywidgets.IntSlider(
            value=start,
            min=low,
            max=high,
            description=name.replace("_", " "),
            style={"description_width": "10em"},
            layout={"width": "32em"},
        )
        for name, (low, high, start) in ranges.items()
    }

    def picture():
        drawn = []
        draw(lambda figure: drawn.append(_png(figure)), **{n: s.value for n, s in sliders.items()})
        return Image(drawn[0])

    words = ", ".join(name.replace("_", " ") for name in ranges)
    shown = ipywidgets.VBox(list(sliders.values()))._repr_mimebundle_()
    display(shown | {"text/plain": f"Sliders ({words}): run this cell to move them."}, raw=True)
    handle = display(picture(), display_id=True)
    for slider in sliders.values():
        slider.observe(lambda _: handle.update(picture()), names="value")


def live(draw, ticks):
    """One picture that `draw(show)` draws anew at every tick, and once more when they end.

    ticks: anything that yields from time to time, as `LoadRun.ticks()` does. `draw` hands `show` on
    to `curves`, `bars` or `panels`.
    """
    from IPython.display import Image, display

    handle = []

    def show(figure):
        picture = Image(_png(figure))
        if handle:
            handle[0].update(picture)
        else:
            handle.append(display(picture, display_id=True))

    for _ in ticks:
        draw(show)
    draw(show)


def _png(figure):
    """The figure as PNG with a palette, which takes a third of the bytes."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(128).save(small, format="png", optimize=True)
    return small.getvalue()
