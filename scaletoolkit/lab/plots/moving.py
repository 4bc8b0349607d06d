"""Pictures that change: sliders that a learner moves, a live picture of what runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from scaletoolkit.lab.plots.pictures import Show
from scaletoolkit.lab.plots.words import Words

if TYPE_CHECKING:
    from IPython.display import DisplayHandle
    from ipywidgets import IntSlider
    from matplotlib.figure import Figure


def explore(draw: Callable[..., None], **ranges: tuple[int, int, int]) -> None:
    """Sliders, and below them a picture that `draw(show, **values)` draws anew at each move.

    ranges: name=(lowest, highest, start), whole numbers. `draw` hands `show` on to `curves` or
    `bars`. The last picture stays in the notebook file, where no kernel runs.
    """
    import ipywidgets
    from IPython.display import display

    sliders = {name: _slider(name, *numbers) for name, numbers in ranges.items()}
    show = _in_one_place()

    def redraw(change: object = None) -> None:
        draw(show, **{name: slider.value for name, slider in sliders.items()})

    names = ", ".join(name.replace("_", " ") for name in ranges)
    shown = ipywidgets.VBox(list(sliders.values()))._repr_mimebundle_()
    display(shown | {"text/plain": f"Sliders ({names}): run this cell to move them."}, raw=True)
    redraw()
    for slider in sliders.values():
        slider.observe(redraw, names="value")


def _in_one_place() -> Show:
    """A `show` that puts each picture in the place of the one before."""
    from IPython.display import display

    handles: list[DisplayHandle] = []

    def show(figure: Figure, words: Words) -> None:
        picture = words.below(figure)
        if handles:
            handles[0].update(picture)
        else:
            handles.append(display(picture, display_id=True))

    return show


def _slider(name: str, lowest: int, highest: int, start: int) -> IntSlider:
    import ipywidgets

    return ipywidgets.IntSlider(
        value=start,
        min=lowest,
        max=highest,
        description=name.replace("_", " "),
        style={"description_width": "10em"},
        layout={"width": "32em"},
    )


def live(draw: Callable[[Show], None], ticks: Iterable[object]) -> None:
    """One picture that `draw(show)` draws anew at every tick, and once more when they end.

    ticks: anything that yields from time to time, as `LoadRun.ticks()` does. `draw` hands `show` on
    to `panels`, whose words have the same form from the first tick to the last.
    """
    show = _in_one_place()
    for _ in ticks:
        draw(show)
    draw(show)
