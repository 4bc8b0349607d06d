"""A long job with failures: the law is the simulation where failures are far apart."""

import math

import numpy as np
import pytest

from scaletoolkit.training import interruptions


def lost(interval_s, save_s, restart_s, mtbf_s):
    work_s = 400 * mtbf_s
    runs = [
        interruptions.simulate(work_s, interval_s, save_s, restart_s, mtbf_s, seed)
        for seed in range(20)
    ]
    return np.mean(runs) / work_s - 1


@pytest.mark.parametrize("save_s", [20, 200])
def test_the_best_interval_of_the_law_costs_what_the_simulation_costs(save_s):
    mtbf_s = 200_000
    best_s = interruptions.best_interval(save_s, mtbf_s)
    by_law = interruptions.lost_time(best_s, save_s, 300, mtbf_s)
    grid = [lost(best_s * factor, save_s, 300, mtbf_s) for factor in (0.5, 0.7, 1, 1.4, 2)]
    assert min(grid) == pytest.approx(by_law, rel=0.05)
    assert grid[2] < 1.05 * min(grid)


def test_what_is_lost_is_what_probability_theory_says_also_where_failures_are_frequent():
    interval_s = 900
    save_s = 60
    restart_s = 120
    mtbf_s = 3600
    tries = math.expm1((interval_s + save_s) / mtbf_s)
    exact = (mtbf_s + restart_s) * tries / interval_s - 1
    assert lost(interval_s, save_s, restart_s, mtbf_s) == pytest.approx(exact, rel=0.02)


def test_what_would_never_end_is_a_sentence():
    with pytest.raises(ValueError, match="interval_s must be more than 0, got 0"):
        interruptions.simulate(1000, 0, 10, 60, 1e12, seed=0)
    with pytest.raises(ValueError, match="mtbf_s must be more than 0, got 0"):
        interruptions.simulate(1000, 300, 10, 60, 0, seed=0)


def test_an_interval_that_hardly_ever_fits_between_failures_is_a_sentence():
    words = "1,000 s of computing and saving hardly ever fit between failures 60 s apart"
    with pytest.raises(ValueError, match=words):
        interruptions.simulate(10**6, 900, 100, 60, 60, seed=0)
    with pytest.raises(ValueError, match="hardly ever fit"):
        interruptions.simulate(900, 10**6, 100, 60, 60, seed=0)


def test_without_failures_only_saves_cost():
    assert interruptions.simulate(1000, 300, 10, 60, 1e12, seed=0) == 1000 + 4 * 10
