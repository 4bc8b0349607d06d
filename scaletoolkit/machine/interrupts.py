"""Interrupts, and cells that are run again: what such a cell had started ends. Every lab.

Whatever goes on after its cell says with `note` how to end it: the processes of servers, load tests
and pools. In a notebook it is ended when its cell is interrupted, and before its cell runs again.
"""

import builtins
import contextlib
import linecache
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import resource_tracker
from types import ModuleType, TracebackType
from typing import Any

import __main__
from scaletoolkit import lab

_running: dict[Callable[[], object], str] = {}  # how to end what runs: the cell that started it
_cells = [""]  # the last one is at work
_came: list[bool] = []  # a second interrupt may come while this one is noted: no lock here


def note(end: Callable[[], object]) -> None:
    """Something runs on after this cell, and `end()` ends it."""
    _running[end] = _cells[-1]


def forget(end: Callable[[], object]) -> None:
    """It has ended."""
    _running.pop(end, None)


def end_all(cell: str | None = None) -> None:
    """End what runs on, the youngest first: all of it, or what one cell has started."""
    for end, its_cell in reversed(_running.copy().items()):
        if cell in (None, its_cell):
            end()
            forget(end)


@contextlib.contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Delay Ctrl-C: inside the block, KeyboardInterrupt is raised only by the function this yields.

    An interrupt in the middle of Popen.poll leaves Popen's lock taken, and the next wait would
    never end. Only a main thread is ever interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    if signal.getsignal(signal.SIGINT) is _come:  # an outer block raises it
        yield _check
        return
    _came.clear()
    before = signal.signal(signal.SIGINT, _come)
    try:
        yield _check
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
        _check()


@contextlib.contextmanager
def kept_from_children() -> Iterator[None]:
    """What this thread starts inside the block begins with Ctrl-C blocked, and never hears of one.

    An interrupt in a notebook goes to the whole process group, so also to processes that multi-
    processing has started, at a moment when they could not yet say that they want none.
    """
    resource_tracker.ensure_running()  # it unblocks the signal when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _come(*_: object) -> None:
    _came.append(True)


def _check() -> None:
    if _came:
        _came.clear()
        raise KeyboardInterrupt


def _before(info: Any) -> None:
    """What IPython calls before a cell runs."""
    _cells[:] = [info.cell_id or info.raw_cell]
    with contextlib.suppress(KeyboardInterrupt):
        end_all(_cells[-1])


def _after(result: Any) -> None:
    """What IPython calls when a cell has run."""
    with contextlib.suppress(KeyboardInterrupt):
        if isinstance(result.error_in_exec, KeyboardInterrupt):
            end_all(_cells[-1])


def _show(
    shell: Any,
    kind: type[BaseException],
    value: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> None:
    """Show an interrupt as one sentence, where IPython would print a hundred lines."""
    own = [at for at in traceback.walk_tb(trace) if at[0].f_globals is vars(__main__)]
    # between two lines Python may know no number, whatever its types say
    lines = [linecache.getline(frame.f_code.co_filename, at) for frame, at in own if at]
    sentence = f"Interrupted at: {''.join(lines[-1:]).strip()}\nThe cell can be run again."
    vars(value)["_render_traceback_"] = lambda: [sentence]
    shell.showtraceback((kind, value, trace))


def _import_whole() -> None:
    """Let an interrupt wait until an import is done: half of numpy or matplotlib stays half."""
    import_as_usual = builtins.__import__

    def import_whole(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        __tracebackhide__ = True  # from IPython
        module = None if level else sys.modules.get(name)
        if module and all(hasattr(module, part) for part in fromlist or ()):
            return import_as_usual(name, globals, locals, fromlist, level)
        with held_back():
            return import_as_usual(name, globals, locals, fromlist, level)

    builtins.__import__ = import_whole


def _watch_cells() -> None:
    from IPython import get_ipython

    shell = get_ipython()
    shell.events.register("pre_run_cell", _before)
    shell.events.register("post_run_cell", _after)
    shell.set_custom_exc((KeyboardInterrupt,), _show)


if lab.in_notebook():
    _watch_cells()
    _import_whole()
