"""What a lab says: predictions, claims, the summary, lines that go away."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from types import EllipsisType
from typing import TypeVar

from scaletoolkit.lab.errors import ClaimFailed, LabError
from scaletoolkit.lab.records import Prediction, plain, record, save
from scaletoolkit.lab.tables import quantity, sourced

Item = TypeVar("Item")
SHOW_EVERY_S = 0.2
MOST = 10**18  # no number of this course is larger


def predict(
    question: str,
    value: float | EllipsisType,
    unit: str = "",
    *more: object,
    low: float | None = None,
    high: float | None = None,
) -> Prediction:
    """The learner's prediction, recorded and printed. Edit the value in the cell, before measuring.

    Returns a Prediction (its number is `.value`), for `compare` and for the picture. Raises
    LabError where the value is still `...`, or no finite number, or written with a comma (`more`),
    or below `low` or above `high`: numbers that the answer cannot have, whatever happens. Unless
    they say otherwise, what has a unit is at least 0, and a percentage at most 100.
    """
    if value is ...:
        raise LabError("Your turn: put a number where the three dots are, then run on.")
    if more or not isinstance(unit, str):
        raise LabError("A prediction is one number, with a point and no comma: 3.5, not 3,5.")
    if not _is_number(value):
        raise LabError(f"A prediction is a number, for example 4; this one is {value!r}.")
    number = value if isinstance(value, int | float) else float(value)
    lowest = 0 if unit else -MOST
    highest = 100 if unit == "%" else MOST
    _check_range(number, unit, lowest if low is None else low, highest if high is None else high)
    prediction = Prediction(question, number, unit)
    record()["predictions"][question] = prediction
    print(f"{question}\nYour prediction: {prediction}")
    return prediction


def _check_range(number: float, unit: str, low: float, high: float) -> None:
    if not low <= number <= high:
        bound = f"least {quantity(low, unit)}" if number < low else f"most {quantity(high, unit)}"
        raise LabError(f"The answer is at {bound}, whatever happens; your number is {number!r}.")


def _is_number(value: object) -> bool:
    """Whether it is a finite number of any kind, numpy's too, and of a size that a float can be."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def compare(
    prediction: Prediction, result: float, source: str = "measured", exact: bool = False
) -> None:
    """Print the result beside the prediction, with the word that says where it is from.

    source: one of SOURCES; exact: the result is the same on every run and machine.
    """
    text = sourced(result, prediction.unit, source, exact)
    prediction.result = text
    prediction.number = float(result)
    prediction.source = source
    record()["predictions"][prediction.question] = prediction
    print(f"You predicted {prediction}; it is {text}.")


def claim(sentence: str, holds: object) -> None:
    """Print the sentence when it holds; stop the lab with ClaimFailed when it does not.

    On a learner's own data (see `own_data`) a sentence that does not hold is printed as a finding.
    """
    true = bool(holds)
    record()["claims"][sentence] = true
    if true:
        print(f"✔ {sentence}")
    elif record().get("own_data"):
        print(f"✘ Not on this data: {sentence}")
    else:
        raise ClaimFailed(f"✘ This does not hold here: {sentence}" + _whose())


def _whose() -> str:
    """The learner's own functions that are in use: a failing claim says so."""
    yours = [name for name, whose in record()["in_use"].items() if whose == "yours"]
    if not yours:
        return ""
    return (
        f" (Your function for {' and '.join(yours)} is in use here; each of its answers was "
        "checked when it was given.)"
    )


def own_data(what: str) -> None:
    """Say that the lab runs on the learner's own data, so claims inform instead of stopping."""
    record()["own_data"] = what
    print(f"This lab runs on {what}: a claim that does not hold there is a finding, not an error.")


def summary() -> None:
    """Show what this notebook has shown: claims, exercises, predictions against results.

    The record goes into the output's metadata, and into a file of the learner's own.
    """
    claims = record()["claims"]
    checks = {name: check["passed"] for name, check in sorted(record()["checks"].items())}
    lines = [
        f"Claims held: {sum(claims.values())} of {len(claims)}",
        f"Exercises passed: {sum(checks.values())} of {len(checks)}",
        *(f"  {'●' if passed else '○'} {name}" for name, passed in checks.items()),
        *(["Predictions:"] if record()["predictions"] else []),
    ]
    for question, prediction in record()["predictions"].items():
        lines.append(f"  {question} You: {prediction}. Result: {prediction.result}.")
    save()
    if in_notebook():
        from IPython.display import display

        shown = {"text/plain": "\n".join(lines)}
        display(shown, raw=True, metadata={"scaletoolkit": plain()})
    else:
        print(*lines, sep="\n")


def progress(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
    """Hand on the items while a line says how many of `total` are done; the line then goes away.

    In a notebook the line is a display that starts and ends empty, so stored outputs never hold
    it; in a terminal it is written to stderr; elsewhere there is none.
    """
    show = _line()
    start_s = time.monotonic()
    shown_s = 0.0
    try:
        for done, item in enumerate(items, 1):
            now_s = time.monotonic()
            if now_s - shown_s > SHOW_EVERY_S:
                show(f"{label}: {done} of {total} · {now_s - start_s:.0f} s")
                shown_s = now_s
            yield item
    finally:
        show("")


@contextlib.contextmanager
def busy(label: str) -> Iterator[Callable[[str], object]]:
    """Show a line while one long piece of work runs; the line then goes away.

    Yields a function that shows another text instead.
    """
    show = _line()
    show(f"{label} …")
    try:
        yield show
    finally:
        show("")


def _line() -> Callable[[str], object]:
    """A function that replaces the text of one line."""
    if in_notebook():
        from IPython.display import display

        handle = display({"text/plain": ""}, raw=True, display_id=True)
        return lambda text: handle.update({"text/plain": text}, raw=True)
    if sys.stderr.isatty():
        return lambda text: print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    return lambda text: None


def in_notebook() -> bool:
    """Whether a kernel runs this code; that ipykernel is imported does not tell."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
