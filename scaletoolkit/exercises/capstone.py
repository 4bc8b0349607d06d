"""Exercises of lab 12: replicas, memory, the largest swing, when it pays, a colleague's bill."""

import math

from scaletoolkit.exercises._review import REVIEWED
from scaletoolkit.lab.exercises import Book, Case, Exercise


def replicas(users, visits_per_day, peak, hit_ratio, busy_per_s):
    per_s = users * visits_per_day / 86_400
    at_peak = per_s * peak * (1 - hit_ratio)
    return math.ceil(at_peak / busy_per_s)


def _draw_demand(dice):
    x = [dice.randint(10_000, 10**8), dice.randint(2, 40), dice.randint(12, 30) / 10]
    x += [dice.randint(1, 9) / 10, dice.randint(20, 900)]
    needed = x[0] * x[1] / 86_400 * x[2] * (1 - x[3]) / x[4]
    return tuple(x) if 0.01 < needed % 1 < 0.99 else _draw_demand(dice)


REPLICAS = Exercise(
    name="12.1",
    story="How many whole replicas does the busiest hour need?",
    hints=(
        "A day has 86,400 seconds; the mean is users × visits ÷ 86,400 a second.",
        "The busiest hour has `peak` times the mean, and a cache answers the share `hit_ratio`.",
        "math.ceil(mean × peak × (1 - hit_ratio) ÷ busy_per_s): nobody can start a part of one.",
    ),
    solution=replicas,
    why="Only misses reach a replica, once each; and at the peak, a part of one is a whole one.",
    wrong={
        "the number is rounded, and rounded down half of the time": lambda u, v, p, h, b: round(
            u * v / 86_400 * p * (1 - h) / b
        ),
        "one more is taken, always": lambda *x: replicas(*x) + 1,
        "the mean of the day is taken for its peak": lambda u, v, p, *x: replicas(u, v, 1, *x),
        "the cache is counted twice": lambda u, *x: replicas(u * (1 - x[2]), *x),
        "hits reach the replicas, not misses": lambda u, v, p, h, b: replicas(u, v, p, 1 - h, b),
        "visits a day are taken for visits a second": lambda u, *x: replicas(86_400 * u, *x),
    },
    cases=(
        Case("864,000 users, one visit, a flat day, no cache", (864_000, 1, 1.0, 0.0, 9), 2),
        Case("the same, and a peak of twice the mean", (864_000, 1, 2.0, 0.0, 9), 3),
        Case("the same, and a cache for three of four", (864_000, 1, 2.0, 0.75, 9), 1),
        Case("ten million users, 10 visits each", (10**7, 10, 1.8, 0.2, 100), 17),
        Case("just as much as one carries", (864_000, 1, 1.0, 0.0, 10), 1),
        Case(
            "just as much as two carry, less than a request a second",
            (43_200, 1, 1.0, 0.0, 0.25),
            2,
        ),
    ),
    draw=_draw_demand,
)


def store_gb(entities, row_bytes, copies, fill):
    return entities * row_bytes * copies / fill / 1e9


def _draw_store(dice):
    sizes = dice.randint(10**5, 10**8), dice.randint(40, 4000), dice.randint(2, 4)
    return *sizes, dice.randint(50, 90) / 100


STORE_GB = Exercise(
    name="12.2",
    story="How many gigabytes of memory must be paid for, to keep each user's features at hand?",
    hints=(
        "One copy is entities × row_bytes; one machine may die, so there are several.",
        "Only the share `fill` of the memory holds rows: the whole is more, not less.",
        "entities * row_bytes * copies / fill / 1e9: a price list counts in 10⁹ bytes.",
    ),
    solution=store_gb,
    why="Every copy costs the same memory, the free part is paid for, too, and a gigabyte is "
    "10⁹ bytes; 2³⁰ of them are a gibibyte, seven in a hundred more.",
    wrong={
        "copies are forgotten": lambda n, b, c, f: store_gb(n, b, 1, f),
        "the free part is thought to cost nothing": lambda n, b, c, f: store_gb(n, b, c, 1),
        "it is multiplied by the fill": lambda n, b, c, f: store_gb(n, b, c, 1 / f),
        "gibibytes (2³⁰ bytes) are taken for gigabytes": lambda *x: store_gb(*x) * 1e9 / 2**30,
    },
    cases=(
        Case("a million rows of a kilobyte, one copy, full", (10**6, 1000, 1, 1.0), 1.0),
        Case("the same, half full", (10**6, 1000, 1, 0.5), 2.0),
        Case("two copies of it", (10**6, 1000, 2, 0.5), 4.0),
    ),
    draw=_draw_store,
)


