"""A reader's own product in a YAML file: every number a range, every mistake one sentence. Lab 12.

product: a recommender
budget: 25000
users: {low: 5e7, middle: 1e8, high: 2e8, unit: users, from: assumed}
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scaletoolkit.kubernetes.document import ManifestError, documents
from scaletoolkit.planning import bill, prices
from scaletoolkit.planning.ranges import MOST, Range

FIELDS = ("low", "middle", "high", "unit", "from")
PRICED = {"worker_price": "core", "memory_price": "memory"}
PRICED |= {"storage_price": "storage", "egress_price": "egress"}
SHORT = 40


class ProductError(ValueError):
    """What is wrong in the file of a product: one sentence for each mistake."""


@dataclass(frozen=True)
class Product:
    """A product: its name, its inputs, the prices that were quoted for it, its budget or None."""

    name: str
    inputs: dict[str, Range] = field(repr=False)
    quoted: tuple[str, ...]
    budget: float | None

    def __repr__(self) -> str:
        budget = "no budget" if self.budget is None else f"${self.budget:,.0f} a month"
        return f"Product: {self.name}, {len(self.inputs)} inputs, {budget}"


def read(text: str) -> Product:
    """The product that a YAML text describes; ProductError with all that is wrong in it.

    A price that is not given is taken from `prices`.
    """
    document = _parsed(text)
    problems = list(_problems(document))
    if problems:
        raise ProductError("\n".join(problems))
    inputs = {name: _range(name, document[name]) for name in bill.UNITS if name in document}
    quoted = tuple(name for name in PRICED if name not in inputs)
    inputs |= {name: prices.price(PRICED[name]) for name in quoted}
    budget = document.get("budget")
    ordered = {name: inputs[name] for name in bill.UNITS}
    name = " ".join(str(document["product"]).split())
    return Product(name, ordered, quoted, None if budget is None else _number(budget))


def _parsed(text: str) -> dict[str, Any]:
    """The one mapping in a text, whose aliases cannot blow up and whose keys stand once."""
    try:
        there = documents(text, "file")
    except ManifestError as error:
        raise ProductError(str(error)) from None
    if len(there) == 1 and isinstance(there[0], dict):
        return there[0]
    raise ProductError("The file must hold names and their ranges, as `users: {low: …}`.")


def _problems(document: dict[str, Any]) -> Iterator[str]:
    known = ["product", "budget", *bill.UNITS]
    if not isinstance(document.get("product"), str) or not document["product"].strip():
        yield "`product` is missing: what is it called?"
    for name in document:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; is {near[0]!r} meant?" if near else "."
            yield f"Nothing is called {_short(name)}{hint}"
    for name in bill.UNITS:
        if name in document:
            yield from _wrong(name, document[name])
        elif name not in PRICED:
            yield f"`{name}` is missing: {bill.ABOUT[name]}, in {bill.UNITS[name] or 'a share'}."
    if document.get("budget") is not None:
        try:
            if not 0 < _number(document["budget"]) <= MOST:
                raise ValueError
        except ValueError:
            yield f"`budget` must be a number of dollars a month, got {_short(document['budget'])}."


def _wrong(name: str, value: Any) -> Iterator[str]:
    try:
        _range(name, value)
    except ValueError as error:
        yield f"`{name}`: {error}."


def _range(name: str, value: Any) -> Range:
    """The range of an input; ValueError with a clause that says what is wrong."""
    if isinstance(value, list) and len(value) == len(FIELDS):
        value = dict(zip(FIELDS, value, strict=True))
    if not isinstance(value, dict) or {*map(str, value)} != {*FIELDS}:
        raise ValueError(f"expected {', '.join(FIELDS)}, got {_short(value)}")
    unit = "" if value["unit"] is None else str(value["unit"])
    if unit != bill.UNITS[name]:
        wanted = bill.UNITS[name] or "'' (a share)"
        raise ValueError(f"its unit is {wanted}, got {_short(unit)}")
    ends = [_number(value[end]) for end in FIELDS[:3]]
    made = Range(ends[0], ends[1], ends[2], unit, str(value["from"])[:SHORT])
    if name in bill.SHARES and not made.high <= (1 if name in ("utilization", "fill") else 0.999):
        raise ValueError(f"a share is below 1, got {made.high:g}")
    return made


def _number(value: Any) -> float:
    """A number, also where YAML took 1e6 for a text; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected a number, got {_short(value)}")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"expected a number, got {_short(value)}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."
