"""Sampling against its formulas, and the same sample however the data is cut."""

import functools
import itertools
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit.data import events, sampling
from scaletoolkit.machine import disk

STRATA = np.repeat([0, 1, 2], [6000, 3000, 1000])
SDS = np.array([1.0, 5.0, 30.0])
VALUES = np.random.default_rng(5).normal(np.array([10.0, 20.0, 90.0])[STRATA], SDS[STRATA])


def rmse(estimates, truth):
    return float(np.sqrt(np.mean((np.asarray(estimates) - truth) ** 2)))


def test_error_of_the_mean_follows_the_formula():
    rng, truth = np.random.default_rng(1), VALUES.mean()
    for n in (50, 200, 800, 5000):
        rows = np.array([sampling.uniform(len(VALUES), n, rng) for _ in range(400)])
        measured = rmse(VALUES[rows].mean(axis=1), truth)
        # 400 repeats know an RMSE to 3.5 %; 15 % is four standard errors.
        assert measured == pytest.approx(sampling.standard_error(VALUES.std(), n, 10_000), rel=0.15)


def test_sample_size_reaches_the_error_it_was_asked_for():
    n = sampling.sample_size(2.1, 0.01, rows=1_000_000)
    assert sampling.standard_error(2.1, n, 1_000_000) <= 0.01
    assert sampling.standard_error(2.1, n - 1, 1_000_000) > 0.01 * (1 - 1e-9)
    assert sampling.sample_size(2.1, 0.01, z=2) == pytest.approx(4 * 2.1**2 / 0.01**2, abs=1)
    with pytest.raises(ValueError, match="must be positive, got 0"):
        sampling.sample_size(2.1, 0)


def test_error_of_whole_row_groups_is_that_of_all_pairs():
    means = np.random.default_rng(2).normal(100, 9, 30)
    pairs = [np.mean(pair) for pair in itertools.combinations(means, 2)]
    assert rmse(pairs, means.mean()) == pytest.approx(sampling.row_group_error(means, 2))


@settings(deadline=None)
@given(st.floats(0.1, 100), st.integers(2, 5000), st.integers(5001, 10**9))
def test_effective_n_undoes_the_standard_error(sd, n, rows):
    error = sampling.standard_error(sd, n, rows)
    assert sampling.effective_n(sd, error, rows) == pytest.approx(n)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 1000))
def test_uniform_draws_different_rows(n, seed):
    rows = sampling.uniform(300, n, seed)
    assert len(set(rows.tolist())) == n
    assert all(0 <= row < 300 for row in rows)
    assert (rows == sampling.uniform(300, n, seed)).all()


def test_uniform_gives_every_row_the_same_chance():
    rng = np.random.default_rng(3)
    counts = sum(np.bincount(sampling.uniform(20, 5, rng), minlength=20) for _ in range(4000))
    # Binomial with mean 1000 and standard deviation 27: five of them.
    assert np.abs(counts - 1000).max() < 137


def test_uniform_refuses_more_rows_than_there_are():
    with pytest.raises(ValueError, match="a sample of 11 rows cannot be drawn from 10"):
        sampling.uniform(10, 11, 0)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 99), min_size=1, max_size=50),
    st.lists(st.integers(0, 100), max_size=8),
)
def test_take_is_indexing_however_the_stream_is_cut(places, cuts):
    values = np.arange(100) * 7
    found = sampling.take(np.split(values, sorted(cuts)), np.array(places))
    assert (found == values[places]).all()


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), max_size=50), st.lists(st.integers(0, 50), max_size=5))
def test_a_tally_counts_every_row_however_the_stream_is_cut(numbers, cuts):
    values, counts = sampling.tally(np.split(np.array(numbers, np.int32), sorted(cuts)))
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == Counter(numbers)
    assert values.tolist() == sorted(set(numbers))


def test_take_names_a_row_that_is_not_there():
    with pytest.raises(ValueError, match="row 12 was asked for, but there are 10"):
        sampling.take([np.arange(10)], np.array([[3, 12]]))


@pytest.mark.parametrize("row", [-1, 10, -11])
def test_take_names_a_row_before_the_first_or_behind_the_last(row):
    with pytest.raises(ValueError, match=f"row {row} was asked for, but there are 10"):
        sampling.take([np.arange(10)], [3, row])


