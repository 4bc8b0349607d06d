"""Exercise 12.5 of `capstone`: a colleague's bill, put right."""

import math

from scaletoolkit.lab.exercises import Case, Exercise


def reviewed(x):
    at_peak = x["users"] * x["visits"] / 86_400 * x["peak"]
    replicas = math.ceil(at_peak * (1 - x["hit_ratio"]) / x["per_replica"])
    finders = math.ceil(at_peak / x["lookups"])
    memory_gb = x["users"] * x["row_bytes"] * x["copies"] / 1e9
    return {
        "machines": (replicas + finders) * x["reserved_price"] * 730,
        "memory": memory_gb * x["memory_price"] * 730,
    }


def _busy_hours(x):
    dollars = reviewed(x)
    return dollars | {"machines": dollars["machines"] / x["peak"]}


def _draw_bill(dice):
    x = {"users": dice.randint(10**6, 10**8), "visits": dice.randint(2, 30)}
    x |= {"peak": dice.randint(15, 30) / 10, "hit_ratio": dice.randint(2, 8) / 10}
    x |= {"per_replica": dice.randint(20, 300), "lookups": dice.randint(300, 3000)}
    x |= {"row_bytes": dice.randint(100, 4000), "copies": dice.randint(2, 3)}
    x |= {"reserved_price": dice.randint(2, 9) / 100, "memory_price": dice.randint(2, 9) / 1000}
    at_peak = x["users"] * x["visits"] / 86_400 * x["peak"]
    parts = at_peak * (1 - x["hit_ratio"]) / x["per_replica"], at_peak / x["lookups"]
    return (x,) if all(0.01 < part % 1 < 0.99 for part in parts) else _draw_bill(dice)


FLAT = {"users": 864_000, "visits": 10, "peak": 1.0, "hit_ratio": 0.0, "per_replica": 40}
FLAT |= {"lookups": 70, "row_bytes": 1000, "copies": 1}
FLAT |= {"reserved_price": 0.1, "memory_price": 0.01}
DOLLARS = {"machines": 5 * 73.0, "memory": 6.3072}

REVIEWED = Exercise(
    name="12.5",
    story="What is the bill when the five mistakes of a colleague are put right?",
    hints=(
        "Two lines size machines by the wrong moment or unit: what is the busiest second's load?",
        "One line uses a number twice, one does not use a number that it was given.",
        "Who reserves a machine pays for all 730 hours of a month, busy or not.",
    ),
    solution=reviewed,
    why="Machines are sized for the peak, in requests a second, of which a cache takes its share "
    "once; every copy needs memory; and a reserved machine costs its price in every hour.",
    wrong={
        "the mean of a day is still taken for its peak": lambda x: reviewed(x | {"peak": 1}),
        "lookups a day are still divided by lookups a second": lambda x: reviewed(
            x | {"lookups": x["lookups"] / 86_400}
        ),
        "copies of the features are still forgotten": lambda x: reviewed(x | {"copies": 1}),
        "the hit ratio is still applied twice": lambda x: reviewed(
            x | {"hit_ratio": 1 - (1 - x["hit_ratio"]) ** 2}
        ),
        "a reserved machine is still paid for its busy hours only": _busy_hours,
    },
    cases=(
        Case("a flat day, no cache, one copy", (FLAT,), DOLLARS),
        Case("a peak of twice the mean", (FLAT | {"peak": 2.0},), DOLLARS | {"machines": 8 * 73.0}),
        Case("a cache for half", (FLAT | {"hit_ratio": 0.5},), DOLLARS | {"machines": 4 * 73.0}),
        Case("three copies", (FLAT | {"copies": 3},), DOLLARS | {"memory": 3 * 6.3072}),
    ),
    draw=_draw_bill,
)
