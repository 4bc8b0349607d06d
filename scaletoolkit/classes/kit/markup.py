"""Markdown and formulas as HTML that needs no network: a formula becomes a drawing in the text."""

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

SPELLED = {r"\le": r"\leq", r"\ge": r"\geq", r"\sqrt n": r"\sqrt{n}"}  # what mathtext knows
SIZE = 100.0
CODES = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}


def as_html(markdown: str) -> str:
    """Markdown as HTML, with tables and formulas between dollars."""
    text: str = _renderer()(markdown)
    return text


@lru_cache
def _renderer() -> Any:
    import mistune

    class Renderer(mistune.HTMLRenderer):
        def link(self, text: str, url: str, title: str | None = None) -> str:
            outside = url.startswith(("https://", "http://"))
            return super().link(text, url, title) if outside else text

        def inline_math(self, tex: str) -> str:
            return formula(tex)

        def block_math(self, tex: str) -> str:
            return f'<div class="formula">{formula(tex)}</div>\n'

    return mistune.create_markdown(renderer=Renderer(escape=False), plugins=["table", "math"])


def formula(tex: str) -> str:
    """A formula as an SVG drawing in the colour of the text; its source where it is unknown."""
    words = html.escape(" ".join(tex.split()), quote=True)
    try:
        shape, box = _outline(_spelled(tex))
    except ValueError:
        return f'<code class="tex">{words}</code>'
    left, bottom, width, height = box
    place = f"width:{width / SIZE:.3f}em;height:{height / SIZE:.3f}em"
    lowered = f"vertical-align:{bottom / SIZE:.3f}em"
    view = f"{left:.1f} {-bottom - height:.1f} {width:.1f} {height:.1f}"
    return (
        f'<svg role="img" aria-label="{words}" viewBox="{view}" style="{place};{lowered}">'
        f'<path d="{shape}" fill="currentColor"/></svg>'
    )


def _spelled(tex: str) -> str:
    """A formula in the words of mathtext, which is a part of TeX's."""
    text = " ".join(tex.split())
    for ours, known in SPELLED.items():
        text = re.sub(f"{re.escape(ours)}(?![A-Za-z])", known.replace("\\", r"\\"), text)
    return text


def _outline(tex: str) -> tuple[str, tuple[float, float, float, float]]:
    """The outline of a formula as an SVG path, y downwards; its left, bottom, width, height.

    Raises ValueError where mathtext does not know it.
    """
    from matplotlib.textpath import TextPath

    path = TextPath((0, 0), f"${tex}$", size=SIZE)
    box = path.get_extents()
    return " ".join(_segments(path)), (box.x0, box.y0, box.width, box.height)


def _segments(path: Any) -> Iterator[str]:
    for points, code in path.iter_segments(simplify=False, curves=True):
        pairs = zip(points[::2], points[1::2], strict=True)
        drawn = " ".join(f"{x:.1f},{-y:.1f}" for x, y in pairs)
        yield "Z" if CODES[int(code)] == "Z" else f"{CODES[int(code)]}{drawn}"
