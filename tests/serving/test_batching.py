"""The batcher: its rule against the simulation, failures, cancellation, deadlines. Lab 07."""

import asyncio
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit.serving import batching
from scaletoolkit.serving.batching.virtual_clock import run_on_virtual_clock

# Times are multiples of 1/1024 s: sums of them are exact, so that ties are ties for both.
gaps = st.lists(st.integers(0, 40), max_size=60)
rules = st.fixed_dictionaries(
    {
        "max_batch_size": st.integers(1, 8),
        "max_queue_delay_microseconds": st.sampled_from([0, 15_625, 31_250, 1_000_000]),
        "servers": st.integers(1, 3),
        "max_queue_size": st.one_of(st.just(math.inf), st.integers(1, 12)),
    }
)


def times(gaps):
    return list(np.cumsum(gaps) / 1024)


def service(fixed, each):
    return lambda size: (fixed + each * size) / 1024


@given(gaps, rules, st.integers(1, 50), st.integers(0, 9))
@settings(max_examples=150, deadline=None)
def test_the_batcher_forms_the_simulated_batches(gaps, rules, fixed, each):
    simulated = batching.simulate(times(gaps), service(fixed, each), **rules)
    real = batching.replay(times(gaps), service(fixed, each), **rules)
    assert real.batches == simulated.batches
    assert real.starts_s == simulated.starts_s
    np.testing.assert_array_equal(real.latencies_s, simulated.latencies_s)


@given(gaps, rules)
@settings(deadline=None)
def test_every_request_is_in_one_batch_or_refused(gaps, rules):
    run = batching.simulate(times(gaps), service(20, 2), **rules)
    batched = [number for batch in run.batches for number in batch]
    assert batched == sorted(batched) == np.flatnonzero(~np.isnan(run.latencies_s)).tolist()
    assert max(map(len, run.batches), default=0) <= rules["max_batch_size"]
    assert len(batched) + run.refused == len(gaps)


def test_a_lonely_request_waits_for_the_whole_delay():
    waiting = batching.simulate([1.0], service(512, 0), max_queue_delay_microseconds=250_000)
    assert waiting.latencies_s[0] == 0.75
    assert batching.simulate([1.0], service(512, 0)).latencies_s[0] == 0.5


def test_the_delay_counts_from_the_first_request():
    run = batching.simulate([0, 0.1, 0.2], service(1, 0), max_queue_delay_microseconds=150_000)
    assert run.batches == [[0, 1], [2]]


def test_a_full_batch_does_not_wait():
    run = batching.simulate([0, 0.1], service(1, 0), 2, max_queue_delay_microseconds=10**9)
    assert run.starts_s == [0.1]


@pytest.mark.parametrize("run", [batching.simulate, batching.replay])
@pytest.mark.parametrize(
    ("arrivals_s", "sentence"),
    [
        ([2, 1], "must rise"),
        ([-1, 1], "must be finite and not negative, got -1.0 to 1.0"),
        ([0, math.inf], "must be finite and not negative, got 0.0 to inf"),
        ([math.nan], "must"),
    ],
)
def test_arrivals_must_rise(run, arrivals_s, sentence):
    with pytest.raises(ValueError, match=sentence):
        run(arrivals_s, service(1, 1))


def test_a_run_describes_itself_in_a_sentence():
    run = batching.simulate([0, 0, 0], service(1, 0), 2, max_queue_size=2)
    assert repr(run) == "BatchRun: 2 requests in 1 batches of 2.0 on average, 1 refused"


def on_clock(scenario, **options):
    """Run scenario(batcher) on a virtual clock: what it returns."""

    async def run():
        return await scenario(batching.Batcher(**options))

    return run_on_virtual_clock(run())


async def served(batcher, items, handle):
    """The results or errors of the items, answered by one server."""
    server = asyncio.create_task(batcher.serve(handle))
    results = await asyncio.gather(*map(batcher.submit, items), return_exceptions=True)
    server.cancel()
    await asyncio.gather(server, return_exceptions=True)
    return results


@given(st.sets(st.integers(0, 15)))
@settings(deadline=None)
def test_poisoned_items_fail_alone(poison):
    async def handle(items):
        if poison & set(items):
            raise ArithmeticError("cannot")
        return [10 * item for item in items]

    results = on_clock(lambda b: served(b, range(16), handle), max_batch_size=16)
    for item, result in enumerate(results):
        assert isinstance(result, ArithmeticError) if item in poison else result == 10 * item


def test_a_result_that_is_an_error_fails_its_item_only():
    async def handle(items):
        return [ValueError("no") if item == 1 else item for item in items]

    results = on_clock(lambda b: served(b, range(3), handle))
    assert [str(result) for result in results] == ["0", "no", "2"]


