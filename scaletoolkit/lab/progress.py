"""Lines that say how far something is, and then go away."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
SHOW_EVERY_S = 0.2


def progress(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
    """Hand on the items while a line says how many of `total` are done; the line then goes away.

    In a notebook the line is a display that starts and ends empty, so stored outputs never hold
    it; in a terminal it is written to stderr; elsewhere there is none.
    """
    show = _line()
    start_s = time.monotonic()
    shown_s = 0.0
    for done, item in enumerate(items, 1):
        now_s = time.monotonic()
        if now_s - shown_s > SHOW_EVERY_S:
            show(f"{label}: {done} of {total} · {now_s - start_s:.0f} s")
            shown_s = now_s
        yield item
    show("")


@contextlib.contextmanager
def busy(label: str) -> Iterator[None]:
    """Show a line while one long piece of work runs; the line then goes away.

    For work that comes in pieces, `progress` also says how much is done.
    """
    show = _line()
    show(f"{label} …")
    try:
        yield
    finally:
        show("")


def _line() -> Callable[[str], object]:
    """A function that replaces the text of one line."""
    if in_notebook():
        return _notebook_line()
    if sys.stderr.isatty():
        return lambda text: print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    return lambda text: None


def _notebook_line() -> Callable[[str], object]:
    from IPython.display import display

    handle = display({"text/plain": ""}, raw=True, display_id=True)
    return lambda text: handle.update({"text/plain": text}, raw=True)


def in_notebook() -> bool:
    """Whether a kernel runs this code; that ipykernel is imported does not tell."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
