"""Start-time fair queueing: its bound, its limits, and what leaves it without being served."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit.teams import FairQueue, TokenBucket

TENANTS = ("a", "b", "c")


def served(queue, times):
    return Counter(queue.take()[0] for _ in range(times))


def filled(weights, costs, items=1000):
    queue = FairQueue(weights)
    for tenant, cost in costs.items():
        for number in range(items):
            queue.enter(tenant, (tenant, number), cost)
    return queue


def test_who_waits_is_served_by_weight():
    assert served(filled({"a": 3}, {"a": 1, "b": 1}), 400) == {"a": 300, "b": 100}


def test_many_decimal_weights_and_a_cost_with_a_fraction_lose_nothing():
    weights = {f"t{number}": 0.1 + number * 1.37e-16 + number / 997 for number in range(60)}
    queue = FairQueue(weights)
    for number, tenant in enumerate(weights):
        assert queue.enter(tenant, number, 0.5)
    assert len({queue.take() for _ in weights}) == len(weights)
    assert len(queue) == 0
    assert queue.enter("t0", "again", 0.25)
    assert queue.waiting("t0") == 0.25


def test_items_count_not_requests():
    assert served(filled({}, {"a": 1, "b": 32}), 330) == {"a": 320, "b": 10}


def test_who_was_idle_has_saved_nothing():
    queue = filled({"a": 3}, {"a": 1})
    assert served(queue, 500) == {"a": 500}
    for number in range(1000):
        queue.enter("b", ("b", number))
    assert served(queue, 400)["b"] in (100, 101)


def test_what_a_tenant_may_queue_is_bounded_by_cost_and_for_it_alone():
    queue = FairQueue(limits={"b": 6})
    costs = [("x", 4), ("y", 3), ("z", 2), ("w", 1)]
    assert [queue.enter("b", *item) for item in costs] == [True, False, True, False]
    assert queue.enter("a", "a", 100)
    queue.discard("z")
    assert queue.enter("b", "w", 1)
    assert queue.waiting("b") == 5


def test_the_order_of_a_tenant_is_that_in_which_its_items_came():
    queue = filled({"a": 2}, {"a": 1, "b": 1}, items=50)
    taken = [queue.take() for _ in range(100)]
    for tenant in "ab":
        assert [item for name, item in taken if name == tenant] == [(tenant, n) for n in range(50)]


ACTIONS = st.lists(st.tuples(st.sampled_from(TENANTS), st.integers(1, 5)), min_size=1, max_size=60)
WEIGHTS = st.fixed_dictionaries({name: st.sampled_from([1, 2, 3, 0.1, 0.7]) for name in TENANTS})


@given(WEIGHTS, ACTIONS, st.integers(0, 59), st.integers(0, 60))
def test_while_two_tenants_wait_neither_gets_ahead_by_more_than_the_bound(
    weights, entries, first, count
):
    queue = FairQueue(weights)
    for number, (tenant, cost) in enumerate(entries):
        queue.enter(tenant, number, cost)
    for _ in range(min(first, len(queue))):
        queue.take()
    got = Counter()
    for _ in range(count):
        waiting = {entries[item][0] for item in queue}
        if len(waiting) < len(TENANTS):
            break
        tenant, item = queue.take()
        got[tenant] += Fraction(entries[item][1]) / Fraction(str(weights[tenant]))
    most = {
        name: max((Fraction(c) for tenant, c in entries if tenant == name), default=Fraction(0))
        / Fraction(str(weights[name]))
        for name in TENANTS
    }
    for one in TENANTS:
        for other in TENANTS:
            assert abs(got[one] - got[other]) <= most[one] + most[other]


@given(st.lists(st.tuples(st.sampled_from(TENANTS), st.integers(0, 9), st.booleans()), max_size=80))
def test_nothing_is_lost_served_twice_or_beyond_its_limit(actions):
    queue = FairQueue({"a": 2}, {"b": 6})
    inside = {}
    for number, (tenant, cost, leaves) in enumerate(actions):
        waits = sum(c for name, c in inside.values() if name == tenant)
        entered = queue.enter(tenant, number, cost)
        assert entered == (tenant != "b" or waits + cost <= 6)
        if entered:
            inside[number] = (tenant, cost)
        if leaves:
            queue.discard(number)
            inside.pop(number, None)
        assert list(queue) == list(inside)
        assert len(queue) == len(inside)
    for _ in range(len(inside)):
        tenant, item = queue.take()
        assert inside.pop(item)[0] == tenant
        assert item not in queue
    assert [queue.waiting(tenant) for tenant in TENANTS] == [0, 0, 0]
    with pytest.raises(IndexError, match="nobody waits"):
        queue.take()


@given(st.lists(st.sampled_from("ab"), max_size=30), st.sets(st.integers(0, 29)))
def test_what_is_discarded_before_anything_is_served_might_never_have_come(entries, gone):
    queue = FairQueue({"a": 3})
    without = FairQueue({"a": 3})
    for number, tenant in enumerate(entries):
        queue.enter(tenant, number)
        if number not in gone:
            without.enter(tenant, number)
    for number in gone:
        queue.discard(number)
    count = len(without)
    assert sorted(queue.take() for _ in range(count)) == sorted(
        without.take() for _ in range(count)
    )
    assert len(queue) == 0


def test_a_discarded_item_costs_its_tenant_nothing():
    queue = FairQueue()
    for number in range(100):
        queue.enter("a", ("a", number))
        queue.enter("b", ("b", number))
    for number in range(50):
        queue.discard(("a", number))
    assert served(queue, 100) == {"a": 50, "b": 50}


@given(WEIGHTS, ACTIONS, st.integers(1, 20))
def test_what_is_put_back_is_taken_again_in_the_same_order(weights, entries, count):
    queue = FairQueue(weights)
    undisturbed = FairQueue(weights)
    for number, (tenant, cost) in enumerate(entries):
        queue.enter(tenant, number, cost)
        undisturbed.enter(tenant, number, cost)
    taken = [queue.take() for _ in range(min(count, len(queue)))]
    for tenant, item in reversed(taken):
        queue.put_back(tenant, item, entries[item][1])
    again = [queue.take() for _ in range(len(queue))]
    assert again == [undisturbed.take() for _ in range(len(entries))]


def test_a_server_that_never_serves_does_not_grow_with_those_who_give_up():
    queue = FairQueue()
    queue.enter("a", "waits")
    for number in range(1000):
        queue.enter("a", number)
        queue.enter("b", number + 0.5)
        queue.discard(number)
        queue.discard(number + 0.5)
    assert len(queue._turns) <= 2


@pytest.mark.parametrize(
    "call",
    [
        lambda: FairQueue({"a": 0}),
        lambda: FairQueue({"a": float("nan")}),
        lambda: FairQueue(limits={"a": -1}),
        lambda: FairQueue().enter("a", 1, -1),
        lambda: [queue.enter("a", 1) for queue in [FairQueue()] * 2],
        lambda: TokenBucket(0, 1),
        lambda: TokenBucket(1, float("inf")),
    ],
)
def test_what_cannot_be_is_one_sentence(call):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        call()


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 4)), max_size=50),
    st.integers(1, 5),
    st.integers(4, 9),
)
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(steps, rate, burst):
    bucket = TokenBucket(rate, burst)
    now_s = 0
    given_at = []
    for wait_s, cost in steps:
        now_s += wait_s
        if bucket.take(now_s, cost):
            given_at.append((now_s, cost))
    for start in range(len(given_at)):
        passed_s = now_s - given_at[start][0]
        assert sum(cost for _, cost in given_at[start:]) <= burst + rate * passed_s


def test_a_bucket_fills_again_and_not_when_the_clock_goes_back():
    bucket = TokenBucket(2, 4, now_s=10)
    assert [bucket.take(10) for _ in range(5)] == [True] * 4 + [False]
    assert not bucket.take(5)
    assert not bucket.take(10)
    assert bucket.take(10.5)
    assert [bucket.take(100) for _ in range(5)] == [True] * 4 + [False]