def test_a_wrong_number_of_results_fails_every_item():
    async def handle(items):
        return items[:-1]

    results = on_clock(lambda b: served(b, range(3), handle))
    assert {str(result) for result in results} == {"3 items gave 2 results"}


def test_a_full_queue_refuses_and_a_cancelled_request_makes_room():
    async def scenario(batcher):
        first = batcher.submit(1)
        batcher.submit(2)
        with pytest.raises(batching.QueueFull, match="2 requests wait"):
            batcher.submit(3)
        first.cancel()
        await asyncio.sleep(0)
        batcher.submit(3)
        return batcher.waiting.value

    assert on_clock(scenario, max_queue_size=2) == 2


def test_a_cancelled_request_never_reaches_the_model():
    async def scenario(batcher):
        handled = []

        async def handle(items):
            handled.extend(items)
            return items

        batcher.submit("gone").cancel()
        await served(batcher, ["here"], handle)
        return handled

    assert on_clock(scenario) == ["here"]


@pytest.mark.parametrize("served_at_s", [0.5, 5])
def test_a_request_is_answered_by_its_deadline(served_at_s):
    async def scenario(batcher):
        async def handle(items):
            await asyncio.sleep(served_at_s)
            return items

        server = asyncio.create_task(batcher.serve(handle))
        answers = [batcher.submit("in flight", timeout_s=1), batcher.submit("waits", timeout_s=2)]
        results = await asyncio.gather(*answers, return_exceptions=True)
        server.cancel()
        return [str(result) for result in results], asyncio.get_running_loop().time()

    late = ["not answered within 1 s", "not answered within 2 s"]
    expected = (["in flight", "waits"], 1) if served_at_s < 1 else (late, 2)
    assert on_clock(scenario, max_batch_size=1) == expected


def test_a_lost_replica_hands_its_batch_to_another_in_order():
    async def scenario(batcher):
        async def dies(items):
            raise batching.ReplicaLost("gone")

        async def lives(items):
            return [("lives", item) for item in items]

        futures = [batcher.submit(item) for item in range(3)]
        with pytest.raises(batching.ReplicaLost):
            await batcher.serve(dies)
        server = asyncio.create_task(batcher.serve(lives))
        results = await asyncio.gather(*futures)
        server.cancel()
        return results

    assert on_clock(scenario) == [("lives", 0), ("lives", 1), ("lives", 2)]


def test_a_batch_that_loses_two_replicas_fails():
    async def scenario(batcher):
        async def dies(items):
            raise batching.ReplicaLost("replica-1 ended")

        future = batcher.submit("deadly")
        for _ in range(2):
            with pytest.raises(batching.ReplicaLost):
                await batcher.serve(dies)
        return str(future.exception())

    assert on_clock(scenario) == "tried 2 times: replica-1 ended"


def test_a_cancelled_replica_loses_nothing():
    async def scenario(batcher):
        async def slow(items):
            await asyncio.sleep(10)
            return items

        future = batcher.submit("item")
        server = asyncio.create_task(batcher.serve(slow))
        await asyncio.sleep(1)
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        assert (batcher.waiting.value, batcher.in_flight.value) == (1, 0)
        return await asyncio.gather(asyncio.wait_for(future, 60), one_batch(batcher))

    async def one_batch(batcher):
        async def handle(items):
            return items

        wanted = iter([True, False])
        await batcher.serve(handle, lambda: next(wanted))

    assert on_clock(scenario)[0] == "item"


def test_a_closed_queue_fails_who_waits_and_takes_nobody():
    async def scenario(batcher):
        future = batcher.submit(1)
        batcher.close()
        with pytest.raises(batching.QueueClosed):
            batcher.submit(2)
        return str(future.exception())

    assert on_clock(scenario) == "the server is stopping"


def test_the_average_of_a_level_is_exact():
    async def scenario(batcher):
        batcher.submit(1)
        await asyncio.sleep(3)
        batcher.submit(2)
        await asyncio.sleep(1)
        return batcher.waiting.integral()

    assert on_clock(scenario) == 3 * 1 + 1 * 2


@pytest.mark.parametrize("name", ["max_batch_size", "max_queue_size"])
def test_a_size_below_one_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        on_clock(lambda _: None, **{name: 0})


@pytest.mark.parametrize("run", [batching.simulate, batching.replay])
@pytest.mark.parametrize("name", ["max_batch_size", "max_queue_size", "servers"])
def test_a_rule_by_which_nobody_is_answered_is_refused(run, name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        run([0.5], service(20, 2), **{name: 0})
