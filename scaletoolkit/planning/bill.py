"""The model: from users to dollars a month, for numbers and for arrays of draws alike. Lab 12.

A worker is what runs the model: a core, or a GPU. It answers calls; a visit of a user makes some.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

SECONDS_A_DAY = 86_400
DAYS_A_MONTH = 365 / 12
HOURS_A_MONTH = 24 * DAYS_A_MONTH
GB = 1e9
LEAST_WORKERS = 2  # one may die
HALF = 0.5  # workers come whole: rounding up adds half of one on the average

UNITS = {
    "users": "users",
    "visits_per_user": "/day",
    "peak_over_mean": "×",
    "calls_per_visit": "calls",
    "hit_ratio": "",
    "calls_per_worker": "/s",
    "utilization": "",
    "spare": "×",
    "worker_price": "$/h",
    "bytes_per_entity": "B",
    "copies": "copies",
    "fill": "",
    "memory_price": "$/GB/h",
    "lookups_per_worker": "/s",
    "bytes_per_event": "B",
    "kept_days": "days",
    "storage_price": "$/GB/month",
    "bytes_per_answer": "B",
    "egress_price": "$/GB",
    "training_hours": "h/month",
    "idle_share": "",
    "fixed": "$/month",
}
ABOUT = {
    "users": "how many people use it",
    "visits_per_user": "how often one of them comes",
    "peak_over_mean": "the busiest hour of a day over its mean",
    "calls_per_visit": "answers of the model that a visit needs",
    "hit_ratio": "the share of them that a cache has",
    "calls_per_worker": "what a worker answers when it never idles",
    "utilization": "the share of its time that a worker shall be busy",
    "spare": "workers kept over those that are needed",
    "worker_price": "an hour of a worker",
    "bytes_per_entity": "a user's features in the store",
    "copies": "copies of them",
    "fill": "the share of the store's memory that holds them",
    "memory_price": "an hour of a gigabyte of memory",
    "lookups_per_worker": "features of users that a worker finds",
    "bytes_per_event": "what a visit leaves behind",
    "kept_days": "for how long",
    "storage_price": "a month of a gigabyte on disk",
    "bytes_per_answer": "what is sent to a visitor",
    "egress_price": "a gigabyte sent",
    "training_hours": "worker-hours of training in a month",
    "idle_share": "the share of all that is paid that idles between teams",
    "fixed": "what is paid whoever comes",
}
SHARES = ("hit_ratio", "utilization", "fill", "idle_share")  # below 1, or 1 at most

Number = float | NDArray[np.float64]
Values = Mapping[str, Number]


def visits_per_s(x: Values) -> Number:
    """Visits a second, the mean of a day."""
    return x["users"] * x["visits_per_user"] / SECONDS_A_DAY


def calls_per_s(x: Values) -> Number:
    """Calls a second that no cache answers, the mean of a day."""
    return visits_per_s(x) * x["calls_per_visit"] * (1 - x["hit_ratio"])


def workers(x: Values) -> Number:
    """Workers, the mean of a day in which their number follows the load: a fraction, at least two.

    They are busy for `utilization` of their time, and `spare` times as many as that needs.
    """
    needed = calls_per_s(x) / (x["calls_per_worker"] * x["utilization"]) * x["spare"]
    floored: Number = np.maximum(needed + HALF, LEAST_WORKERS)
    return floored


def peak_workers(x: Values) -> Number:
    """Whole workers in the busiest hour."""
    most: Number = np.ceil(workers(x) * x["peak_over_mean"])
    return most


def bill(x: Values) -> dict[str, Number]:
    """Dollars a month by part: serving, features, storage, network, training, fixed.

    x: a value for each name of UNITS, a number or an array of draws. What idles between teams is
    paid for with whatever runs on machines.
    """
    shared = 1 / (1 - x["idle_share"])
    hour = x["worker_price"] * HOURS_A_MONTH
    visits = visits_per_s(x)
    visits_a_month = visits * SECONDS_A_DAY * DAYS_A_MONTH
    memory_gb = x["users"] * x["bytes_per_entity"] * x["copies"] / x["fill"] / GB
    finders = visits / (x["lookups_per_worker"] * x["utilization"])
    kept_gb = visits * SECONDS_A_DAY * x["kept_days"] * x["bytes_per_event"] / GB
    memory = memory_gb * x["memory_price"] * HOURS_A_MONTH
    return {
        "serving": workers(x) * hour * shared,
        "features": (memory + finders * hour) * shared,
        "storage": kept_gb * x["storage_price"],
        "network": visits_a_month * x["bytes_per_answer"] / GB * x["egress_price"],
        "training": x["training_hours"] * x["worker_price"] * shared,
        "fixed": x["fixed"],
    }


def total(x: Values) -> Number:
    """Dollars a month, all parts together."""
    return sum(bill(x).values(), 0.0)


def break_even(fixed: float, before: float, after: float) -> float:
    """From how many units on a fixed cost pays, when each then costs `after`, not `before`.

    fixed ÷ (before − after); infinite where a unit becomes no cheaper. All in the same money.
    """
    return fixed / (before - after) if after < before else float("inf")
