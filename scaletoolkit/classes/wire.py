"""Plain values as one line of text, between the process that judges and the one that answers.

JSON with a name for each container, so that a tuple stays one and keys may be numbers. What goes
through is a number, a text, None, or made of these: reading it runs nothing.
"""

import itertools
import json
from collections.abc import Iterable
from typing import Any

LONGEST = 100_000  # items of one container; the judge cuts there, too
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
        return {_unpacked(key): _unpacked(item) for key, item in inside}
    return {"list": list, "tuple": tuple}[kind](map(_unpacked, inside))
