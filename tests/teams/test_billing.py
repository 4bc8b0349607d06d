"""A bill adds up to the cent, whoever pays for what is idle; a batch is split whole."""

from decimal import Decimal
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit import lab
from scaletoolkit.teams.billing import (
    IDLE,
    bill,
    cost,
    share_idle,
    split_batch,
    split_price,
    to_cents,
)

HOWS = ("weighted", "total", "pooled", "evenly", "apart")
MONEY = st.decimals(0, 1000, places=4, allow_nan=False)
AMOUNT = st.decimals(0, 9, places=3, allow_nan=False)
PRICES = {
    "prices_per_hour": {"gpu": "2.48", "cpu": 0.0331},
    "hours": 24,
    "clusters": {"east": {"gpu": 4, "cpu": 64}, "west": {"cpu": 8, "gpu": 0}},
    "overhead": "71.999",
}
ROW = {"team": "ads", "resource": "gpu", "requested": 1, "used": 0.5, "hours": 24}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "team": st.sampled_from(["ads", "speech", "vision"]),
            "resource": st.sampled_from(["cpu", "gpu"]),
            "cluster": st.sampled_from(["east", "west"]),
            "requested": AMOUNT,
            "used": AMOUNT,
            "hours": st.integers(0, 24),
        }
    ),
    max_size=12,
)


def row(**changes):
    return {**ROW, **changes}


@given(ROWS, st.sampled_from(HOWS))
def test_tenants_and_idle_and_overhead_are_the_machines_to_the_cent(rows, how):
    result = bill(rows, PRICES, how)
    paid = sum(result.totals.values(), result.idle + result.overhead)
    assert paid == result.machines
    assert paid == Decimal("367.28")  # 4 × 24 × 2.48 + 72 × 24 × 0.0331 + 71.999
    amounts = [amount for parts in result.tenants.values() for amount in parts.values()]
    for amount in [*amounts, result.idle, result.overhead]:
        assert amount >= 0
        assert amount == amount.quantize(Decimal("0.01"))


@given(ROWS)
def test_nobody_pays_less_for_asking_for_more(rows):
    own = bill([*rows, row(cluster="east")], PRICES, "apart")
    more = bill([*rows, row(cluster="east", requested=2)], PRICES, "apart")
    assert more.totals["ads"] >= own.totals["ads"] - Decimal("0.02")
    assert more.idle <= own.idle + Decimal("0.02")


def test_a_row_costs_what_is_requested_or_used_whichever_is_more():
    prices = {"prices_per_hour": {"gpu": "0.1"}, "hours": 10, "machines": {"gpu": 5}}
    result = bill([row(hours=10), row(team="b", used="1.5", hours=10)], prices, "apart")
    assert result.totals == {"ads": Decimal("1.00"), "b": Decimal("1.50")}
    assert result.idle == Decimal("2.50")
    assert [entry["total"] for entry in result.table][-3:] == [result.idle, 0, Decimal("5.00")]
    assert "b              1.50  0.00   1.50\n" in str(lab.table(result.table))


def test_overhead_is_shown_apart():
    prices = {"prices_per_hour": {"gpu": 2}, "hours": 1, "machines": {"gpu": 3}, "overhead": "1.5"}
    result = bill([row(hours=1)], prices, "evenly")
    assert result.totals == {"ads": 6}
    assert (result.idle, result.overhead, result.machines) == (0, Decimal("1.50"), Decimal("7.50"))


def test_more_than_there_is_is_reduced_and_said():
    prices = {"prices_per_hour": {"gpu": 1}, "hours": 1, "machines": {"gpu": 3}}
    rows = [row(hours=1, requested=2), row(team="b", used=4, hours=1)]
    result = bill(rows, prices)
    assert result.totals == {"ads": Decimal("1.00"), "b": Decimal("2.00")}
    assert len(result.notes) == 1
    assert "gpu of machines" in result.notes[0]
    assert "200%" in result.notes[0]


@given(st.dictionaries(st.sampled_from("abcdef"), MONEY))
def test_cents_add_up_and_are_less_than_a_cent_away(amounts):
    cents = to_cents(amounts)
    total = sum(map(Fraction, amounts.values()), Fraction(0))
    assert abs(Fraction(sum(cents.values(), Decimal(0))) - total) <= Fraction(1, 200)
    for key, amount in amounts.items():
        assert abs(Fraction(cents[key]) - Fraction(amount)) < Fraction(1, 100)


def test_three_who_share_a_cent_pay_one():
    assert to_cents(dict.fromkeys("abc", Fraction(1, 300))) == {
        "a": Decimal("0.01"),
        "b": Decimal("0.00"),
        "c": Decimal("0.00"),
    }


TENANTS = st.fixed_dictionaries({name: st.fixed_dictionaries({"cpu": MONEY}) for name in "ab"})