def test_no_rows_asked_for_are_no_values():
    assert sampling.take([np.arange(10)], []).tolist() == []
    assert sampling.take([], []).tolist() == []
    assert [found.tolist() for found in sampling.take_strata([(STRATA, VALUES)], [[], []])] == [
        [],
        [],
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), max_size=6))
def test_take_strata_counts_within_the_stratum(cuts):
    order = np.random.default_rng(4).permutation(len(VALUES))
    strata, values = STRATA[order], VALUES[order]
    stream = zip(np.split(strata, sorted(cuts)), np.split(values, sorted(cuts)), strict=True)
    places = [np.array([[0, 17], [5, 2]]), np.array([9]), np.array([999, 0])]
    for h, found in enumerate(sampling.take_strata(stream, places)):
        assert (found == values[strata == h][places[h]]).all()


sizes = st.lists(st.integers(1, 500), min_size=1, max_size=12)


@settings(deadline=None)
@given(sizes, st.data())
def test_allocations_add_up_and_fit_their_strata(sizes, data):
    n = data.draw(st.integers(len(sizes), sum(sizes)))
    sds = data.draw(st.lists(st.floats(0, 1e6), min_size=len(sizes), max_size=len(sizes)))
    for allocation in (sampling.proportional(n, sizes), sampling.neyman(n, sizes, sds)):
        assert allocation.sum() == n
        assert (allocation >= 1).all()
        assert (allocation <= sizes).all()


def test_neyman_is_the_best_of_all_allocations():
    sizes, n = np.array([6000, 3000, 1000]), 60
    best = sampling.stratified_error(sizes, SDS, sampling.neyman(n, sizes, SDS))
    for a, b in itertools.product(range(1, n - 1), repeat=2):
        if a + b < n:
            other = sampling.stratified_error(sizes, SDS, [a, b, n - a - b])
            assert best <= other * (1 + 1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.data())
def test_neyman_is_the_best_where_strata_are_full_too(sizes, data):
    n = data.draw(st.integers(len(sizes), sum(sizes)))
    sds = data.draw(st.lists(st.floats(0, 1e4), min_size=len(sizes), max_size=len(sizes)))
    best = sampling.stratified_error(sizes, sds, sampling.neyman(n, sizes, sds))
    for other in itertools.product(*(range(1, size + 1) for size in sizes)):
        if sum(other) == n:
            assert best <= sampling.stratified_error(sizes, sds, other) + 1e-7 * max(sds)


def test_what_a_full_stratum_cannot_give_the_others_share():
    assert sampling.neyman(110, [10, 1000, 1000], [1000, 1, 2]).tolist() == [10, 33, 67]
    half = sampling.neyman(5 * 10**8, [10] * 500 + [10**6] * 500, [10**6] * 500 + [1] * 500)
    assert (half[:500] == 10).all()
    assert half[500:].max() - half[500:].min() <= 1
    assert sampling.neyman(6 * 10**5, [10**6] * 3, [0, 0, 0]).tolist() == [200_000] * 3


def test_an_allocation_of_billions_of_rows_does_not_overflow():
    assert sampling.proportional(4 * 10**9, [10**10, 1000]).tolist() == [3_999_999_600, 400]


def test_a_spread_that_is_no_number_is_a_sentence():
    with pytest.raises(ValueError, match=r"must be numbers of at least 0, got \[1.0, nan\]"):
        sampling.neyman(3, [1, 9], [1, float("nan")])


def test_allocation_refuses_fewer_rows_than_strata():
    with pytest.raises(ValueError, match="2 rows cannot be drawn from 3 strata"):
        sampling.proportional(2, [10, 10, 10])


def test_stratified_error_is_what_repeats_measure():
    sizes = np.bincount(STRATA)
    sds = np.array([VALUES[h == STRATA].std() for h in range(3)])
    allocation = sampling.neyman(100, sizes, sds)
    rows = sampling.uniform_strata(sizes, allocation, repeats=400, seed=6)
    means = [VALUES[h == STRATA][rows[h]].mean(axis=1) for h in range(3)]
    estimates = sampling.stratified_mean(sizes, means)
    expected = sampling.stratified_error(sizes, sds, allocation)
    assert rmse(estimates, VALUES.mean()) == pytest.approx(expected, rel=0.15)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 400), max_size=6),
    st.lists(st.integers(0, 30) | st.integers(0, 2**64 - 1), min_size=400, max_size=400),
    st.randoms(),
)
def test_merged_reservoirs_are_the_reservoir_of_one_pass(cuts, keys, random):
    keys = np.array(keys, np.uint64)  # some of them equal
    rows = np.arange(400)
    parts = [
        sampling.reservoir(keys[a:b], rows[a:b], 50)
        for a, b in itertools.pairwise([0, *sorted(cuts), 400])
    ]
    random.shuffle(parts)
    merged = functools.reduce(sampling.merge, parts)
    order = np.lexsort((rows, keys))[:50]
    assert merged.values.tolist() == rows[order].tolist()
    assert merged.keys.tolist() == keys[order].tolist()


