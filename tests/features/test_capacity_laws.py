"""The laws of capacity against files that real stores write, and against plain counts."""

import sqlite3

import numpy as np
import pytest

from scaletoolkit import features, laws

ROWS = 4000
IDS = np.sort(np.random.default_rng(0).integers(2**57, 2**62, ROWS)).tolist()
SIZES = [199, 400, 760, 796, 800, 1200, 2000, 2020, 2032, 4060, 6000]


def sqlite_pages(path, value):
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE features (id INTEGER PRIMARY KEY, row BLOB)")
        base.executemany("INSERT INTO features VALUES (?, ?)", ((i, bytes(value)) for i in IDS))
        (pages,) = base.execute("PRAGMA page_count").fetchone()
    base.close()
    return pages * 4096


@pytest.mark.parametrize("value", SIZES)
def test_the_page_law_against_sqlite(value, tmp_path):
    measured = sqlite_pages(tmp_path / "base", value) / ROWS
    assert measured == pytest.approx(features.bytes_per_entity(value, "SQLite"), rel=0.02)


@pytest.mark.parametrize("value", SIZES)
def test_the_page_law_against_lmdb(value, tmp_path):
    lmdb = pytest.importorskip("lmdb", reason="lmdb is in the extra features")
    with lmdb.open(str(tmp_path / "base"), map_size=2**28, subdir=False) as base:
        with base.begin(write=True) as transaction:
            for number in IDS:
                transaction.put(number.to_bytes(8, "big"), bytes(value), append=True)
        stat = base.stat()
    pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
    measured = pages * stat["psize"] / ROWS
    assert measured == pytest.approx(features.bytes_per_entity(value, "LMDB"), rel=0.02)


@pytest.mark.parametrize("value", [200, 804])
def test_the_mapped_file_has_the_bytes_of_its_law(value, tmp_path):
    names = [f"f{number}" for number in range(value // 4)]
    make = lambda ids: np.zeros((len(ids), len(names)))  # noqa: E731
    features.materialise(tmp_path / "v1", IDS, make, names)
    measured = (tmp_path / "v1").stat().st_size / ROWS
    assert measured == pytest.approx(features.bytes_per_entity(value), rel=0.01)


def test_one_feature_more_may_cost_a_quarter():
    assert features.bytes_per_entity(800, "LMDB") == 1.25 * features.bytes_per_entity(796, "LMDB")


@pytest.mark.parametrize("calls", [1, 5, 100])
def test_the_percentile_of_a_call_gives_that_of_the_request(calls):
    waits = np.random.default_rng(0).exponential(size=(20_000, calls)).max(axis=1)
    percent = features.fan_out_percentile(99, calls)
    law = -np.log1p(-percent / 100)
    assert np.quantile(waits, 0.99) == pytest.approx(law, rel=0.05)


@pytest.mark.parametrize("exponent", [0, 0.8, 1, 1.3])
@pytest.mark.parametrize("items", [5, 1_500_000])
def test_the_share_of_a_rank_is_that_of_zipfs_law(items, exponent):
    shares = laws.zipf(items, exponent)
    for rank in (1, 3):
        assert features.zipf_share(rank, items, exponent) == pytest.approx(shares[rank - 1])


@pytest.mark.parametrize("off", [0, 1e-16, 2e-16, 1e-12, 1e-9, 1e-6])
def test_beside_an_exponent_of_1_the_share_is_that_of_1(off):
    share = features.zipf_share(1, 10**9, 1)
    for exponent in (1 - off, 1 + off):
        assert features.zipf_share(1, 10**9, exponent) == pytest.approx(share, rel=20 * off + 1e-13)
    assert features.zipf_share(1, 10**9, sum([0.1] * 10)) == pytest.approx(share, rel=1e-13)


def test_a_plan_has_enough_of_everything_with_one_machine_down():
    hot = 0.05
    plan = features.plan(95e9, 20_000, 10e9, 2_000, hot)
    assert plan.shards == 10
    busiest_per_s = 20_000 * (hot + (1 - hot) / 10)
    assert (plan.replicas - 1) * 2_000 * 0.7 >= busiest_per_s > (plan.replicas - 2) * 2_000 * 0.7
    assert repr(plan) == "Plan: 10 shards × 4 replicas = 40 machines"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: features.bytes_per_entity(8, "Oracle"), "store must be one of one file"),
        (lambda: features.bytes_per_entity(0), "at least one byte"),
        (lambda: features.fan_out_percentile(100, 3), "between 0 and 100"),
        (lambda: features.zipf_share(6, 5), "rank must lie in 1 to 5"),
        (lambda: features.plan(1, 1, 0, 1, 0), "memory must be a positive number"),
        (lambda: features.plan(1, -1, 1, 1, 0), "calls must be a number of 0 or more"),
        (lambda: features.plan(float("nan"), 1, 1, 1, 0), "bytes must be a number of 0 or more"),
        (lambda: features.bytes_per_entity(1.5), "a whole number of bytes"),
    ],
)
def test_what_cannot_be_is_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
