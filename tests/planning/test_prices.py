"""Prices: none without a date, a region, a source, a low and a high."""

import re

import pytest

from scaletoolkit.planning import bill, prices
from scaletoolkit.planning.product import PRICED


@pytest.mark.parametrize("name", prices.quotes())
def test_no_price_lacks_its_date_region_source_or_ends(name):
    quote = prices.quotes()[name]
    assert set(quote) == set(prices.Price.__annotations__)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", quote["date"])
    assert min(len(quote[word]) for word in ("region", "source", "what")) > 5
    assert 0 < quote["low"] < quote["middle"] < quote["high"]
    assert quote["unit"].startswith("$/")
    assert prices.price(name).provenance == "quoted"


def test_every_price_of_the_model_has_a_quote_in_its_unit():
    for name, quoted in PRICED.items():
        assert prices.quotes()[quoted]["unit"] == bill.UNITS[name]