def test_reservoir_is_uniform_whatever_the_rows_hold():
    counts = np.zeros(60)
    for users in np.arange(180_000).reshape(3000, 60):
        keys = sampling.row_keys([np.zeros(60), users, np.arange(60)])
        counts[sampling.reservoir(keys, np.arange(60), 6).values] += 1
    # Each row is kept with 6 / 60: mean 300, standard deviation 16.4; five of them.
    assert np.abs(counts - 300).max() < 82


def test_keys_belong_to_the_row_and_not_to_its_place():
    columns = [np.arange(1000) * 7, np.arange(1000) % 3, np.arange(1000) - 500]
    keys = sampling.row_keys(columns)
    assert len(np.unique(keys)) == 1000
    assert (sampling.row_keys([column[::-1] for column in columns]) == keys[::-1]).all()
    swapped = sampling.row_keys([columns[1], columns[0], columns[2]])
    assert (swapped != keys)[1:].all()  # the first row holds 0 in both


def test_reservoirs_of_different_sizes_do_not_mix():
    keys = np.arange(9)
    one = sampling.reservoir(keys, keys, 3)
    with pytest.raises(ValueError, match="reservoirs of 3 and 4 rows"):
        sampling.merge(one, sampling.reservoir(keys, keys, 4))
    with pytest.raises(ValueError, match="at least 1 row, got k = 0"):
        sampling.reservoir(keys, keys, 0)
    assert repr(one) == "Reservoir: 3 of at most 3 rows"


def test_row_groups_are_equal_and_read_alone(tmp_path):
    source = events.ensure(tmp_path / "events", 10_050)
    path = tmp_path / "study.parquet"
    rows = sampling.write_row_groups(source, path, ["country", "price_cents"], row_groups=100)
    lengths = [len(group) for group in sampling.row_groups(path, ["price_cents"])]
    assert rows == sum(lengths) == 10_000
    assert lengths == [100] * 100
    whole, two = disk.Reads(), disk.Reads()
    tables = list(sampling.row_groups(path, ["price_cents"], filesystem=whole.filesystem))
    list(sampling.row_groups(path, ["price_cents"], [3, 70], two.filesystem))
    assert two.size_bytes < whole.size_bytes < path.stat().st_size + 65_536  # a footer read
    expected = pa.concat_tables(map(pq.read_table, sorted(source.glob("*.parquet"))))
    assert (
        pa.concat_tables(tables)["price_cents"].to_pylist()
        == expected["price_cents"].to_pylist()[:rows]
    )


def test_row_groups_leave_out_rows_with_a_gap(tmp_path):
    (tmp_path / "events").mkdir()
    country = pa.array(["US", None, "NG", "US"] * 5).dictionary_encode()
    pq.write_table(pa.table({"country": country}), tmp_path / "events" / "0.parquet")
    path = tmp_path / "study.parquet"
    assert sampling.write_row_groups(tmp_path / "events", path, ["country"], row_groups=4) == 12
    found = [group["country"].to_pylist() for group in sampling.row_groups(path, ["country"])]
    assert found == [["US", "NG", "US"]] * 4


def test_strata_of_a_file_are_those_of_its_rows(tmp_path):
    table = pa.table({"place": np.array(["a", "b", "c"])[STRATA], "price": VALUES})
    pq.write_table(table, tmp_path / "study.parquet", row_group_size=1700)
    names, sizes, sds = sampling.strata(tmp_path / "study.parquet", "place", "price")
    assert names == ["a", "b", "c"]
    assert sizes.tolist() == [6000, 3000, 1000]
    assert sds == pytest.approx([VALUES[h == STRATA].std() for h in range(3)])
    places = sampling.uniform_strata(sizes, [4, 5, 6], repeats=2, seed=1)
    stream = sampling.coded(tmp_path / "study.parquet", "place", "price", names)
    for h, found in enumerate(sampling.take_strata(stream, places)):
        assert (found == VALUES[h == STRATA][places[h]]).all()


def test_the_spread_of_large_values_is_not_lost(tmp_path):
    place = ["a", "b"] * 500
    price = [10**9 + row % 2 * 10 + row // 2 % 2 for row in range(1000)]
    pq.write_table(pa.table({"place": place, "price": price}), tmp_path / "x", row_group_size=77)
    names, sizes, sds = sampling.strata(tmp_path / "x", "place", "price")
    assert (names, sizes.tolist()) == (["a", "b"], [500, 500])
    assert sds == pytest.approx([0.5, 0.5])


def test_row_groups_need_rows(tmp_path):
    source = events.ensure(tmp_path / "events", 50)
    with pytest.raises(ValueError, match="100 row groups need as many rows; there are 50"):
        sampling.write_row_groups(source, tmp_path / "study.parquet", ["country"])
