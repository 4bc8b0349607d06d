"""The model: the same for numbers and draws, in the right units, and rising where it must."""

import numpy as np
import pytest
from planning import examples

from scaletoolkit.planning import bill, ranges

X = ranges.middles(examples.read(examples.FOLDER / "recommender.yaml").inputs)


def test_a_flat_little_product_by_hand():
    x = dict.fromkeys(bill.UNITS, 1.0) | {"hit_ratio": 0.5, "idle_share": 0.5, "users": 86_400e3}
    x |= {"bytes_per_entity": 1e3, "bytes_per_event": 1e3, "bytes_per_answer": 1e3}
    parts = bill.bill(x)
    month_h = 365 * 24 / 12
    assert bill.visits_per_s(x) == 1000
    assert bill.workers(x) == 500.5
    assert parts["serving"] == pytest.approx(500.5 * month_h * 2)
    assert parts["features"] == pytest.approx((86.4 + 1000) * month_h * 2)
    assert parts["storage"] == pytest.approx(86.4)
    assert parts["network"] == pytest.approx(86.4 * 365 / 12)
    assert parts["training"] == 2
    assert parts["fixed"] == 1


def test_numbers_and_arrays_give_the_same_bill():
    drawn = ranges.draws(examples.read(examples.FOLDER / "chat.yaml").inputs, 50, seed=2)
    together = bill.total(drawn)
    alone = [bill.total({name: values[i] for name, values in drawn.items()}) for i in range(50)]
    assert np.allclose(together, alone, rtol=1e-12)


@pytest.mark.parametrize("name", bill.UNITS)
def test_each_input_moves_the_bill_the_way_it_must(name):
    more = bill.total(X | {name: X[name] * 1.1})
    cheaper = ("hit_ratio", "calls_per_worker", "utilization", "fill", "lookups_per_worker")
    if name == "peak_over_mean":
        assert more == bill.total(X)  # hours follow the mean; the fleet's largest size, the peak
        assert bill.peak_workers(X | {name: X[name] * 1.1}) > bill.peak_workers(X)
    else:
        assert (more < bill.total(X)) == (name in cheaper)
        assert more != bill.total(X)


def test_nobody_runs_on_less_than_two_workers():
    assert bill.workers(X | {"users": 1.0}) == 2


def test_break_even_never_comes_where_nothing_is_saved():
    assert bill.break_even(100, 3, 1) == 50
    assert bill.break_even(100, 1, 1) == float("inf")


def test_every_input_is_explained():
    assert set(bill.UNITS) == set(bill.ABOUT) > set(bill.SHARES)
