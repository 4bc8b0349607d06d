"""One byte a feature: the error that it may have, and what it must not lose."""

import numpy as np
import pytest

from scaletoolkit import features


@pytest.fixture
def rows():
    dice = np.random.default_rng(0)
    return (dice.normal(size=(500, 3)) * [1, 1000, 1e-3] - [0, 5000, 0]).astype(np.float32)


def test_a_value_comes_back_within_half_a_step(rows):
    low, step = features.scales(rows)
    back = features.unpack(features.pack(rows, low, step), low, step)
    assert (
        np.abs(back - rows).max(axis=0) <= 0.5001 * step + 1e-6 * np.abs(rows).max(axis=0)
    ).all()


def test_the_ends_and_what_is_missing_stay(rows):
    rows[3, 1] = np.nan
    low, step = features.scales(rows)
    codes = features.pack(rows, low, step)
    assert codes[3, 1] == 255
    assert np.isnan(features.unpack(codes, low, step)[3, 1])
    assert (np.delete(codes, 3, axis=0).max(axis=0) == 254).all()


def test_beyond_the_scale_is_its_end_and_a_constant_stays():
    low, step = features.scales([[1, 7], [3, 7]])
    codes = features.pack([[-5, 7], [99, 7]], low, step)
    assert features.unpack(codes, low, step).tolist() == [[1, 7], [3, 7]]


@pytest.mark.parametrize("end", [3e38, np.finfo(np.float32).max])
def test_a_scale_may_be_wider_than_the_largest_float32(end):
    rows = np.array([[-end], [1e38], [end]], np.float32)
    low, step = features.scales(rows)
    back = features.unpack(features.pack(rows, low, step), low, step)
    assert (np.abs(back.astype(float) - rows) <= 0.5001 * step).all()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([[1, np.inf]], "feature 1 is infinite"),
        ([[1, np.nan]], "at least one value of each"),
        (np.empty((0, 2)), "at least one value of each"),
    ],
)
def test_what_has_no_scale_is_a_sentence(rows, sentence):
    with pytest.raises(ValueError, match=sentence):
        features.scales(rows)
