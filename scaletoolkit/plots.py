"""The house style of every picture. Ground; every function draws and returns None.

A series says where its numbers come from, and its look follows: measured points are filled,
fitted laws are solid lines, simulated ones dash-dotted, quoted figures are diamonds, the ideal is a
pale grey line, the learner's guess a star. Colours are Okabe and Ito's, which colour-blind readers
tell apart (https://jfly.uni-koeln.de/color/); markers and dashes repeat what colours say.
"""

from contextlib import contextmanager
from dataclasses import dataclass

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
HATCHES = ["", "//", "..", "xx", "\\\\", "--", "oo"]
STYLE = {
    "figure.figsize": (6, 3.5),
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
    """A named series of points; `kind` is one of KINDS and stands in the legend."""

    label: str
    x: list
    y: list
    kind: str = "measured"

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}")
        if len(self.x) != len(self.y):
            raise ValueError(f"{self.label}: {len(self.x)} x values but {len(self.y)} y values")


@contextmanager
def _axes(title, x, y, path=None):
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots()
        axes.set(title=title, xlabel=x, ylabel=y)
        yield axes
        if path:
            figure.savefig(path)
        else:
            plt.show()
        plt.close(figure)


def _look(kind, index):
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    return {
        "measured": {"color": colour, "marker": marker, "linestyle": "", "markersize": 7},
        "fitted": {"color": colour, "linestyle": "-", "linewidth": 1.8},
        "simulated": {"color": colour, "linestyle": "-.", "linewidth": 1.6},
        "quoted": {"color": colour, "marker": "D", "linestyle": "", "markerfacecolor": "none"},
        "ideal": {"color": "#bdbdbd", "linestyle": "-", "linewidth": 2.5, "zorder": 1},
        "guess": {"color": "#000000", "marker": "*", "linestyle": "", "markersize": 14},
    }[kind]


def curves(series, title, x, y, log_x=False, log_y=False, ticks=None, path=None):
    """Draw series over a common axis; a law takes the colour of the points before it.

    With a path the picture goes to that file instead of the screen.
    """
    with _axes(title, x, y, path) as axes:
        index = -1
        for one in series:
            index += one.kind in ("measured", "simulated", "quoted") or index < 0
            label = one.label if one.kind in ("ideal", "guess") else f"{one.label} ({one.kind})"
            axes.plot(one.x, one.y, label=label, **_look(one.kind, index))
        if log_x:
            axes.set_xscale("log")
        if log_y:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        if ticks:
            axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks], minor=False)
            axes.minorticks_off()
        axes.legend()


def bars(groups, title, y, kind="measured", log_y=False, show_values=None):
    """Draw groups of bars: {group: {label: value}}; the same labels in every group.

    `show_values` turns a value into the text above its bar.
    """
    labels = list(next(iter(groups.values())))
    width = 0.8 / len(labels)
    with _axes(title, "", y) as axes:
        axes.grid(visible=False, axis="x")
        for i, label in enumerate(labels):
            middles = [g + (i - (len(labels) - 1) / 2) * width for g in range(len(groups))]
            values = [group[label] for group in groups.values()]
            drawn = axes.bar(
                middles,
                values,
                width * 0.92,
                label=f"{label} ({kind})",
                color=COLOURS[i % len(COLOURS)],
                hatch=HATCHES[i % len(HATCHES)],
                edgecolor="white",
                linewidth=0.5,
            )
            if show_values:
                axes.bar_label(
                    drawn, [show_values(value) for value in values], fontsize=8, padding=2
                )
        axes.set_xticks(range(len(groups)), list(groups))
        if log_y:
            axes.set_yscale("log")
        if len(labels) > 1:
            axes.legend()
