"""Numbers as people write them, the word that says where each is from, tables.

A number between ⟨ and ⟩ depends on the run. CI compares every stored output word for word, but for
what stands between these marks: only a number and its unit belong there.
"""

import html
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

Row = Mapping[str, Any]
VARYING = ("measured", "fitted", "simulated", "computed")  # from run to run, unless exact
SOURCES = (*VARYING, "quoted", "assumed")
# GitHub shows a style to nobody, and JupyterLab's own style overrules the attribute.
ALIGN = {side: f'align="{side}" style="text-align: {side}"' for side in ("left", "right")}
INSIDE = 10  # all padding of a marked number goes between its marks, where nothing is compared


def quantity(value: float, unit: str = "") -> str:
    """A number as people write it, three significant digits: "41.2 kB", "4.20 ms", "1.90 ×".

    Seconds and bytes ("s", "B", "B/s") get their prefix. Raises ValueError for nan and inf.
    """
    if not math.isfinite(value):
        raise ValueError(f"a quantity must be a finite number, got {value}")
    prefix, scale = _prefix(abs(_of_three_digits(value)), unit)
    if isinstance(value, Integral) and scale == 1:
        return f"{value:,} {unit}".rstrip()
    return f"{_three_digits(value / scale)} {prefix}{unit}".rstrip()


def _prefix(size: float, unit: str) -> tuple[str, float]:
    """The prefix that suits the size, and what it stands for: ("k", 1000)."""
    prefixes: dict[str, float] = {}
    if unit == "s":
        prefixes = {"": 1, "m": 1e-3, "µ": 1e-6, "n": 1e-9}
    elif unit.split("/")[0] == "B":
        prefixes = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1}
    return next(((prefix, scale) for prefix, scale in prefixes.items() if size >= scale), ("", 1))


def _three_digits(number: float) -> str:
    if number == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(_of_three_digits(number)))))
    return f"{number:,.{places}f}" if places <= 6 else f"{number:.2e}"


def _of_three_digits(number: float) -> float:
    """The number as its digits will say it: 9.996 is written as 10.0 is."""
    return float(f"{float(number):.2e}")


def sourced(value: float, unit: str, source: str, exact: bool = False) -> str:
    """A number and its word: "⟨0.42 s⟩ measured", or "3.95 × simulated" where it is exact.

    Raises ValueError for a word that is not one of SOURCES.
    """
    if source not in SOURCES:
        raise ValueError(f"source must be one of {', '.join(SOURCES)}; got {source!r}")
    number = quantity(value, unit)
    return f"{number} {source}" if exact or source not in VARYING else f"⟨{number}⟩ {source}"


def measured(value: float, unit: str = "", exact: bool = False) -> str:
    """What this machine did: "⟨0.42 s⟩ measured"; exact: the same on every run and machine."""
    return sourced(value, unit, "measured", exact)


def fitted(value: float, unit: str = "", exact: bool = False) -> str:
    """What a law says whose numbers come from measurements: "⟨0.19⟩ fitted"."""
    return sourced(value, unit, "fitted", exact)


def simulated(value: float, unit: str = "", exact: bool = False) -> str:
    """What a program imagined: "3.95 × simulated"."""
    return sourced(value, unit, "simulated", exact)


def computed(value: float, unit: str = "", exact: bool = False) -> str:
    """What follows by a rule or by arithmetic from numbers that are given: "7 computed"."""
    return sourced(value, unit, "computed", exact)


def quoted(value: float, unit: str = "") -> str:
    """What somebody else reports: "90 % quoted"."""
    return sourced(value, unit, "quoted")


def assumed(value: float, unit: str = "") -> str:
    """What was chosen for the argument: "50 ms assumed"."""
    return sourced(value, unit, "assumed")


@dataclass(frozen=True)
class Table:
    """Rows to look at: text in a terminal, a table in a notebook.

    sources: {column: where its numbers are from}; exact: columns that no run changes.
    """

    rows: list[Row]
    units: dict[str, str]
    sources: dict[str, str]
    exact: frozenset[str]
    caption: str = ""

    def cell(self, column: str, value: Any) -> str:
        """One value as text, a marked number padded between its marks."""
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not is_number:
            return re.sub(r"⟨ *(.*?)⟩", lambda mark: f"⟨{mark[1]:>{INSIDE}}⟩", str(value))
        unit = self.units.get(column, "")
        if self.sources.get(column) in VARYING and column not in self.exact:
            return f"⟨{quantity(value, unit):>{INSIDE}}⟩"
        if isinstance(value, Integral):
            return f"{value:,} {unit}".rstrip()
        return quantity(value, unit)

    def _texts(self) -> list[list[str]]:
        """Column by column: its heading, then its cells."""
        columns = []
        for name in self.rows[0]:
            heading = ", ".join(filter(None, [name, self.sources.get(name)]))
            columns.append([heading, *(self.cell(name, row[name]) for row in self.rows)])
        return columns

    def _is_text(self, column: str) -> bool:
        value = self.rows[0][column]
        return isinstance(value, str) and "⟨" not in value

    def __repr__(self) -> str:
        padded = []
        for name, texts in zip(self.rows[0], self._texts(), strict=True):
            widths = [len(re.sub("⟨.*?⟩", "⟨" + INSIDE * " " + "⟩", text)) for text in texts]
            gaps = [" " * (max(widths) - width) for width in widths]
            pairs = zip(texts, gaps, strict=True)
            padded.append([t + gap if self._is_text(name) else gap + t for t, gap in pairs])
        lines = ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]
        return "\n".join([self.caption, *lines] if self.caption else lines)

    def _repr_html_(self) -> str:
        sides = ["left" if self._is_text(column) else "right" for column in self.rows[0]]
        table = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        for number, row in enumerate(zip(*self._texts(), strict=True)):
            tag = "td" if number else 'th scope="col"'
            texts = [html.escape(re.sub("⟨ +", "⟨", text)) for text in row]
            cells = zip(sides, texts, strict=True)
            inside = "".join(f"<{tag} {ALIGN[side]}>{text}</{tag[:2]}>" for side, text in cells)
            table += f"<tr>{inside}</tr>"
        return f"<table>{table}</table>"


def table(
    rows: Iterable[Row],
    units: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    exact: Collection[str] = (),
    caption: str = "",
) -> Table:
    """A table of rows (dicts with the same keys) that says where each column's numbers are from.

    units: {column: unit}, as in `quantity`. sources: {column: one of SOURCES}; columns whose source
    is one of VARYING have marks, unless named in `exact`. ValueError: no row, or no such column or
    source.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a table needs at least one row, got none")
    units = dict(units or {})
    sources = dict(sources or {})
    unknown = {*units, *sources, *exact} - set(rows[0])
    if unknown:
        raise ValueError(f"no column is named {min(unknown)!r}; there are {list(rows[0])}")
    for source in sources.values():
        if source not in SOURCES:
            raise ValueError(f"source must be one of {', '.join(SOURCES)}; got {source!r}")
    return Table(rows, units, sources, frozenset(exact), caption)