@given(st.fixed_dictionaries({"one": TENANTS, "two": TENANTS}), MONEY, MONEY, st.sampled_from(HOWS))
def test_idle_is_shared_whole_and_none_vanishes(costs, cpu, gpu, how):
    idle = {"one": {"cpu": cpu, "gpu": gpu}, "two": {"cpu": gpu}}
    shares = share_idle(costs, idle, how)
    total = sum(sum(parts.values()) for parts in shares.values())
    assert float(total) == pytest.approx(float(cpu + 2 * gpu))


def test_idle_of_what_nobody_pays_for_stays_idle():
    costs = {"one": {"a": {"cpu": 1}}}
    assert share_idle(costs, {"one": {"gpu": 27}}) == {"a": {}, IDLE: {"gpu": 27}}
    assert share_idle(costs, {"two": {"cpu": 5}}) == {"a": {}, IDLE: {"cpu": 5}}


ITEMS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 32), min_size=1).filter(
    lambda items: any(items.values())
)


@given(ITEMS, st.floats(0, 0.05), st.floats(0, 0.002))
def test_a_batch_is_split_whole_and_who_has_no_items_pays_nothing(items, fixed_s, item_s):
    seconds = fixed_s + item_s * sum(items.values())
    for how in ("items", "evenly", "fixed evenly", "standalone"):
        parts = split_batch(items, seconds, how, fixed_s)
        assert sum(parts.values()) == pytest.approx(seconds)
        assert all(part == 0 for tenant, part in parts.items() if not items[tenant])
        if how != "evenly":
            for tenant, part in parts.items():
                assert part <= fixed_s + item_s * items[tenant] + 1e-9  # what it would take alone


def shapley(items, fixed_s, item_s):
    """Each tenant's part by definition: the mean of what it adds, over all orders to come in."""
    orders = list(permutations(items))
    added = dict.fromkeys(items, 0.0)
    for order in orders:
        for place, tenant in enumerate(order):
            added[tenant] += item_s * items[tenant] + (fixed_s if place == 0 else 0)
    return {tenant: amount / len(orders) for tenant, amount in added.items()}


def test_the_fixed_part_evenly_is_the_shapley_value_of_a_batch():
    items = {"a": 20, "b": 3, "c": 1}
    parts = split_batch(items, 0.044, "fixed evenly", fixed_s=0.02)
    assert parts == pytest.approx(shapley(items, 0.02, 0.001))


def test_the_four_answers_are_four():
    parts = [
        split_batch({"a": 9, "b": 1}, 0.03, how, 0.02)["b"]
        for how in ("items", "evenly", "fixed evenly", "standalone")
    ]
    assert parts == pytest.approx([0.003, 0.015, 0.011, 0.03 * 21 / 50])


@pytest.mark.parametrize(
    ("rows", "changes", "words"),
    [
        ([row(requested="many")], {}, "row 1: requested must be a number"),
        ([row(), row(used=-1)], {}, "row 2: used must be at least 0"),
        ([row(hours=None)], {}, "row 1: 'hours' is missing"),
        ([row(resource="tpu")], {}, "row 1: machines has no 'tpu'"),
        ([row(cluster="south")], {}, "row 1: cluster must be one of machines, got 'south'"),
        ([row(team="idle")], {}, "row 1: 'idle' cannot be the name of a team"),
        ([], {"machines": {"idle": 1}}, "prices: 'idle' cannot be the name of a resource"),
        ([], {"machines": {"who": 1}}, "prices: 'who' cannot be the name of a resource"),
        ([], {"hours": "long"}, "prices: hours must be a number"),
        ([], {"machines": {"tpu": 1}}, "'tpu' has no price"),
        ([], {"clusters": {"a": {}}}, "either 'machines' or 'clusters'"),
        ([row()], {"overhead": float("nan")}, "overhead must be a number"),
    ],
)
def test_what_cannot_be_billed_is_one_sentence(rows, changes, words):
    prices = {"prices_per_hour": {"gpu": 1}, "hours": 1, "machines": {"gpu": 2}, **changes}
    with pytest.raises(ValueError, match=rf"^[^\n]*{words}[^\n]*$"):
        bill(rows, prices)


def test_other_mistakes_are_one_sentence():
    for call in (
        lambda: share_idle({}, {}, "fairly"),
        lambda: split_batch({"a": 1}, 1, "fairly"),
        lambda: split_batch({"a": 0}, 1),
        lambda: cost(1, 1, "inf", 1),
        lambda: bill([], {"hours": 1}),
        lambda: split_price(35, {"gpu": 0}, {"gpu": 1}),
        lambda: split_price(35, {"gpu": 1}, {}),
        lambda: split_price(35, {"cpu": 1}, {"cpu": 0}),
    ):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            call()
