"""Numbers as people write them, measured values between their marks, tables."""

import html
import math
from dataclasses import dataclass


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
