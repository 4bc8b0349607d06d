"""What a notebook remembers, and what it keeps for later labs.

A lab's record is one plain dict named `lab_record` among the notebook's own variables: restart the
kernel and it is gone, run a cell twice and its entry is replaced. `keep` and `summary` also write
it to a file, from which `recall` takes the numbers of an earlier lab.
"""

import contextlib
import json
import math
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import __main__
from scaletoolkit import __version__
from scaletoolkit.lab.errors import LabError
from scaletoolkit.lab.profile import records_folder
from scaletoolkit.lab.tables import sourced

REFERENCE = Path(__file__).with_name("reference.json")
Kept = tuple[float, str] | tuple[float, str, str]  # (value, unit), measured; or its source as well


@dataclass
class Prediction:
    """What the learner expects: a question, a value, a unit; later the result beside it."""

    question: str
    value: float
    unit: str = ""
    result: str = field(default="not compared yet", compare=False)
    number: float | None = field(default=None, compare=False, repr=False)
    source: str = field(default="", compare=False, repr=False)

    def __str__(self) -> str:
        number = f"{self.value:,}" if isinstance(self.value, int) else f"{self.value:,g}"
        return f"{number} {self.unit}".rstrip()

    def __repr__(self) -> str:
        return f"Prediction: {self}"


class Check(TypedDict):
    """How an exercise went: whether it passed, tries, the hints that were read, and the answer."""

    passed: bool
    tries: int
    hints: list[int]
    solution_shown: bool


class Record(TypedDict):
    """Predictions by question, claims by sentence, exercises and whose functions are in use."""

    predictions: dict[str, Prediction]
    claims: dict[str, bool]
    checks: dict[str, Check]
    in_use: dict[str, str]
    kept: dict[str, Kept]
    lab: NotRequired[str]
    machine: NotRequired[str]
    began: NotRequired[float]
    own_data: NotRequired[str]
    workspaces: NotRequired[dict[str, subprocess.Popen[bytes]]]


def record() -> Record:
    """The dict `lab_record` of this notebook, made when missing."""
    empty: Record = {"predictions": {}, "claims": {}, "checks": {}, "in_use": {}, "kept": {}}
    return __main__.__dict__.setdefault("lab_record", empty)


def begin(number: str, machine: str) -> None:
    """Note which lab this is, on which machine (a line, which is printed), and when it began."""
    noted = record()
    noted["lab"] = number
    noted["machine"] = machine
    noted.setdefault("began", time.time())
    print(machine)


def checked(name: str, passed: bool) -> None:
    """Note one more try of an exercise, and whether it passed."""
    check = _check(name)
    check["passed"] = passed
    check["tries"] += 1


def hinted(name: str, step: int) -> None:
    """Note that a hint was read."""
    check = _check(name)
    check["hints"] = sorted({*check["hints"], step})


def shown(name: str) -> None:
    """Note that the solution was shown."""
    _check(name)["solution_shown"] = True


def in_use(name: str, whose: str) -> None:
    """Note whose function later cells use for an exercise: "yours" or "the library's"."""
    record()["in_use"][name] = whose


def _check(name: str) -> Check:
    new: Check = {"passed": False, "tries": 0, "hints": [], "solution_shown": False}
    return record()["checks"].setdefault(name, new)


def keep(**numbers: Kept) -> None:
    """Keep numbers of this lab for later ones: name=(value, unit). See `recall`.

    Or name=(value, unit, source), one of SOURCES, for what was not measured.
    """
    noted = record()
    if "lab" not in noted:
        raise LabError("Which lab is this? Run its first cell, which says so, and then this one.")
    for name, number in numbers.items():
        value, unit, *source = number
        if not math.isfinite(value):
            raise LabError(f"{name} cannot be kept: {value} is no finite number.")
        text = sourced(value, unit, source[0] if source else "measured")
        print(f"Kept for later labs: {noted['lab']}.{name} {text}")
        noted["kept"][f"{noted['lab']}.{name}"] = (
            (float(value), unit, source[0]) if source else (float(value), unit)
        )
    save()


def recall(name: str) -> float:
    """The number that an earlier lab has kept, for example "09.capacity"; prints whose it is.

    It is the learner's own where there is one, else the reference of the course. Raises LabError
    where there is neither.
    """
    number = name.split(".")[0]
    path = records_folder() / f"{number}.json"
    try:
        return _told(name, _read(path)["kept"][name], f"from your lab {number}")
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        print(f"{path} holds no number {name}; the reference is taken.")
    reference = _read(REFERENCE)
    if name not in reference:
        raise LabError(f"No lab has kept a number named {name!r}.")
    return _told(name, reference[name], "the reference of the course")


def _told(name: str, kept: Kept, whose: str) -> float:
    """The number of what was kept, printed with where it is from, and whose it is."""
    value, unit, *rest = kept
    print(f"{name}: {sourced(value, unit, rest[0] if rest else 'measured')}, {whose}")
    return float(value)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def plain() -> dict[str, Any]:
    """The record as JSON knows it: without processes, and with the minutes since the lab began."""
    noted: dict[str, Any] = {**record()}
    noted.pop("workspaces", None)
    began = noted.pop("began", None)
    noted["minutes"] = began and round((time.time() - began) / 60, 1)
    noted["predictions"] = [
        {"question": p.question, "guess": p.value, "unit": p.unit}
        | {"result": p.number, "source": p.source}
        for p in record()["predictions"].values()
    ]
    words = [part.rsplit(" ", 1) for part in noted.get("machine", "").split(" · ")]
    versions = {pair[0]: pair[1] for pair in words if len(pair) == 2 and pair[1][0].isdigit()}
    noted["versions"] = {"scaletoolkit": __version__} | versions
    return noted


def save() -> None:
    """Write the record of a lab that has begun into the learner's folder, whole or not at all.

    What earlier sessions have kept, guessed and checked stays where this one has not done it anew.
    A file that is no record of a lab is put aside.
    """
    if "lab" not in record():
        return
    path = records_folder() / f"{record()['lab']}.json"
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(_joined(path), ensure_ascii=False), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        print(f"This lab's record could not be written into {path.parent}: {error.strerror}.")
        with contextlib.suppress(OSError):
            partial.unlink()


def _joined(path: Path) -> dict[str, Any]:
    """This session's record, and what only the earlier ones in the file have."""
    new = plain()
    try:
        old = _read(path)
        asked = {prediction["question"] for prediction in new["predictions"]}
        earlier = [one for one in old["predictions"] if one["question"] not in asked]
        kept = {**old["kept"], **new["kept"]}
        checks = {**old["checks"]}
        for name, check in new["checks"].items():
            checks[name] = _later(checks[name], check) if name in checks else check
    except FileNotFoundError:
        return new
    except (ValueError, TypeError, KeyError, AttributeError):
        aside = path.with_suffix(".broken")
        path.replace(aside)
        print(f"{path} is no record of a lab; it is kept as {aside.name}.")
        return new
    return new | {"checks": checks, "kept": kept, "predictions": earlier + new["predictions"]}


def _later(old: Check, new: Check) -> Check:
    """How an exercise went that an earlier session has tried, and this one perhaps not."""
    if new["tries"]:
        return new
    return {
        "passed": old["passed"],
        "tries": old["tries"],
        "hints": sorted({*old["hints"], *new["hints"]}),
        "solution_shown": old["solution_shown"] or new["solution_shown"],
    }
