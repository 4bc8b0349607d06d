"""What teams used, and what it costs, from the files that people have: rows for `billing`. Lab 11.

A plain number is in the unit of the price; one with a unit is Kubernetes' ("500m", "4Gi"), and of
memory and storage it counts in GiB. A plain number of these that can only be bytes is refused.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from scaletoolkit.kubernetes import quantity
from scaletoolkit.kubernetes.document import ManifestError, short
from scaletoolkit.kubernetes.fields import Fields, Sentences
from scaletoolkit.teams import platforms, reading
from scaletoolkit.teams.billing import split_price

NEEDED = ("team", "resource", "requested", "used", "hours")
COLUMNS = (*NEEDED, "cluster")
WHOLE = "machines_per_hour"
PRICES = ("prices_per_hour", "machines", WHOLE, "clusters", "hours", "overhead", "currency")
SEPARATORS = ",;\t|"
MOST_ROWS = 1_000_000
PLAIN = re.compile(r"(\d{1,15}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?", re.ASCII)
RAM = r"(?<![a-z])([dsv]|nv)?ram(?=gi?b|bytes|[^a-z]|$)"  # and not the one in frames
IN_BYTES = re.compile(f"memory|{RAM}|storage|disk", re.IGNORECASE)
END = "end"
MOST_PLAIN = 2**20  # of GiB: a pebibyte; of bytes: the least that a platform's file may have
WITH_UNIT = "counts GiB and is too large for that; write a unit, such as 384Gi"

Row = dict[str, Any]


def read_usage(text: str) -> list[Row]:
    """The rows of a table: team, resource, requested, used, hours, and cluster where it is there.

    Separated by commas, semicolons, tabs or bars; more columns are passed over. ManifestError names
    the row, counted from the first below the headings.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and re.fullmatch("sep=.", lines[0].strip(), re.IGNORECASE):
        lines = lines[1:]  # a spreadsheet's note to itself
    if len(lines) < 2:
        raise ManifestError("The usage needs a line of headings, and rows below it.")
    if len(lines) > MOST_ROWS:
        raise ManifestError(f"The usage has more than {MOST_ROWS:,} rows.")
    separator = max(SEPARATORS, key=lines[0].count)
    table = _table([*lines, END], separator)
    places = _places(table[0])
    whole = table[-1] == [END]  # a quote that never closes swallows it
    there = table[1:-1] if whole else table[1:]
    rows = [_row(cells, places, f"row {number}") for number, cells in enumerate(there, 1)]
    if not whole:
        raise ManifestError("The usage is no table: unexpected end of data.")
    return rows


