"""How a lab speaks to its learner: predictions, claims, measured values, exercises. Ground.

A lab's record is one plain dict named `lab_record` among the notebook's own variables: restart the
kernel and it is gone, run a cell twice and its entry is replaced.
"""

import html
import math
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import __main__

# Again when a process that is about to end has just written another file.
WATCHER = 'cat >/dev/null; for again in 1 2 3 4 5; do rm -rf -- "$1" && exit; sleep 0.2; done'


class LabError(Exception):
    """Something a learner can put right; a notebook shows the sentence and no traceback."""

    def _render_traceback_(self):
        return [str(self)]


class ClaimFailed(LabError, AssertionError):
    """A sentence that a lab states does not hold here."""


def record():
    """The dict `lab_record` of this notebook, made when missing: predictions, claims, checks."""
    empty = {"predictions": {}, "claims": {}, "checks": {}}
    return __main__.__dict__.setdefault("lab_record", empty)


def quantity(value, unit=""):
    """A number as people write it, three significant digits: "41.2 kB", "4.2 ms", "1.9 ×"."""
    if not math.isfinite(value):
        raise ValueError(f"a quantity must be a finite number, got {value}")
    prefix, scale = _prefix(abs(value), unit)
    if isinstance(value, int) and scale == 1:
        return f"{value:,} {unit}".rstrip()
    return f"{_three_digits(value / scale)} {prefix}{unit}".rstrip()


def _prefix(size, unit):
    if unit == "s":
        steps = [(1, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")]
    elif unit.split("/")[0] == "B":
        steps = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")]
    else:
        return "", 1
    scale, prefix = next(((s, p) for s, p in steps if size >= s), (1, ""))
    return prefix, scale


def _three_digits(number):
    if number == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:,.{places}f}" if places <= 6 else f"{number:.2e}"


def measured(value, unit=""):
    """A value measured on this machine, between the marks that say so: "⟨0.42 s⟩".

    CI compares every stored output word for word and puts one word for what stands between the
    marks, so only a number and its unit belong there.
    """
    return f"⟨{quantity(value, unit)}⟩"


@dataclass(frozen=True)
class Table:
    """Rows to look at: text in a terminal, a table in a notebook."""

    rows: list
    units: dict
    measured: frozenset

    MEASURED_WIDTH = 10

    def cell(self, column, value):
        """One value as text; measured ones are padded between their marks."""
        if column in self.measured:
            text = quantity(value, self.units.get(column, ""))
            return f"⟨{text:>{self._inside(column)}}⟩"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value)
        if isinstance(value, int):
            return f"{value:,} {self.units.get(column, '')}".rstrip()
        return quantity(value, self.units.get(column, ""))

    def _inside(self, column):
        """The width between the marks: all padding goes there, where nothing is compared."""
        return max(self.MEASURED_WIDTH, len(column) - 2)

    def _grid(self):
        return [{column: self.cell(column, row[column]) for column in row} for row in self.rows]

    def __repr__(self):
        grid = self._grid()
        wide = {
            c: self._inside(c) + 2
            if c in self.measured
            else max(len(c), *(len(row[c]) for row in grid))
            for c in grid[0]
        }
        left = {c for c in wide if isinstance(self.rows[0][c], str)}
        lines = [{c: c for c in wide}, *grid]
        return "\n".join(
            "  ".join(f"{line[c]:{'<' if c in left else '>'}{wide[c]}}" for c in wide).rstrip()
            for line in lines
        )

    def _repr_html_(self):
        numeric = {c for c, value in self.rows[0].items() if not isinstance(value, str)}

        def row(tag, cells):
            side = {c: "right" if c in numeric else "left" for c in cells}
            inside = (f'<{tag} align="{side[c]}">{html.escape(cells[c])}</{tag}>' for c in cells)
            return f"<tr>{''.join(inside)}</tr>"

        head = row("th", {c: c for c in self.rows[0]})
        return f"<table>{head}{''.join(row('td', cells) for cells in self._grid())}</table>"


