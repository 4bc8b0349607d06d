"""Doubt: what moves the bill, however one asks."""

import dataclasses

import numpy as np
import pytest
from planning import examples

from scaletoolkit.planning import bill, doubt, ranges

each_example = pytest.mark.parametrize("path", examples.FILES, ids=lambda path: path.stem)


@each_example
def test_one_at_a_time_and_all_at_once_blame_the_same_inputs(path):
    inputs = examples.read(path).inputs
    spread = doubt.draw_bills(inputs)
    shares = doubt.shares(spread)
    swings = list(doubt.tornado(inputs))
    assert 0.85 < sum(shares.values()) < 1.05
    assert set(list(shares)[:3]) <= set(swings[:6])
    assert doubt.weakest(inputs, spread) == next(iter(shares))


@each_example
def test_the_ends_of_the_tornado_are_bills(path):
    inputs = examples.read(path).inputs
    middle = ranges.middles(inputs)
    swings = doubt.tornado(inputs)
    sizes = [abs(high - low) for low, high in swings.values()]
    assert sizes == sorted(sizes, reverse=True)
    low, _ = swings["users"]
    assert low == bill.total(middle | {"users": inputs["users"].low})


def test_a_product_without_doubt_has_no_weakest_assumption():
    inputs = examples.read(examples.FILES[0]).inputs
    sure = {
        n: ranges.Range(r.middle, r.middle, r.middle, r.unit, "assumed") for n, r in inputs.items()
    }
    spread = doubt.draw_bills(sure, 100)
    assert np.ptp(spread.totals) == 0
    assert doubt.weakest(sure, spread) == ""
    assert spread.within(spread.at(50)) == 1


def test_an_input_that_does_not_move_the_bill_is_not_blamed():
    drawn = {"a": np.arange(9.0), "b": np.arange(9.0)[::-1]}
    assert doubt.shares(doubt.Spread(np.full(9, 5.0), drawn)) == {"a": 0, "b": 0}
    assert doubt.shares(doubt.Spread(np.arange(9.0), drawn)) == pytest.approx({"a": 1, "b": 1})


def test_a_measured_input_is_no_assumption():
    inputs = dict(examples.read(examples.FILES[0]).inputs)
    first = doubt.weakest(inputs, doubt.draw_bills(inputs))
    inputs[first] = dataclasses.replace(inputs[first], provenance="measured")
    assert doubt.weakest(inputs, doubt.draw_bills(inputs)) not in ("", first)
