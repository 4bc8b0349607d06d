"""Policies against libCacheSim's counts, laws against runs, single flight, tables. Lab 08."""

import asyncio
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from conformance import cases
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit import laws
from scaletoolkit.serving import caching

MASK = 2**64 - 1


def random_numbers(seed, count):
    """The high halves of splitmix64."""
    for step in range(1, count + 1):
        z = (seed + step * 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield (z ^ (z >> 31)) >> 32


def trace(name, requests, keys=4000):
    """The requests that the conformance file describes in words."""
    for number, u in enumerate(random_numbers(1, requests)):
        square = u * u >> 32
        key = keys * (square * square >> 32) >> 32
        scanned = name == "scan" and number % 5000 >= 4000
        moved = 300 * (number // 2000) if name == "drift" else 0
        yield 10_000 + number if scanned else (key + moved) % keys


@pytest.mark.parametrize("case", cases("caching.json", "cases"), ids=lambda case: case["trace"])
def test_policies_hit_as_often_as_libcachesims(case):
    requests = list(trace(case["trace"], case["requests"]))
    assert len(set(requests)) == case["different"]
    for name, hits in case["hits"].items():
        policy = caching.POLICIES[name.upper()](case["cache_items"])
        assert sum(map(policy.access, requests)) == hits, name


@given(st.lists(st.integers(0, 9), max_size=80), st.integers(1, 6))
def test_no_policy_holds_more_than_it_may_or_hits_what_it_never_saw(requests, items):
    for policy in (make(items) for make in caching.POLICIES.values()):
        hits = [policy.access(key) for key in requests]
        for at, (key, hit) in enumerate(zip(requests, hits, strict=True)):
            assert not hit or key in requests[:at]
        assert sum(policy.access(key) for key in range(100, 100 + 3 * items)) == 0
        repeated = [policy.access(key) for key in range(100, 100 + 3 * items)]
        assert sum(repeated) <= items


@given(st.lists(st.integers(0, 9), max_size=80), st.integers(1, 6))
def test_the_cache_keeps_what_the_policy_lru_keeps(requests, items):
    policy = caching.POLICIES["LRU"](items)
    cache = caching.Cache(items)
    for key in requests:
        kept = cache.get(key) is not None
        assert kept == policy.access(key)
        cache.put(key, "value")
        assert len(cache) <= items
    assert cache.hits + cache.misses == len(requests)


def test_what_leaves_nothing_to_count_is_said():
    with pytest.raises(ValueError, match="skip=3 leaves nothing of the trace to count"):
        caching.hit_ratio(caching.POLICIES["LRU"](2), [1, 2, 1], skip=3)


def test_lfu_keeps_no_more_counts_than_items():
    policy = caching.POLICIES["LFU"](3)
    for key in [1] * 1000 + [2] * 500 + list(range(100)):
        policy.access(key)
    assert len(policy._with_count) <= 3
    assert all(policy._with_count.values())


def test_a_cache_needs_room():
    with pytest.raises(ValueError, match="at least one item, got 0"):
        caching.Cache(0)


@pytest.mark.parametrize("name", caching.POLICIES)
@pytest.mark.parametrize("items", [0, -1, 2.5, float("nan"), float("inf")])
def test_a_policy_needs_room_for_whole_items(name, items):
    sentence = f"a policy needs room for a whole number of items, at least one, got {items}"
    with pytest.raises(ValueError, match=sentence):
        caching.POLICIES[name](items)


@pytest.mark.parametrize("name", caching.POLICIES)
def test_a_policy_takes_a_whole_number_of_any_kind(name):
    for items in (2, 2.0, np.int64(2)):
        policy = caching.POLICIES[name](items)
        assert [policy.access(key) for key in (1, 2, 2, 3, 3)] == [False, False, True, False, True]


def test_lru_hits_as_che_says_and_the_best_static_cache_is_beaten_by_locality():
    p = laws.zipf(5000)
    requests = np.random.default_rng(1).choice(len(p), 120_000, p=p)
    lru = caching.hit_ratio(caching.POLICIES["LRU"](500), requests.tolist(), skip=20_000)
    assert lru == pytest.approx(laws.che_lru(p, 500)[0], abs=0.01)
    static = laws.best_static_hit_ratio(p, 500)
    assert lru < static
    in_a_row = np.sort(requests).tolist()
    assert caching.hit_ratio(caching.POLICIES["LRU"](500), in_a_row) > static + 0.1


def test_one_question_has_one_key():
    items = [[0.0, 1, 2.5], (-0.0, 1.0, 2.5), np.array([0, 1, 2.5], np.float64)]
    assert len({caching.key(item, "v1") for item in items}) == 1
    others = [caching.key([0, 1, 2.5], "v2"), caching.key([[0, 1, 2.5]], "v1")]
    assert len({caching.key(items[0], "v1"), *others}) == 3
    with pytest.raises(ValueError, match="NaN"):
        caching.key([float("nan")])


def test_a_key_is_the_same_in_every_process():
    program = "from scaletoolkit.serving import caching; print(caching.key([1, 2], 'v').hex())"
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert keys == {caching.key([1, 2], "v").hex() + "\n"}


def test_a_value_is_never_older_than_its_time():
    now = [0.0]
    cache = caching.Cache(1000, ttl_s=10, jitter=0.5, clock=lambda: now[0])
    for key in range(1000):
        cache.put(key, key)
    left = []
    for now[0] in (4.9, 7.5, 10.0):
        left.append(sum(cache.get(key) is not None for key in range(1000)))
    assert left[0] == 1000
    assert 400 < left[1] < 600
    assert left[2] == 0


@pytest.mark.parametrize("ttl_s", [1, 10, 60])
def test_hits_with_a_ttl_follow_the_law(ttl_s):
    rates = 100 * laws.zipf(2000)
    draw = np.random.default_rng(2)
    times_s = np.cumsum(draw.exponential(0.01, 60_000))
    now = [0.0]
    cache = caching.Cache(len(rates), ttl_s, jitter=0, clock=lambda: now[0])
    keys = draw.choice(len(rates), len(times_s), p=rates / 100)
    for now[0], key in zip(times_s, keys, strict=True):
        if cache.get(key) is None:
            cache.put(key, True)
    hit_ratio = cache.hits / len(times_s)
    assert hit_ratio == pytest.approx(caching.ttl_hit_ratio(rates, ttl_s), abs=0.02)


def test_the_share_of_stale_answers_falls_from_the_hit_ratio_to_nothing():
    rates = 50 * laws.zipf(450)
    shares = [caching.stale_share(rates, 60, age) for age in (0, 15, 30, 60, 90)]
    assert shares[0] == pytest.approx(caching.ttl_hit_ratio(rates, 60))
    assert shares[2] == pytest.approx(shares[0] / 2)
    assert shares[3] == shares[4] == 0


def test_a_stampede_costs_rate_times_work_and_two_remedies_end_it():
    def mean(flight, beta):
        runs = [caching.simulate_expiry(0.5, 10, flight, beta, seed) for seed in range(5)]
        return np.mean(runs, axis=0)

    periods = 200 / 10.5
    nothing, flight = mean(False, 0), mean(True, 0)
    assert nothing[0] == pytest.approx(200 * 0.5 * periods, rel=0.05)
    assert nothing[0] == nothing[1]
    assert flight[0] == 20
    assert flight[1] == pytest.approx(nothing[1], rel=0.1)
    early, both = mean(False, 1), mean(True, 1)
    assert 3 * flight[0] < early[0] < nothing[0] / 5
    assert both[0] < 1.5 * flight[0]
    assert both[1] == early[1] == pytest.approx(97, abs=10)


def join(flight, key, work, count):
    return [flight.join(key, work) for _ in range(count)]


def test_a_hundred_callers_are_one_call_and_another_key_does_not_wait():
    async def main():
        calls = []
        door = asyncio.Event()

        async def slow():
            calls.append("slow")
            await door.wait()
            return 7

        async def quick():
            return 1

        flight = caching.SingleFlight()
        waiting = join(flight, "a", slow, 100)
        assert await flight.join("b", quick) == 1
        door.set()
        assert await asyncio.gather(*waiting) == [7] * 100
        assert len(calls) == 1
        assert flight.shared == 99
        assert await flight.join("a", slow) == 7
        assert len(calls) == 2

    asyncio.run(main())


def test_a_failure_reaches_all_and_is_not_kept():
    async def main():
        results = iter([ValueError("no"), 5])

        async def work():
            await asyncio.sleep(0)
            result = next(results)
            if isinstance(result, Exception):
                raise result
            return result

        flight = caching.SingleFlight()
        failed = await asyncio.gather(*join(flight, "a", work, 3), return_exceptions=True)
        assert [str(error) for error in failed] == ["no"] * 3
        assert await flight.join("a", work) == 5

        def refuses():
            raise RuntimeError("no room")

        with pytest.raises(RuntimeError, match="no room"):
            flight.join("b", refuses)
        assert not flight._flights

    asyncio.run(main())


@pytest.mark.parametrize("leaving", [1, 2, 3])
def test_who_gives_up_takes_nobody_along(leaving):
    async def main():
        work = asyncio.get_running_loop().create_future()
        flight = caching.SingleFlight()
        waiting = join(flight, "a", lambda: work, 3)
        for future in waiting[:leaving]:
            future.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert work.cancelled() == (leaving == 3)
        if leaving < 3:
            work.set_result(9)
            assert await asyncio.gather(*waiting[leaving:]) == [9] * (3 - leaving)
        await asyncio.sleep(0)
        assert not flight._flights

    asyncio.run(main())


def test_who_comes_after_the_last_has_given_up_makes_a_call_of_his_own():
    async def main():
        calls = []

        async def slow_to_stop():
            calls.append("call")
            number = len(calls)
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                await asyncio.sleep(0.02)
                raise
            return number

        flight = caching.SingleFlight()
        (first,) = join(flight, "a", slow_to_stop, 1)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        second, third = join(flight, "a", slow_to_stop, 2)
        assert await asyncio.gather(second, third) == [2, 2]
        assert calls == ["call", "call"]
        await asyncio.sleep(0.05)
        assert not flight._flights

    asyncio.run(main())


def rows(keys):
    return np.stack([keys, -keys], axis=1).astype(np.int32)


def test_what_is_computed_ahead_is_found_and_nothing_else(tmp_path):
    caching.precompute(tmp_path / "table", [30, 10, 20, 10], rows, batch_size=2)
    table = caching.Table(tmp_path / "table")
    assert len(table) == 3
    assert table.get(20).tolist() == [20, -20]
    assert [table.get(key) for key in (5, 15, 31)] == [None] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


WRITER = """
import sys
from scaletoolkit.serving import caching
calls = iter(range(100))
def make(keys):
    if next(calls) == 5:
        print("half", flush=True)
        sys.stdin.read()
    return (0 * keys[:, None]).astype("int32")
caching.precompute(sys.argv[1], range(1000), make, batch_size=100)
"""


def test_a_kill_in_the_middle_leaves_the_old_table_whole(tmp_path):
    path = tmp_path / "table"
    caching.precompute(path, range(1000), rows)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WRITER, path], **pipes) as writer:
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    table = caching.Table(path)
    assert all(table.get(key)[0] == key for key in range(1000))

    assert len(list(tmp_path.glob(".table.*.partial"))) == 1
    caching.precompute(path, range(10), rows)
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_a_failure_in_the_middle_leaves_nothing_but_the_old_table(tmp_path):
    def fails(keys):
        if keys[0] >= 500:
            raise ValueError("no answer")
        return rows(keys)

    path = tmp_path / "table"
    caching.precompute(path, range(1000), rows)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="no answer"):
        caching.precompute(path, range(1000), fails, batch_size=100)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_distinct_keys_follow_the_law():
    p = laws.zipf(2000)
    asked = np.random.default_rng(3).choice(len(p), 5000, p=p)
    assert len(set(asked)) == pytest.approx(caching.distinct(p, 5000), rel=0.02)