def table(rows, units=None, measured=()):
    """A table of rows (a list of dicts with the same keys); `measured` names the measured columns.

    units: {column: unit}. Bytes ("B") and seconds ("s") get their prefix.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a table needs at least one row, got none")
    units, measured = dict(units or {}), frozenset(measured)
    unknown = (measured | set(units)) - set(rows[0])
    if unknown:
        raise ValueError(f"no column is named {sorted(unknown)[0]!r}; there are {list(rows[0])}")
    return Table(rows, units, measured)


@dataclass
class Prediction:
    """What the learner expects: a question, a value, a unit; later the result beside it."""

    question: str
    value: float
    unit: str = ""
    result: str = field(default="not compared yet", compare=False)

    def __str__(self):
        number = f"{self.value:,}" if isinstance(self.value, int) else f"{self.value:,g}"
        return f"{number} {self.unit}".rstrip()

    def __repr__(self):
        return f"Prediction: {self}"


def predict(question, value, unit=""):
    """The learner's prediction, recorded and printed. Edit the value in the cell, before measuring.

    Returns a Prediction (its number is `.value`), for `compare` and for the picture.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise LabError(f"A prediction is a number, for example 4; this one is {value!r}.")
    prediction = Prediction(question, value, unit)
    record()["predictions"][question] = prediction
    print(f"{question}\nYour prediction: {prediction}")
    return prediction


def compare(prediction, result, exact=False):
    """Print the result beside the prediction; `exact` says that the result is no measurement."""
    text = quantity(result, prediction.unit) if exact else measured(result, prediction.unit)
    prediction.result = text
    record()["predictions"][prediction.question] = prediction
    print(f"You predicted {prediction}; it is {text}.")


def claim(sentence, holds):
    """Print the sentence when it holds; stop the lab with it when it does not.

    On a learner's own data (see `explore`) a sentence that does not hold is printed as a finding.
    """
    holds = bool(holds)
    record()["claims"][sentence] = holds
    if holds:
        print(f"✔ {sentence}")
    elif record().get("own_data"):
        print(f"✘ Not on this data: {sentence}")
    else:
        raise ClaimFailed(f"✘ This does not hold here: {sentence}")


def explore(what):
    """Say that the lab runs on the learner's own data, so claims inform instead of stopping."""
    record()["own_data"] = what
    print(f"This lab runs on {what}: a claim that does not hold there is a finding, not an error.")


def summary():
    """Print what this notebook has shown: claims, exercises, predictions against results."""
    seen = record()
    held = sum(seen["claims"].values())
    print(f"Claims held: {held} of {len(seen['claims'])}")
    print(f"Exercises passed: {sum(seen['checks'].values())} of {len(seen['checks'])}")
    for name, passed in sorted(seen["checks"].items()):
        print(f"  {'●' if passed else '○'} {name}")
    print("Predictions:")
    for question, prediction in seen["predictions"].items():
        print(f"  {question} You: {prediction}. Result: {prediction.result}.")


def progress(items, total, label):
    """Hand on the items while a line says how many of `total` are done; the line then goes away.

    In a notebook the line is a display that starts and ends empty, so stored outputs never hold
    it; in a terminal it is written to stderr; elsewhere there is none.
    """
    show, start, shown = _progress_line(), time.monotonic(), 0.0
    for done, item in enumerate(items, 1):
        now = time.monotonic()
        if now - shown > 0.2:
            show(f"{label}: {done} of {total} · {now - start:.0f} s")
            shown = now
        yield item
    show("")


def _progress_line():
    if in_notebook():
        from IPython.display import display

        def bundle(text):
            return {"text/plain": text}

        handle = display(bundle(""), raw=True, display_id=True)
        return lambda text: handle.update(bundle(text), raw=True)
    if sys.stderr.isatty():
        return lambda text: print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    return lambda text: None


def in_notebook():
    """Whether a kernel runs this code; that ipykernel is imported does not tell."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")


def workspace(name):
    """A new temporary folder (a Path) that is removed when this process ends, however it ends.

    A shell of its own waits on a pipe from this process and removes the folder when the pipe
    closes, so that even a killed kernel leaves nothing behind.
    """
    folder = Path(tempfile.gettempdir()) / f"scaletoolkit-{name}-{secrets.token_hex(6)}"
    command = ["sh", "-c", WATCHER, "watcher", str(folder)]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    folder.mkdir(mode=0o700)  # watched before it is there
    record().setdefault("workspaces", {})[str(folder)] = watcher
    return folder


def clean_up():
    """Remove this notebook's workspaces now, and end what watches them."""
    for folder, watcher in record().pop("workspaces", {}).items():
        watcher.stdin.close()
        watcher.wait()
        shutil.rmtree(folder, ignore_errors=True)