def shop(x):
    """A small bill: visits × price of one, less what a cache saves, and a rent."""
    return x["visits"] * x["price"] * (1 - x["hit_ratio"]) + x["rent"]


def by_swing(model, inputs):
    middle = {name: ends[1] for name, ends in inputs.items()}

    def swing(name):
        low, _, high = inputs[name]
        return abs(model(middle | {name: high}) - model(middle | {name: low}))

    return sorted(inputs, key=swing, reverse=True)


def _draw_model(dice):
    middle = {"price": dice.randint(2, 9), "hit_ratio": dice.randint(30, 60) / 100}
    middle |= {"rent": dice.randint(100, 2000), "visits": dice.randint(50, 900)}
    names = sorted(middle, key=lambda _: dice.random())
    most = {name: 1.5 if name == "hit_ratio" else 3 for name in names}
    up = {name: middle[name] * dice.uniform(1.01, most[name]) for name in names}
    return shop, {n: (middle[n] / dice.uniform(1.01, most[n]), middle[n], up[n]) for n in names}


def _sorted_by(swing):
    def answer(model, inputs):
        middle = {name: ends[1] for name, ends in inputs.items()}
        bills = {n: [model(middle | {n: end}) for end in ends] for n, ends in inputs.items()}
        return sorted(inputs, key=lambda name: swing(inputs[name], bills[name]), reverse=True)

    return answer


CAFE = {"visits": (90, 100, 110), "price": (1, 2, 4), "hit_ratio": (0.1, 0.5, 0.6)}
CAFE |= {"rent": (10, 60, 70)}
DEAR_RENT = ["rent", "price", "hit_ratio", "visits"]

BY_SWING = Exercise(
    name="12.3",
    story="Which input moves the bill most, when each goes alone from its low to its high?",
    hints=(
        "`middle` holds each input's middle; change one name of it, and ask the model.",
        "The swing is the distance between the bill at its high and at its low, whatever its sign.",
        "middle | {name: high} is a dict with one value changed; sorted(…, key=…, reverse=True)",
    ),
    solution=by_swing,
    why="An input matters by what it does to the bill, not by how wide its range is; and one that "
    "makes the bill fall, as a hit ratio does, matters as much as one that makes it rise.",
    wrong={
        "what lowers the bill counts as if it did not": _sorted_by(lambda _, b: b[2] - b[0]),
        "inputs are sorted by their ranges alone": _sorted_by(lambda ends, _: ends[2] / ends[0]),
        "only the way from the middle up counts": _sorted_by(lambda _, b: abs(b[2] - b[1])),
        "the smallest swing comes first": _sorted_by(lambda _, b: -abs(b[2] - b[0])),
    },
    cases=(
        Case("a café", (shop, CAFE), ["price", "hit_ratio", "rent", "visits"]),
        Case("one with a rent of 10 to 900", (shop, CAFE | {"rent": (10, 60, 900)}), DEAR_RENT),
    ),
    draw=_draw_model,
)


def break_even(fixed, before, after):
    return fixed / (before - after) if after < before else math.inf


def _draw_prices(dice):
    before = dice.randint(1, 900) / 1000
    after = round(before * dice.choice([dice.uniform(0.1, 0.9), dice.uniform(1.05, 2)]), 6)
    return dice.randint(10, 90_000), before, after


BREAK_EVEN = Exercise(
    name="12.4",
    story="From how many units on does a fixed cost pay that makes each unit cheaper?",
    hints=(
        "Each unit saves before - after; how many of them save as much as `fixed`?",
        "Where a unit gets no cheaper, no number of units is enough.",
        "math.inf if after >= before else fixed / (before - after)",
    ),
    solution=break_even,
    why="n units save n × (before − after), which is `fixed` at the break-even. Where nothing is "
    "saved, it never pays: infinity, and no negative number of units.",
    wrong={
        "what a unit still costs is forgotten": lambda f, b, a: f / b if a < b else math.inf,
        "negative numbers come out": lambda f, b, a: f / (b - a) if a != b else math.inf,
        "the saving is taken as a share": lambda f, b, a: f / (1 - a / b) if a < b else math.inf,
        "it is rounded up": lambda f, b, a: math.ceil(f / (b - a)) if a < b else math.inf,
    },
    cases=(
        Case("$1,000 make a unit cost $3 rather than $5", (1000, 5, 3), 500.0),
        Case("nothing is left to pay for a unit", (1000, 5, 0), 200.0),
        Case("a unit costs as much as before", (1000, 5, 5), math.inf),
        Case("a unit costs more than before", (1000, 3, 5), math.inf),
    ),
    draw=_draw_prices,
)


BOOK = Book(REPLICAS, STORE_GB, BY_SWING, BREAK_EVEN, REVIEWED)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
