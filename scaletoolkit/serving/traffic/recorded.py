"""Traffic that was recorded elsewhere: a CSV file to arrival rates. Lab 09."""

import math

import numpy as np
from numpy.typing import NDArray

from scaletoolkit import lab

LONGEST_S = 31 * 86_400
MOST_PER_S = 1e9
MOST_QUOTED = 60


class TrafficError(lab.LabError, ValueError):
    """A traffic file is wrong; the sentence names the line and what it may be."""


def read_traffic(source: str) -> NDArray[np.float64]:
    """Arrival rates from CSV text, one value for each second: an array of requests a second.

    Two columns, with or without a heading: seconds (rising) and requests a second from then on. The
    last rate lasts as long as the one before it. Raises TrafficError with the line that is wrong.
    """
    lines = enumerate(source.splitlines(), 1)
    rows = [(number, line.split(",")) for number, line in lines if line.strip()]
    if rows and not _is_number(rows[0][1][0]):
        rows = rows[1:]
    if len(rows) < 2:
        raise TrafficError("The traffic file needs two or more rows: seconds, requests a second.")
    seconds, rates = np.array([_point(line, row) for line, row in rows]).T
    back = np.flatnonzero(seconds[1:] <= seconds[:-1])
    if back.size:
        line, _ = rows[back[0] + 1]
        raise TrafficError(f"Traffic, line {line}: the seconds must rise from row to row.")
    *_, before_s, last_s = seconds.tolist()
    length_s = last_s - float(seconds[0]) + last_s - before_s
    if length_s > LONGEST_S:
        raise TrafficError(f"The traffic lasts {length_s:,.0f} s; at most {LONGEST_S:,} s fit.")
    ticks = seconds[0] + np.arange(math.ceil(length_s))
    return rates[np.searchsorted(seconds, ticks, side="right") - 1]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _point(line: int, row: list[str]) -> tuple[float, float]:
    """(second, requests a second from then on) of a line's row."""
    if len(row) != 2 or not all(map(_is_number, row)):
        given = _quoted(",".join(row))
        raise TrafficError(f"Traffic, line {line}: expected two numbers, got {given}.")
    second, rate_per_s = map(float, row)
    if not 0 <= rate_per_s <= MOST_PER_S:
        expected = f"a rate from 0 to {MOST_PER_S:g}"
        raise TrafficError(f"Traffic, line {line}: expected {expected}, got {rate_per_s:g}.")
    return second, rate_per_s


def _quoted(text: str) -> str:
    """A foreign file's own words as they may stand in a sentence: short, and printable."""
    quoted = '"' + "".join(c if c.isprintable() else "?" for c in text) + '"'
    return quoted if len(quoted) <= MOST_QUOTED else quoted[: MOST_QUOTED - 3] + "..."