def _table(lines: Sequence[str], separator: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise ManifestError(f"The usage is no table: {error}.") from None


def _places(headings: Sequence[str]) -> dict[str, int]:
    """Where the columns stand: {name: place}."""
    names = [heading.strip().lower() for heading in headings]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        there = ", ".join(names)[:200]
        raise ManifestError(f"The usage has no column {', '.join(missing)}; it has: {there}.")
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise ManifestError(f"The usage has two columns {twice[0]}.")
    return {name: names.index(name) for name in COLUMNS if name in names}


def _row(cells: Sequence[str], places: Mapping[str, int], where: str) -> Row:
    if len(cells) <= max(places.values()):
        raise ManifestError(f"The usage, {where}: has {len(cells)} cells, fewer than the headings.")
    row: Row = {name: cells[place].strip() for name, place in places.items()}
    for name in ("team", "resource"):
        if not row[name]:
            raise ManifestError(f"The usage, {where}: {name} is empty.")
    for name in ("requested", "used", "hours"):
        amount = _amount(row[name], "" if name == "hours" else row["resource"])
        if amount is None:
            told = f"The usage, {where}: {name}: {short(row[name])}"
            raise ManifestError(f"{told} must be a number from 0, or a quantity such as 500m.")
        if name != "hours" and _is_bytes(row[name], row["resource"]):
            raise ManifestError(f"The usage, {where}: {name}: {short(row[name])} {WITH_UNIT}.")
        row[name] = amount
    return row


def _is_bytes(value: object, resource: str) -> bool:
    """Whether a plain number is more GiB than anybody has, so that bytes must be meant."""
    is_plain = PLAIN.fullmatch(str(value)) and IN_BYTES.search(resource)
    return bool(is_plain) and Fraction(str(value)) >= MOST_PLAIN


def _amount(value: object, resource: str) -> Fraction | None:
    """An amount in the unit of its price; None for what is none, or negative."""
    text = str(value)
    if PLAIN.fullmatch(text):
        return Fraction(text)
    try:
        amount = quantity.exact(text)
    except ValueError:
        return None
    if amount < 0:
        return None
    return amount / platforms.GIB if IN_BYTES.search(resource) else amount


def read_prices(source: object, hours: str, wrong: Sentences) -> Row:
    """What `billing.bill` takes as prices, and "currency"; what is wrong is noted.

    A platform's file has all of it but hours. hours: how long the machines ran, "" where the file
    says it. Where machines_per_hour says what all machines cost, prices_per_hour are base prices.
    """
    known = (*PRICES, *platforms.KNOWN)
    fields = reading.opened(source, "prices", known, wrong) or Fields({}, "prices", known)
    result: Row = {"prices_per_hour": _prices(fields, wrong), "currency": ""}
    with wrong:
        result["currency"] = fields.text("currency")
    with wrong:
        result["overhead"] = reading.money(fields, "overhead") if "overhead" in fields else 0
    with wrong:
        result["hours"] = _hours(fields, hours)
    with wrong:
        if ("machines" in fields) == ("clusters" in fields):
            fields.required("machines", "either this or clusters must say what there is")
    if "machines" in fields:
        result["machines"] = _machines(fields, "machines", wrong)
    elif "clusters" in fields:
        clusters = _any(fields, "clusters", wrong)
        names = fields.values["clusters"] if clusters else ()  # also one that holds nothing
        result["clusters"] = {name: _machines(clusters, name, wrong) for name in names if clusters}
    if WHOLE in fields and not wrong:
        result["prices_per_hour"] = _split(fields, result, wrong)
    return result


def _split(fields: Fields, prices: Row, wrong: Sentences) -> Row:
    """Prices of machines that have only a price as a whole: the file's prices compare resources."""
    with wrong:
        if "machines" not in fields:
            fields.invalid(WHOLE, "is the price of machines, and cannot be split over clusters")
        whole = reading.money(fields, WHOLE)
        try:
            return dict(split_price(whole, prices["machines"], prices["prices_per_hour"]))
        except ValueError as error:
            fields.invalid(WHOLE, f"cannot be split: {error}")
    return {}


def _any(fields: Fields, name: str, wrong: Sentences) -> Fields | None:
    """A mapping that may have any names, and has one."""
    value = fields.values.get(name)
    with wrong:
        if not value:
            fields.required(name, "must be set")
    known = [str(key) for key in value] if isinstance(value, dict) else []
    return reading.opened(value, fields.at(name), known, wrong) if value else None


def _prices(fields: Fields, wrong: Sentences) -> dict[str, Fraction]:
    prices = _any(fields, "prices_per_hour", wrong)
    result = {}
    for name in prices.values if prices else ():
        with wrong:
            if prices:
                result[name] = reading.money(prices, name)
    return result


def _machines(fields: Fields, name: str, wrong: Sentences) -> dict[str, Fraction]:
    there = _any(fields, name, wrong)
    result = {}
    for resource, value in there.values.items() if there else ():
        amount = _amount(value, resource)
        with wrong:
            if there and amount is None:
                there.invalid(resource, "must be a quantity such as 10, 500m or 1Gi")
            if there and _is_bytes(value, resource):
                there.invalid(resource, WITH_UNIT)
        result[resource] = amount or Fraction(0)
    return result


def _hours(fields: Fields, hours: str) -> Fraction:
    text = hours or fields.values.get("hours")
    if text is None:
        fields.required("hours", "how long the machines ran; or use --hours")
    amount = Fraction(str(text)) if PLAIN.fullmatch(str(text)) else Fraction(0)
    if not amount:
        raise ManifestError(f"{fields.at('hours')}: {short(text)} must be a number above 0.")
    return amount
