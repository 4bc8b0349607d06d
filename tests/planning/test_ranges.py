"""Ranges: the only way to enter a number."""

import math

import numpy as np
import pytest

from scaletoolkit.planning import ranges
from scaletoolkit.planning.ranges import Range, around


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((0, 1, 2), "a range has numbers from 1e-12 to 1e[+]15, got 0"),
        ((1, math.nan, 2), "got nan"),
        ((1, 2, math.inf), "got inf"),
        ((2, 1, 3), "low, middle and high must rise, got 2, 1, 3"),
    ],
)
def test_what_is_no_range_is_a_sentence(numbers, sentence):
    with pytest.raises(ValueError, match=sentence):
        Range(*numbers, "B", "assumed")


def test_a_range_says_where_it_is_from_in_a_word_of_the_course():
    with pytest.raises(ValueError, match=r"must be one of measured, .* got 'guessed'"):
        Range(1, 2, 3, "B", "guessed")


def test_a_share_stays_a_share():
    assert around(0.95, "", "measured").high < 1
    assert around(0.95, "s", "measured").high > 1


def test_draws_stay_between_the_ends_and_rise_and_fall_by_factors():
    inputs = {"price": Range(1, 10, 100, "$", "quoted"), "days": Range(7, 7, 7, "", "assumed")}
    drawn = ranges.draws(inputs, 20_000, seed=1)
    assert 1 <= drawn["price"].min() < 2
    assert 50 < drawn["price"].max() <= 100
    assert np.median(drawn["price"]) == pytest.approx(10, rel=0.05)
    assert set(drawn["days"]) == {7.0}
    assert (ranges.draws(inputs, 20_000, seed=1)["price"] == drawn["price"]).all()


def test_what_has_become_certain_leaves_the_draws_of_the_others():
    doubted = {name: Range(1, 2, 3, "", "assumed") for name in "abc"}
    certain = doubted | {"b": Range(2, 2, 2, "", "measured")}
    before = ranges.draws(doubted, 50, seed=1)
    after = ranges.draws(certain, 50, seed=1)
    assert (after["b"] == 2).all()
    assert all((before[name] == after[name]).all() for name in "ac")
