"""Quoted prices: what a core, a GPU, a gigabyte costs, and who said so when. Lab 12."""

import json
from functools import cache
from pathlib import Path
from typing import TypedDict

from scaletoolkit.planning.ranges import Range

FILE = Path(__file__).with_name("prices.json")


class Price(TypedDict):
    """A price as it was quoted: three numbers, unit, region, date, source, and what was priced."""

    low: float
    middle: float
    high: float
    unit: str
    region: str
    date: str
    source: str
    what: str


@cache
def quotes() -> dict[str, Price]:
    """Every price by name: core, memory, gpu, storage, egress; in US dollars."""
    prices: dict[str, Price] = json.loads(FILE.read_text(encoding="utf-8"))
    return prices


def price(name: str) -> Range:
    """The range of one price, quoted; KeyError for a name that is not there."""
    quote = quotes()[name]
    return Range(quote["low"], quote["middle"], quote["high"], quote["unit"], "quoted")
