"""Pictures that change: sliders that a learner moves, a live picture of what runs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from scaletoolkit.lab.plots.pictures import Show

if TYPE_CHECKING:
    from ipywidgets import IntSlider
    from matplotlib.figure import Figure


def explore(draw: Callable[..., None], **ranges: tuple[int, int, int]) -> None:
    """Sliders, and below them a picture that `draw(show, **values)` draws anew at each move.

    ranges: name=(lowest, highest, start), whole numbers. `draw` hands `show` on to `curves` or
    `bars`. The last picture stays in the notebook file, where no kernel runs.
    """
    import ipywidgets
    from IPython.display import Image, display

    sliders = {name: _slider(name, *numbers) for name, numbers in ranges.items()}

    def picture() -> Image:
        drawn: list[bytes] = []
        values = {name: slider.value for name, slider in sliders.items()}
        draw(lambda figure: drawn.append(_png(figure)), **values)
        return Image(drawn[0])

    words = ", ".join(name.replace("_", " ") for name in ranges)
    shown = ipywidgets.VBox(list(sliders.values()))._repr_mimebundle_()
    display(shown | {"text/plain": f"Sliders ({words}): run this cell to move them."}, raw=True)
    handle = display(picture(), display_id=True)
    for slider in sliders.values():
        slider.observe(lambda _: handle.update(picture()), names="value")


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
    to `curves`, `bars` or `panels`.
    """
    from IPython.display import Image, display

    handle = None

    def show(figure: Figure) -> None:
        nonlocal handle
        picture = Image(_png(figure))
        if handle is None:
            handle = display(picture, display_id=True)
        else:
            handle.update(picture)

    for _ in ticks:
        draw(show)
    draw(show)


def _png(figure: Figure) -> bytes:
    """The figure as PNG with a palette, which takes a third of the bytes."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    small = io.BytesIO()
    Image.open(drawn).convert("RGB").quantize(128).save(small, format="png", optimize=True)
    return small.getvalue()
