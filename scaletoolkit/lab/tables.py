"""Numbers as people write them, measured values between their marks, tables."""

import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


def quantity(value: float, unit: str = "") -> str:
    """A number as people write it, three significant digits: "41.2 kB", "4.20 ms", "1.90 ×".

    Seconds and bytes ("s", "B", "B/s") get their prefix. Raises ValueError for nan and inf.
    """
    if not math.isfinite(value):
        raise ValueError(f"a quantity must be a finite number, got {value}")
    prefix, scale = _prefix(abs(value), unit)
    if isinstance(value, int) and scale == 1:
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
    places = max(0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:,.{places}f}" if places <= 6 else f"{number:.2e}"


def measured(value: float, unit: str = "") -> str:
    """A value measured on this machine, between the marks that say so: "⟨0.42 s⟩".

    CI compares every stored output word for word and puts one word for what stands between the
    marks, so only a number and its unit belong there.
    """
    return f"⟨{quantity(value, unit)}⟩"


@dataclass(frozen=True)
class Table:
    """Rows to look at: text in a terminal, a table in a notebook."""

    rows: list[Row]
    units: dict[str, str]
    measured: frozenset[str]

    MEASURED_WIDTH = 10

    def cell(self, column: str, value: Any) -> str:
        """One value as text; measured ones are padded between their marks."""
        unit = self.units.get(column, "")
        if column in self.measured:
            return f"⟨{quantity(value, unit):>{self._inside(column)}}⟩"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value)
        if isinstance(value, int):
            return f"{value:,} {unit}".rstrip()
        return quantity(value, unit)

    def _inside(self, column: str) -> int:
        """The width between the marks: all padding goes there, where nothing is compared."""
        return max(self.MEASURED_WIDTH, len(column) - 2)

    def _texts(self) -> list[list[str]]:
        """Column by column: its name, then its cells."""
        columns = list(self.rows[0])
        return [[name, *(self.cell(name, row[name]) for row in self.rows)] for name in columns]

    def _is_text(self, column: str) -> bool:
        return isinstance(self.rows[0][column], str)

    def __repr__(self) -> str:
        padded = []
        for name, *cells in self._texts():
            widest = max(map(len, [name, *cells]))
            width = self._inside(name) + 2 if name in self.measured else widest
            side = "<" if self._is_text(name) else ">"
            padded.append([f"{text:{side}{width}}" for text in [name, *cells]])
        return "\n".join("  ".join(line).rstrip() for line in zip(*padded, strict=True))

    def _repr_html_(self) -> str:
        sides = ["left" if self._is_text(column) else "right" for column in self.rows[0]]
        table = ""
        for number, row in enumerate(zip(*self._texts(), strict=True)):
            tag = "td" if number else "th"
            cells = zip(sides, map(html.escape, row), strict=True)
            inside = "".join(f'<{tag} align="{side}">{text}</{tag}>' for side, text in cells)
            table += f"<tr>{inside}</tr>"
        return f"<table>{table}</table>"


def table(
    rows: Iterable[Row], units: Mapping[str, str] | None = None, measured: Iterable[str] = ()
) -> Table:
    """A table of rows (dicts with the same keys); `measured` names the measured columns.

    units: {column: unit}, as in `quantity`. ValueError: no row, or no column of that name.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("a table needs at least one row, got none")
    units = dict(units or {})
    measured = frozenset(measured)
    unknown = (measured | set(units)) - set(rows[0])
    if unknown:
        raise ValueError(f"no column is named {sorted(unknown)[0]!r}; there are {list(rows[0])}")
    return Table(rows, units, measured)
