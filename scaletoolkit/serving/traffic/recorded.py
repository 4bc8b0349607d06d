"""Traffic that was recorded elsewhere: a table or Prometheus' JSON to arrival rates. Lab 09."""

import csv
import json
import math
import re
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from scaletoolkit import lab

LONGEST_S = 31 * 86_400
MOST_PER_S = 1e9
MOST_QUOTED = 60
DECIMALS = 6  # of a second: what is nearer differs by rounding only
EPOCH_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))  # (from this number on, of them a second)
EXPECTED = "a time (seconds, or like 2026-11-27T20:00:00) and a number of requests a second"
DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d+\s*$)")
Row = tuple[str, list[str]]  # (where it stands, its cells)


class TrafficError(lab.LabError, ValueError):
    """A traffic file is wrong; the sentence names the line and what it may be."""


def read_traffic(source: str, column: str = "") -> NDArray[np.float64]:
    """Arrival rates of recorded traffic, one value for each second: an array of requests a second.

    source: a table with or without a heading, its cells apart by commas, semicolons or tabs, in
    quotes or not: times (seconds, epoch seconds or milliseconds, ISO 8601; rising), and requests a
    second from then on. column: the heading of the latter, where there are more than two. Or what
    Prometheus answers to a range query of one series. The last rate lasts as long as the one before
    it. Raises TrafficError with the line that is wrong.
    """
    text = source.lstrip("\ufeff").lstrip()
    if text[:1] in ("{", "["):
        rows, unit = _answer(text)
    else:
        rows, unit = _table(text, source, column)
    if len(rows) < 2:
        raise TrafficError("The traffic file needs two or more rows: seconds, requests a second.")
    seconds, rates = np.array([_point(*row) for row in rows]).T
    return _every_second(_in_seconds(seconds, unit), rates, [where for where, _ in rows])


def _every_second(
    seconds: NDArray[np.float64], rates: NDArray[np.float64], places: list[str]
) -> NDArray[np.float64]:
    """The rates, each held from its moment until the next one."""
    back = np.flatnonzero(seconds[1:] <= seconds[:-1])
    if back.size:
        raise TrafficError(f"{places[back[0] + 1]}: the seconds must rise from row to row.")
    *_, before_s, last_s = seconds.tolist()
    length_s = last_s - float(seconds[0]) + last_s - before_s
    if length_s > LONGEST_S:
        raise TrafficError(f"The traffic lasts {length_s:,.0f} s; at most {LONGEST_S:,} s fit.")
    passed_s = np.round(seconds - seconds[0], DECIMALS)
    ticks = np.arange(max(1, math.ceil(round(length_s, DECIMALS))))
    return rates[np.searchsorted(passed_s, ticks, side="right") - 1]


def _in_seconds(times: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """Times in seconds: unit of them are one; 0 where their size says it, as that of an epoch."""
    by_size = next((parts for least, parts in EPOCH_UNITS if times[0] >= least), 1.0)
    return times / (unit or by_size)


def _table(text: str, source: str, column: str) -> tuple[list[Row], float]:
    """(the rows of a table, each a time and a rate; how many of its times are a second, or 0)."""
    skipped = source.count("\n", 0, len(source) - len(text))
    if text[:4].lower() == "sep=":  # as Excel writes it
        skipped += 1
        text = text.partition("\n")[2]
    first = text.partition("\n")[0]
    between = next((mark for mark in "\t;" if mark in first), ",")
    reader = csv.reader(text.splitlines(), delimiter=between, skipinitialspace=True)
    try:
        rows = [(f"Traffic, line {reader.line_num + skipped}", row) for row in reader]
    except csv.Error as error:
        raise TrafficError(f"Traffic, line {reader.line_num + skipped}: {error}.") from None
    rows = [(where, row) for where, row in rows if any(cell.strip() for cell in row)]
    if between != ",":  # 12,5 is a number where semicolons or tabs stand between them
        rows = [(where, [DECIMAL_COMMA.sub(".", cell) for cell in row]) for where, row in rows]
    heading = rows.pop(0)[1] if rows and not any(map(_reads, rows[0][1])) else []
    rows = _of_column(rows, heading, column)
    in_ms = bool(heading) and re.search(r"(?i)\bms\b|_ms\b|milli", heading[0])
    return rows, 1e3 if in_ms else 0.0


def _of_column(rows: list[Row], heading: list[str], column: str) -> list[Row]:
    """The rows with the first of their cells and that of the column."""
    names = [name.strip() for name in heading]
    if column and column not in names:
        there = ", ".join(names) or "no heading"
        raise TrafficError(f"The traffic has no column {_quoted(column)}; it has: {there[:200]}.")
    if not column and len(names) > 2:
        there = ", ".join(names)[:200]
        raise TrafficError(f"The traffic has {len(names)} columns: {there}; say which: --column.")
    if not column:
        return rows
    place = names.index(column)
    return [(where, [row[0], *row[place : place + 1]]) for where, row in rows]


def _answer(text: str) -> tuple[list[Row], float]:
    """The same of the JSON that Prometheus' /api/v1/query_range answers."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise TrafficError("The traffic file begins like JSON and is none.") from None
    data = answer.get("data") if isinstance(answer, dict) else None
    series = data.get("result") if isinstance(data, dict) else None
    if not isinstance(series, list) or not isinstance(data, dict):
        why = _quoted(str(answer.get("error", ""))) if isinstance(answer, dict) else "a list"
        raise TrafficError(f"The traffic file is JSON, but no answer of Prometheus: {why}.")
    if data.get("resultType") != "matrix":
        raise TrafficError("This answer of Prometheus is no range; ask /api/v1/query_range.")
    if len(series) != 1:
        problem = f"This answer of Prometheus holds {len(series)} series"
        raise TrafficError(f"{problem}; the traffic is one: sum(rate(...[1m])).")
    values = series[0].get("values") if isinstance(series[0], dict) else None
    if not isinstance(values, list) or not all(isinstance(value, list) for value in values):
        raise TrafficError("This answer of Prometheus has no values.")
    points = enumerate(values, 1)
    return [(f"Traffic, value {n}", [str(part) for part in value]) for n, value in points], 1.0


def _reads(text: str) -> bool:
    """Whether a cell is a number or a time."""
    try:
        return math.isfinite(_number(text))
    except ValueError:
        try:
            return math.isfinite(_moment(text))
        except ValueError:
            return False


def _number(text: str) -> float:
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text!r} is no number")
    return float(text)


def _moment(text: str) -> float:
    """A time as seconds: a number, or ISO 8601; without a zone it is taken for UTC."""
    try:
        return _number(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _point(where: str, row: list[str]) -> tuple[float, float]:
    """(second, requests a second from then on) of a row."""
    try:
        moment, number = row
        second = _moment(moment)
        rate_per_s = _number(number)
    except (ValueError, OverflowError):
        second = math.nan
        rate_per_s = math.nan
    if not math.isfinite(second + rate_per_s):
        raise TrafficError(f"{where}: expected {EXPECTED}, got {_quoted(','.join(row))}.")
    if not 0 <= rate_per_s <= MOST_PER_S:
        expected = f"a rate from 0 to {MOST_PER_S:g}"
        raise TrafficError(f"{where}: expected {expected}, got {rate_per_s:g}.")
    return second, rate_per_s


def _quoted(text: str) -> str:
    """A foreign file's own words as they may stand in a sentence: short, and printable."""
    quoted = '"' + "".join(c if c.isprintable() else "?" for c in text) + '"'
    return quoted if len(quoted) <= MOST_QUOTED else quoted[: MOST_QUOTED - 3] + "..."
