"""The laws against reference values, and against each other."""

import math

import numpy as np
import pytest
from conformance import cases
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit import laws


@pytest.mark.parametrize("case", cases("queueing.json", "mmc"))
def test_mmc_agrees_with_reference(case):
    queue = laws.mmc(case["lam"], case["mu"], case["c"])
    assert queue.utilization == pytest.approx(case["rho"])
    assert queue.probability_of_wait == pytest.approx(case["p_wait"], abs=1e-5)
    assert queue.waiting_time == pytest.approx(case["wq"], abs=1e-5)
    assert queue.time_in_system == pytest.approx(case["w"], abs=1e-5)
    assert queue.queue_length == pytest.approx(case["lq"], abs=1e-4)
    assert queue.number_in_system == pytest.approx(case["l"], abs=1e-4)


@pytest.mark.parametrize("case", cases("queueing.json", "md1"))
def test_md1_agrees_with_reference(case):
    queue = laws.md1(case["lam"], case["mu"])
    assert queue.utilization == pytest.approx(case["rho"])
    assert queue.waiting_time == pytest.approx(case["wq"])
    assert queue.time_in_system == pytest.approx(case["w"])


@pytest.mark.parametrize("case", cases("queueing.json", "che_lru"))
def test_che_agrees_with_reference(case):
    p = laws.zipf(case["n"], case["alpha"])
    hit_ratio, time = laws.che_lru(p, case["cache"])
    assert hit_ratio == pytest.approx(case["hit_ratio"], abs=1e-5)
    assert time == pytest.approx(case["characteristic_time_requests"], abs=0.01)
    best = laws.best_static_hit_ratio(p, case["cache"])
    assert best == pytest.approx(case["best_static_hit_ratio"], abs=1e-5)


@pytest.mark.parametrize("case", cases("queueing.json", "usl"))
def test_usl_agrees_with_reference(case):
    for workers, capacity in case["c"].items():
        by_law = laws.usl(int(workers), case["sigma"], case["kappa"])
        assert float(by_law) == pytest.approx(capacity, abs=1e-4)
    peak = case["n_max"] if case["n_max"] is not None else math.inf
    assert laws.usl_peak(case["sigma"], case["kappa"]) == pytest.approx(peak, abs=1e-3)


@pytest.mark.parametrize("case", cases("queueing.json", "xfetch"))
def test_early_refresh_agrees_with_reference(case):
    probability = laws.early_refresh_probability(case["ttl_left"], case["delta"], case["beta"])
    assert probability == pytest.approx(case["p_early"])


@given(st.floats(0, 1), st.integers(1, 10_000))
def test_amdahl_lies_between_one_and_its_limits(serial, workers):
    speedup = float(laws.amdahl(workers, serial))
    assert 1 - 1e-9 <= speedup <= workers * (1 + 1e-9)
    assert speedup * serial <= 1 + 1e-9
    assert speedup <= float(laws.gustafson(workers, serial)) * (1 + 1e-9)


@given(st.floats(0.01, 0.99), st.integers(2, 64))
def test_usl_without_coherency_is_amdahl(serial, workers):
    assert float(laws.usl(workers, serial, 0)) == pytest.approx(float(laws.amdahl(workers, serial)))


@given(st.floats(0.02, 0.5), st.floats(0.001, 0.05), st.floats(0.1, 1e6))
def test_usl_fit_finds_what_made_the_numbers(contention, coherency, rate_of_one):
    workers = [1, 2, 4, 8, 16, 32]
    fit = laws.fit_usl(workers, rate_of_one * laws.usl(workers, contention, coherency))
    assert fit.contention == pytest.approx(contention, rel=0.02, abs=1e-3)
    assert fit.coherency == pytest.approx(coherency, rel=0.02, abs=1e-4)
    assert fit.rate(8) == pytest.approx(rate_of_one * laws.usl(8, contention, coherency), rel=1e-3)


def test_usl_errors_cover_the_truth_under_noise():
    rng = np.random.default_rng(1)
    workers = np.array([1, 2, 3, 4, 6, 8, 12, 16])
    covered = 0
    for _ in range(40):
        noisy = laws.usl(workers, 0.1, 0.01) * rng.normal(1, 0.02, len(workers))
        fit = laws.fit_usl(workers, noisy)
        covered += abs(fit.coherency - 0.01) < 2.5 * fit.coherency_error
    assert covered >= 34


def test_amdahl_fit_finds_the_serial_part():
    workers = [1, 2, 3, 4, 8]
    serial, error = laws.fit_amdahl(workers, 12 / laws.amdahl(workers, 0.2))
    assert serial == pytest.approx(0.2, abs=1e-6)
    assert error < 1e-6


@pytest.mark.parametrize("unit", [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6])
@pytest.mark.parametrize("true_serial", [0.02, 0.5])
def test_an_amdahl_fit_is_the_same_in_any_unit(unit, true_serial):
    workers = [1, 2, 3, 4, 8]
    seconds = unit * 12 / laws.amdahl(workers, true_serial)
    serial, error = laws.fit_amdahl(workers, seconds)
    assert serial == pytest.approx(true_serial, abs=1e-6)
    assert error < 1e-6


@pytest.mark.parametrize("odd", [0.0, -1.0, float("nan")])
def test_an_amdahl_fit_needs_times_above_0(odd):
    with pytest.raises(ValueError, match=f"seconds must be positive, got {odd:g}"):
        laws.fit_amdahl([1, 2, 4], [3, 2, odd])


def two_cores(serial, workers):
    """Seconds of a job of known serial part on two cores: a third worker has none."""
    return [serial + (1 - serial) / min(n, 2) for n in workers]


@given(st.floats(0.01, 0.9))
def test_a_fit_that_counts_cores_finds_the_serial_part_of_a_job_on_two(serial):
    workers = [1, 2, 3, 4, 8]
    found, _ = laws.fit_amdahl(workers, two_cores(serial, workers), cores=2)
    assert found == pytest.approx(serial, abs=1e-3)


def test_a_fit_that_counts_workers_takes_missing_cores_for_a_serial_part():
    workers = [1, 2, 3, 4, 8]
    found, error = laws.fit_amdahl(workers, two_cores(0.19, workers))
    assert found == pytest.approx(0.486, abs=0.001)
    assert found - 3 * error > 0.19  # its own error does not cover the truth


def test_one_core_cannot_tell_a_serial_part():
    with pytest.raises(ValueError, match="two different counts of workers that have a core"):
        laws.fit_amdahl([1, 2, 4], [1, 1, 1], cores=1)


def test_by_gustafson_the_same_speedup_allows_a_larger_serial_part():
    allowed = (32 - 28.8) / 31
    assert float(laws.gustafson(32, allowed)) == pytest.approx(28.8)
    assert float(laws.amdahl(32, 1 / 279)) == pytest.approx(28.8)
    assert 20 < allowed * 279 < 40


def test_mm1_is_mmc_with_one_server():
    queue = laws.mmc(0.5, 1, 1)
    assert queue.time_in_system == pytest.approx(1 / (1 - 0.5))
    assert queue.number_in_system == pytest.approx(laws.little(0.5, queue.time_in_system))


def test_overload_is_a_sentence():
    with pytest.raises(ValueError, match=r"utilization is 1\.2"):
        laws.mmc(12, 1, 10)


def test_bubble_shrinks_with_microbatches():
    assert [laws.pipeline_bubble(2, m) for m in (1, 2, 4)] == pytest.approx([0.5, 1 / 3, 0.2])
