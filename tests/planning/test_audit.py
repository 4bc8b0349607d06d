"""The closed form beside lab 09's simulator."""

import pytest
from planning import examples

from scaletoolkit.planning import audit, bill, ranges

each_example = pytest.mark.parametrize("path", examples.FILES, ids=lambda path: path.stem)


@each_example
def test_on_a_smooth_day_both_count_the_same_hours_within_two_percent(path):
    checked = audit.against_simulator(ranges.middles(examples.read(path).inputs))
    assert abs(checked.ratio - 1) < 0.02
    assert checked.replay.over_objective(1) == 0


def test_a_show_is_late_and_hardly_changes_the_hours():
    x = ranges.middles(examples.read(examples.FOLDER / "recommender.yaml").inputs)
    day = audit.smooth_day(x)
    assert day.mean() == pytest.approx(bill.calls_per_s(x))
    assert day.max() == pytest.approx(x["peak_over_mean"] * day.mean(), rel=1e-3)
    day[20 * 3600 : 20 * 3600 + 600] *= 5
    checked = audit.against_simulator(x, day)
    assert abs(checked.ratio - 1) < 0.1
    assert checked.replay.late_s(1) > 60


def test_a_large_fleet_is_simulated_by_fewer_that_stand_for_several():
    x = ranges.middles(examples.read(examples.FOLDER / "recommender.yaml").inputs)
    checked = audit.against_simulator(x | {"users": 20 * x["users"]})
    assert checked.replay.replicas.max() < 2 * audit.SAMPLE_WORKERS
    assert abs(checked.ratio - 1) < 0.03
