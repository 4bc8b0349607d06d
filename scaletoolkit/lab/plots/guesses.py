"""A guess far from all else: at the frame, with an arrow, so that all else can be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaletoolkit.lab.plots.series import Series, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox


def readable_with(
    guess: Series,
    data: Bbox,
    log_x: bool = False,
    log_y: bool = False,
    ticks: Sequence[float] = (),
) -> bool:
    """Whether the rest of the picture can be read with the guess in it; data: what the rest spans.

    The other arguments are the scales of the picture, as in `curves`.
    """
    xs = all(_near(x, data.x0, data.x1, log_x) for x in guess.x if not isinstance(x, str))
    return xs and all(_near(y, data.y0, data.y1, log_y) for y in guess.y)


def _near(value: float, low: float, high: float, log: bool) -> bool:
    """Whether it is at most twice as far as all else; on a logarithmic axis, ten times."""
    if log:
        return low / 10 <= value <= 10 * high
    return min(0, 2 * low) <= value <= 2 * high


def draw_at_the_frame(axes: Axes, guess: Series) -> None:
    """Plot each point of the guess inside the frame, with an arrow to where it would be."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    inside = []
    for x, y in zip(guess.x, guess.y, strict=True):
        at = (x if isinstance(x, str) else min(max(x, left), right), min(max(y, bottom), top))
        arrow = "↑" if y > top else "↓" if y < bottom else "→" if x != at[0] else ""
        axes.annotate(arrow, at, xytext=(8, -5), textcoords="offset points", fontsize=13)
        inside.append(at)
    options = look(guess, 0) | {"clip_on": False}
    axes.plot(*zip(*inside, strict=True), label=guess.name, **options)
