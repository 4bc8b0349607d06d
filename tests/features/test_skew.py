"""What the monitor of training and serving finds, and what it leaves alone."""

import numpy as np
import pytest

from scaletoolkit import features


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(2000, 3))


def test_the_same_rows_differ_nowhere_and_a_missing_value_is_the_same_as_another(rows):
    rows[5, 1] = np.nan
    assert features.skew(rows, rows.copy()).tolist() == [0, 0, 0]
    assert features.drift(rows, rows).tolist() == [0, 0, 0]


def test_a_feature_that_is_served_wrongly_is_found_and_no_other(rows):
    served = rows.copy()
    served[:200, 2] += 0.5
    served[:, 0] += 0.001
    assert features.skew(rows, served, tolerance=0.01).tolist() == [0, 0, 0.1]


def test_swapped_entities_are_skew_and_no_drift(rows):
    served = rows[::-1]
    assert features.skew(rows, served).min() > 0.99
    assert features.drift(rows, served).max() < 1e-9


@pytest.mark.parametrize(("shift", "drifts"), [(0.0, False), (1.0, True)])
def test_drift_needs_no_pairs(rows, shift, drifts):
    later = np.random.default_rng(1).normal(size=(3000, 3))
    later[:, 1] += shift
    index = features.drift(rows, later)
    assert index[[0, 2]].max() < 0.1
    assert (index[1] > 0.25) == drifts


@pytest.mark.parametrize("now", [-5.0, 1e-9, 5.0])
def test_a_feature_that_was_always_0_drifts_up_and_down(now):
    always = np.zeros((1000, 1))
    assert features.drift(always, always).tolist() == [0]
    assert features.drift(always, np.full((1000, 1), now))[0] > 0.25


def test_a_feature_that_was_mostly_0_drifts_when_it_no_longer_is():
    dice = np.random.default_rng(0)
    before = np.where(dice.random((2000, 1)) < 0.95, 0, dice.random((2000, 1)))
    later = np.where(dice.random((2000, 1)) < 0.5, 0, dice.random((2000, 1)))
    assert features.drift(before[::2], before[1::2])[0] < 0.1
    assert features.drift(before, later)[0] > 0.25


def test_a_value_that_fills_a_tenth_has_a_bin_of_its_own():
    """Twelve below 0, fifteen at it, the rest above: one tenth of the values only lies on 0."""
    before = np.array([*range(-13, -1), *[0] * 15, *range(1, 74)], float)[:, None]
    later = np.where(before == 0, 0.5, before)
    assert features.drift(before, before).tolist() == [0]
    assert features.drift(before, later)[0] > 0.25


def test_values_that_went_missing_are_drift(rows):
    served = rows.copy()
    served[:400, 1] = np.nan
    assert features.drift(rows, served)[1] > 0.25


def test_other_rows_are_a_sentence(rows):
    with pytest.raises(ValueError, match="the same rows and features"):
        features.skew(rows, rows[1:])


@pytest.mark.parametrize("served", [np.zeros((0, 3)), np.zeros((5, 2)), np.zeros(5)])
def test_samples_that_cannot_be_compared_are_a_sentence(rows, served):
    with pytest.raises(ValueError, match="rows of the same features"):
        features.drift(rows, served)
