"""What a lab says and remembers: predictions, claims, the summary, lines that go away.

A lab's record is one plain dict named `lab_record` among the notebook's own variables: restart the
kernel and it is gone, run a cell twice and its entry is replaced.
"""

import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict, TypeVar

import __main__
from scaletoolkit.lab.tables import measured, quantity

Item = TypeVar("Item")
SHOW_EVERY_S = 0.2


class LabError(Exception):
    """Something a learner can put right; a notebook shows the sentence and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class ClaimFailed(LabError, AssertionError):
    """A sentence that a lab states does not hold here."""


@dataclass
class Prediction:
    """What the learner expects: a question, a value, a unit; later the result beside it."""

    question: str
    value: float
    unit: str = ""
    result: str = field(default="not compared yet", compare=False)

    def __str__(self) -> str:
        number = f"{self.value:,}" if isinstance(self.value, int) else f"{self.value:,g}"
        return f"{number} {self.unit}".rstrip()

    def __repr__(self) -> str:
        return f"Prediction: {self}"


class Record(TypedDict):
    """What a notebook remembers: predictions by question, whether claims and exercises held."""

    predictions: dict[str, Prediction]
    claims: dict[str, bool]
    checks: dict[str, bool]
    own_data: NotRequired[str]
    workspaces: NotRequired[dict[str, subprocess.Popen[bytes]]]


def record() -> Record:
    """The dict `lab_record` of this notebook, made when missing."""
    empty: Record = {"predictions": {}, "claims": {}, "checks": {}}
    return __main__.__dict__.setdefault("lab_record", empty)


def predict(question: str, value: float, unit: str = "") -> Prediction:
    """The learner's prediction, recorded and printed. Edit the value in the cell, before measuring.

    Returns a Prediction (its number is `.value`), for `compare` and for the picture. Raises
    LabError where the value is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise LabError(f"A prediction is a number, for example 4; this one is {value!r}.")
    prediction = Prediction(question, value, unit)
    record()["predictions"][question] = prediction
    print(f"{question}\nYour prediction: {prediction}")
    return prediction


def compare(prediction: Prediction, result: float, exact: bool = False) -> None:
    """Print the result beside the prediction; `exact` says that the result is no measurement."""
    text = quantity(result, prediction.unit) if exact else measured(result, prediction.unit)
    prediction.result = text
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
        raise ClaimFailed(f"✘ This does not hold here: {sentence}")


def own_data(what: str) -> None:
    """Say that the lab runs on the learner's own data, so claims inform instead of stopping."""
    record()["own_data"] = what
    print(f"This lab runs on {what}: a claim that does not hold there is a finding, not an error.")


def summary() -> None:
    """Print what this notebook has shown: claims, exercises, predictions against results."""
    claims = record()["claims"]
    checks = record()["checks"]
    print(f"Claims held: {sum(claims.values())} of {len(claims)}")
    print(f"Exercises passed: {sum(checks.values())} of {len(checks)}")
    for name, passed in sorted(checks.items()):
        print(f"  {'●' if passed else '○'} {name}")
    print("Predictions:")
    for question, prediction in record()["predictions"].items():
        print(f"  {question} You: {prediction}. Result: {prediction.result}.")


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
def busy(label: str) -> Iterator[None]:
    """Show a line while one long piece of work runs; the line then goes away."""
    show = _line()
    show(f"{label} …")
    try:
        yield
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
