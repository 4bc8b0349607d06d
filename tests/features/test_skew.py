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


def test_values_that_went_missing_are_drift(rows):
    served = rows.copy()
    served[:400, 1] = np.nan
    assert features.drift(rows, served)[1] > 0.25


def test_other_rows_are_a_sentence(rows):
    with pytest.raises(ValueError, match="the same rows and features"):
        features.skew(rows, rows[1:])
