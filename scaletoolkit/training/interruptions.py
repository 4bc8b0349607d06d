"""A long job that fails now and then, on a virtual clock: what saving costs, and not saving.

Lab 05. Beside it the law that John Young gave for it: CACM 17(9), 1974.
"""

import math

import numpy as np

MOST = 12  # times the mean between failures: one try in e^12, about 160,000, lasts that long


def lost_time(interval: float, save: float, restart: float, between_failures: float) -> float:
    """What saving and failures cost a job, for each unit of time that it computes.

    δ/τ + (τ/2 + R)/M: interval τ of computing between two saves; save δ; restart R;
    between_failures M, the mean time. First order: good where all are far below M.
    """
    return save / interval + (interval / 2 + restart) / between_failures


def best_interval(save: float, between_failures: float) -> float:
    """The computing between two saves that loses least by `lost_time`: sqrt(2 δ M)."""
    return math.sqrt(2 * save * between_failures)


def simulate(
    work_s: float, interval_s: float, save_s: float, restart_s: float, mtbf_s: float, seed: int
) -> float:
    """Seconds until so many seconds of computing are done and saved.

    After every `interval_s` of computing the job stops for `save_s`. Failures come at random,
    `mtbf_s` apart on average (exponential); each takes what was computed or half saved since the
    last save, and `restart_s`, in which nothing fails. ValueError where it would hardly ever end:
    for an `interval_s` or `mtbf_s` that is not positive, and where an interval and its save take
    over MOST times as long as `mtbf_s`.
    """
    _refuse_what_hardly_ever_ends(min(interval_s, work_s) + save_s, interval_s, mtbf_s)
    dice = np.random.default_rng(seed)
    now_s = 0.0
    done_s = 0.0
    fails_s = dice.exponential(mtbf_s)
    while done_s < work_s:
        computing_s = min(interval_s, work_s - done_s)
        saved_s = now_s + computing_s + save_s
        if saved_s <= fails_s:
            now_s = saved_s
            done_s += computing_s
        else:
            now_s = fails_s + restart_s
            fails_s = now_s + dice.exponential(mtbf_s)
    return now_s


def _refuse_what_hardly_ever_ends(needed_s: float, interval_s: float, mtbf_s: float) -> None:
    for name, seconds in {"interval_s": interval_s, "mtbf_s": mtbf_s}.items():
        if not seconds > 0:
            raise ValueError(f"{name} must be more than 0, got {seconds}")
    if needed_s > MOST * mtbf_s:
        what = f"{needed_s:,g} s of computing and saving"
        raise ValueError(f"{what} hardly ever fit between failures {mtbf_s:,g} s apart on average")
