"""Plain values as one line of text, between the process that judges and the one that answers.

JSON with a name for each container, so that a tuple stays one and keys may be numbers. What goes
through is a number, a text, None, or made of these: reading it runs nothing.
"""

import builtins
import itertools
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

LONGEST = 100_000  # items of one container; the judge cuts there, too
LONGEST_TEXT = 300  # letters of an error
MOST_KEYS = 1000  # of a dict that comes in: finding keys that collide takes their number squared
SCALARS = (bool, int, float, str, type(None))


class Unknown:
    """What stands in for a value of a kind that cannot be compared: it equals nothing else."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def pack(value: object) -> str:
    """A value as one line of text; see `plain` in lab.exercises.answers for what is a number."""
    return json.dumps(_packed(value))


def unpack(text: str | bytes) -> Any:
    """The value of a line. Raises ValueError, TypeError, KeyError or RecursionError."""
    return _unpacked(json.loads(text))


def error(told: object) -> BaseException:
    """The error that the answer has raised, of the same name; the line of it goes along."""
    known = told if isinstance(told, dict) else {}
    name = str(known.get("type", "Error"))[:60]
    text = str(known.get("text", ""))[:LONGEST_TEXT]
    error: Any = _of_python(name, text) or type(name, (Exception,), {})(text)
    error.line_elsewhere = str(known.get("line", ""))  # for `line_of`
    return error


def _of_python(name: str, text: str) -> Exception | None:
    """An error of Python's own with that name, where there is one that takes a text."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with suppress(TypeError):  # the errors of Unicode take more
            return kind(text)
    return None


def _packed(value: Any) -> object:
    if type(value) in SCALARS:
        return value
    if type(value) is bytes:
        return {"bytes": value.hex()}
    if type(value) is tuple:
        return {"tuple": [_packed(item) for item in value[:LONGEST]]}
    if isinstance(value, dict):
        pairs = itertools.islice(value.items(), LONGEST)
        return {"dict": [[_packed(key), _packed(item)] for key, item in pairs]}
    return _packed_other(value)


def _packed_other(value: Any) -> object:
    """What is no plain value, as the judge would see it: numpy's and torch's, fractions, sets."""
    if hasattr(value, "tolist"):
        return _packed(value.tolist())
    if type(value).__module__ in ("fractions", "decimal"):
        return float(value)
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return {"list": [_packed(item) for item in itertools.islice(value, LONGEST)]}
    return {"unknown": f"a value of the type {type(value).__name__}"[:80]}


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inside),) = value.items()
    if kind == "unknown":
        return Unknown(str(inside)[:80])
    if kind == "bytes":
        return bytes.fromhex(inside)
    if kind == "dict":
        if len(inside) > MOST_KEYS:
            raise ValueError("a dict with too many keys")
        return {_unpacked(key): _unpacked(item) for key, item in inside}
    return {"list": list, "tuple": tuple}[kind](map(_unpacked, inside))
