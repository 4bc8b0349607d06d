"""Pictures that change: sliders that a learner moves, a live picture of what runs."""

from __future__ import annotations

import io
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
    picture = _place()
    below = _place()

    def show(figure: Figure, words: Words) -> None:
        picture(_image(figure))
        below(words)

    def redraw(change: object = None) -> None:
        draw(show, **{name: slider.value for name, slider in sliders.items()})

    names = ", ".join(name.replace("_", " ") for name in ranges)
    shown = ipywidgets.VBox(list(sliders.values()))._repr_mimebundle_()
    display(shown | {"text/plain": f"Sliders ({names}): run this cell to move them."}, raw=True)
    redraw()
    for slider in sliders.values():
        slider.observe(redraw, names="value")


def _place() -> Callable[[object], None]:
    """A function that shows something below the cell, in the place of what it showed before."""
    from IPython.display import display

    handles: list[DisplayHandle] = []

    def put(something: object) -> None:
        if handles:
            handles[0].update(something)
        else:
            handles.append(display(something, display_id=True))

    return put


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
    """One picture that `draw(show)` draws anew at every tick and at the end; then its words.

    ticks: anything that yields from time to time, as `LoadRun.ticks()` does. `draw` hands `show` on
    to `curves`, `bars` or `panels`.
    """
    from IPython.display import display

    picture = _place()
    last: list[Words] = []

    def show(figure: Figure, words: Words) -> None:
        picture(_image(figure))
        last[:] = [words]

    for _ in ticks:
        draw(show)
    draw(show)
    display(*last)


def _image(figure: Figure) -> object:
    """The figure as PNG with a palette, which takes a third of the bytes."""
    from IPython import display
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    small = io.BytesIO()
    Image.open(drawn).convert("RGB").quantize(128).save(small, format="png", optimize=True)
    return display.Image(small.getvalue())
