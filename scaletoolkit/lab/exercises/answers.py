"""What a function answers, in plain types and in time, and when two answers are the same."""

import contextlib
import copy
import inspect
import itertools
import math
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

Function = Callable[..., object]
TIME_LIMIT_S = 5
AGAIN_S = 0.05  # a bare `except:` may catch an alarm: it rings until the block is left
LONGEST = 100_000  # a generator that never ends is cut here


class TooLong(BaseException):
    """Raised inside a learner's function when its time is over; `except Exception` misses it."""


class Promise:
    """What an `async def` hands back in place of an answer."""


def answer(function: Function, arguments: tuple[object, ...]) -> object:
    """What the function hands back for a fresh copy of the arguments, or the error it raises."""
    try:
        value = function(*copy.deepcopy(arguments))
        if inspect.iscoroutine(value):
            value.close()
            return Promise()
        return plain(value)
    except (Exception, SystemExit) as error:
        return error


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Drop what is printed in the block: it would show arguments that are not to be seen."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def plain(value: object) -> object:
    """A value in Python's own types: numpy's and torch's too, whatever goes item by item a list."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Fraction | Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        items: list[Any] = [plain(item) for item in value]
        return sorted(items)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(item) for item in itertools.islice(value, LONGEST)]
    return value


def same(one: object, other: object) -> bool:
    """Whether two answers are the same in plain types.

    Whole numbers are compared exactly, others to one in a million; errors by their type.
    """
    return _equal(plain(one), plain(other))


def _equal(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in other)
    if {type(one), type(other)} in ({float}, {float, int}):
        try:
            return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)  # type: ignore[arg-type]  # both are numbers
        except OverflowError:  # a whole number that no float comes close to
            return False
    return type(one) is type(other) and (one == other or isinstance(one, BaseException))


def short(value: object) -> str:
    """A value as a sentence shows it, in at most 80 letters."""
    if value is None:
        return "nothing (None); does it `print` where it should `return`?"
    try:
        text = repr(_rounded(value))
    except Exception:  # of thousands of digits, nested too deeply, or from a `__repr__` of its own
        return f"a value of the type {type(value).__name__} that cannot be shown"
    return text if len(text) <= 80 else f"{text[:77]}..."


def line_of(error: BaseException) -> str:
    """The line of the answer that raised the error, as code; empty where the call itself did.

    An error that was raised in another process says its line itself.
    """
    elsewhere = getattr(error, "line_elsewhere", None)
    if elsewhere is not None:
        return f" (in `{elsewhere}`)" if 0 < len(elsewhere) <= 80 else ""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first one is our call
    lines = [frame.line for frame in frames if frame.filename == frames[0].filename]
    return f" (in `{lines[-1]}`)" if lines and lines[-1] and len(lines[-1]) <= 80 else ""


def ended(text: str) -> str:
    """The text with one stop at its end, where it has none."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _rounded(value: object) -> object:
    """The value with seven digits of every fraction: more are not compared."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [*map(_rounded, value)] if isinstance(value, list) else value


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooLong in the block when its seconds, or those of a block around it, are over.

    Only in the main thread, and again and again: a loop that catches everything is left when an
    alarm comes outside its `try`, and where none ever does it goes on for ever.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    begun_s = time.monotonic()
    outer_s, again_s = signal.getitimer(signal.ITIMER_REAL)
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, outer_s or seconds), AGAIN_S)
    try:
        yield
    finally:
        _silence_alarm()
        signal.signal(signal.SIGALRM, before)
        if outer_s:
            left_s = outer_s - (time.monotonic() - begun_s)
            signal.setitimer(signal.ITIMER_REAL, max(left_s, 0.001), again_s)


def _silence_alarm() -> None:
    """Stop the alarm; one that rings at this very moment is the last."""
    try:
        signal.setitimer(signal.ITIMER_REAL, 0)
    except TooLong:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(*_: object) -> None:
    raise TooLong
