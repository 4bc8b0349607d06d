"""A day of GPU jobs: small days by hand, and what holds on any day."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit.teams.quotas import Job, gpu_jobs, simulate_day

OWN = {"vision": 4, "speech": 4, "ads": 2}
APART = {team: {"quota": {"gpu": gpus}} for team, gpus in OWN.items()}
SHARED = {"all": {}, **{team: {"parent": "all", **entry} for team, entry in APART.items()}}
TREES = [(APART, False), (SHARED, False), (SHARED, True)]
JOBS = st.lists(
    st.builds(
        Job, st.sampled_from(sorted(OWN)), st.integers(1, 2), st.integers(1, 9), st.integers(0, 20)
    ),
    max_size=25,
)

each_way = pytest.mark.parametrize(("tree", "reclaim"), TREES)


def own(**gpus):
    tree = {team: {"parent": "all", "quota": {"gpu": number}} for team, number in gpus.items()}
    return {"all": {}, **tree}


def two(*jobs, reclaim=False):
    return simulate_day([Job(*job) for job in jobs], own(a=1, b=1), reclaim)


FIRST_COME = [("a", 1, 10, 0), ("a", 1, 10, 0), ("b", 1, 5, 2)]


def test_who_lent_waits_for_the_borrower():
    day = two(*FIRST_COME)
    assert day.waits_min == {"a": [0, 0], "b": [8]}
    assert (day.preempted, day.lost_gpu_h) == (0, 0)


def test_who_lent_takes_back_and_the_borrower_begins_again():
    day = two(*FIRST_COME, reclaim=True)
    assert day.waits_min == {"a": [0, 7], "b": [0]}
    assert (day.preempted, day.lost_gpu_h) == (1, 2 / 60)
    assert [day.used[team][:18] for team in "ab"] == [
        [2] * 2 + [1] * 5 + [2] * 3 + [1] * 7 + [0],
        [0] * 2 + [1] * 5 + [0] * 11,
    ]


def test_who_borrows_goes_behind_who_does_not():
    day = two(("a", 2, 10, 0), ("a", 2, 5, 1), ("b", 1, 5, 2))
    assert day.waits_min == {"a": [0, 14], "b": [8]}


def test_who_borrows_nothing_is_never_stopped():
    jobs = [Job("a", 1, 9, 0), Job("a", 1, 9, 0), Job("c", 1, 9, 1), Job("b", 1, 9, 2)]
    day = simulate_day(jobs, own(a=1, b=1, c=1), reclaim=True)
    assert day.waits_min == {"a": [0, 9], "c": [0], "b": [0]}


def test_who_would_borrow_stops_nobody():
    jobs = [Job("a", 1, 9, 0)] * 3 + [Job("b", 1, 9, 0), Job("b", 1, 9, 1)]
    assert simulate_day(jobs, own(a=1, b=1, c=2), reclaim=True).preempted == 0


def test_who_was_stopped_is_the_next_of_its_team():
    day = two(("a", 1, 10, 0), *FIRST_COME, reclaim=True)
    assert day.waits_min == {"a": [0, 7, 10], "b": [0]}


def test_only_as_many_jobs_are_stopped_as_are_in_the_way():
    jobs = [Job("a", 3, 20, 0), Job("a", 1, 20, 1), Job("b", 3, 5, 2)]
    assert simulate_day(jobs, own(a=1, b=3), reclaim=True).preempted == 1


@each_way
@given(jobs=JOBS)
def test_every_job_runs_to_its_end_within_what_is_there(tree, reclaim, jobs):
    day = simulate_day(jobs, tree, reclaim)
    work = sum(job.gpus * job.length_min for job in jobs)
    assert sum(map(sum, day.used.values())) == pytest.approx(work + 60 * day.lost_gpu_h)
    assert max((sum(now) for now in zip(*day.used.values(), strict=True)), default=0) <= 10
    assert sum(map(len, day.waits_min.values())) == len(jobs)
    assert all(wait >= 0 for waits in day.waits_min.values() for wait in waits)
    if tree is APART:
        assert all(max(line) <= OWN[team] for team, line in day.used.items())


@given(JOBS)
def test_who_asks_for_no_more_than_its_own_never_waits_where_it_can_take_back(jobs):
    small = [job for job in jobs if job.team != "ads"]
    modest = [Job("ads", 1, 3, 3 * number) for number in range(8)]
    assert simulate_day(small + modest, SHARED, reclaim=True).waits_min["ads"] == [0] * 8


def test_the_same_seed_is_the_same_day_and_another_is_another():
    assert gpu_jobs(3) == gpu_jobs(3) != gpu_jobs(4)
    assert repr(simulate_day(gpu_jobs(3), SHARED)) == repr(simulate_day(gpu_jobs(3), SHARED))


def test_a_job_that_can_never_start_is_one_sentence():
    with pytest.raises(ValueError, match=r"^a job of ads asks for 3 GPUs and can have 2$"):
        simulate_day([Job("ads", 3, 1, 0)], APART)


def test_a_job_takes_something_for_some_time():
    for job in (Job("ads", 0, 1, 0), Job("ads", 1, 0, 0)):
        with pytest.raises(ValueError, match=r"^a job takes at least one GPU for one minute.*$"):
            simulate_day([job], APART)


def test_jobs_may_come_as_they_are_made():
    assert simulate_day(iter([Job("ads", 1, 5, 0)]), APART).waits_min == {"ads": [0]}


@pytest.mark.parametrize("seed", range(3))
def test_borrowing_uses_what_lies_idle_and_reclaiming_gives_it_back(seed):
    apart, shared, reclaimed = [simulate_day(gpu_jobs(seed), *way) for way in TREES]
    assert shared.utilization > apart.utilization
    assert shared.mean_wait_h["vision"] < apart.mean_wait_h["vision"] / 2
    assert reclaimed.mean_wait_h["speech"] < shared.mean_wait_h["speech"]
    assert reclaimed.preempted > 0
