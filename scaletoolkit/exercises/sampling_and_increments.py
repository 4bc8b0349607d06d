"""Exercises of lab 02: rows of a sample, allocation, buckets of a sketch, a change feed."""

import math

from scaletoolkit.lab.exercises import Book, Case, Exercise


def rows_needed(relative_sd, relative_error, z):
    import math

    return math.ceil((z * relative_sd / relative_error) ** 2)


ROWS_NEEDED = Exercise(
    name="2.1",
    story="How many rows, at least, make z standard errors no more than a given part of the mean?",
    hints=(
        "Write down the standard error of n rows as a part of the mean. When is it small enough?",
        "z · relative_sd / √n ≤ relative_error. Bring √n to one side, then square everything.",
        "(z * relative_sd / relative_error) ** 2, rounded up with math.ceil: rows come whole.",
    ),
    solution=rows_needed,
    why="The size of the table is not in it. Halving the error takes four times the rows, "
    "and z is squared like everything else.",
    wrong={
        "nothing is squared": lambda sd, error, z: math.ceil(z * sd / error),
        "z is not squared": lambda sd, error, z: math.ceil(z * (sd / error) ** 2),
        "z is left out": lambda sd, error, z: math.ceil((sd / error) ** 2),
        "the rows are rounded down": lambda sd, error, z: math.floor((z * sd / error) ** 2),
        "the rows are rounded to the nearest": lambda sd, error, z: round((z * sd / error) ** 2),
        "the rows are not rounded up to whole ones": lambda sd, error, z: (z * sd / error) ** 2,
        "a row is added even to a whole number": lambda sd, error, z: (
            math.floor((z * sd / error) ** 2) + 1
        ),
    },
    cases=(
        Case("a spread of 2 and an error of 3 %, one standard error", (2.0, 0.03, 1.0), 4445),
        Case("half that error", (2.0, 0.015, 1.0), 17778),
        Case("a spread of 2 and an error of 3 % with 95 % confidence", (2.0, 0.03, 1.96), 17074),
        Case("a spread of 0.5 and an error of 5 % with 95 % confidence", (0.5, 0.05, 1.96), 385),
        Case("a spread of 2 and an error of 50 %, one standard error", (2.0, 0.5, 1.0), 16),
    ),
    draw=lambda dice: (dice.uniform(0.3, 4), dice.uniform(0.01, 0.2), dice.uniform(1.2, 3)),
)


def allocate(n, sizes, sds):
    weights = [size * sd for size, sd in zip(sizes, sds, strict=True)]
    return [n * weight / sum(weights) for weight in weights]


def _draw_strata(dice):
    strata = range(dice.randint(2, 5))
    sizes = [dice.randint(100, 9000) for _ in strata]
    return dice.randint(50, 5000), sizes, [dice.uniform(0.5, 9) for _ in strata]


ALLOCATE = Exercise(
    name="2.2",
    story="Share n rows out among strata so that the error of the overall mean is smallest.",
    hints=(
        "A stratum deserves more rows when it is larger, and also when its values vary more.",
        "Each stratum's share is proportional to its size times its standard deviation.",
        "weights = [size * sd ...]; the answer is [n * weight / sum(weights) ...].",
    ),
    solution=allocate,
    why="A stratum adds (W · s)² / n to the variance, where W is its part of all rows. A row moved "
    "from one stratum to another stops helping when W · s / n is the same in both.",
    wrong={
        "the sizes count and the spreads do not": lambda n, sizes, sds: allocate(
            n, sizes, [1] * len(sizes)
        ),
        "the spreads count and the sizes do not": lambda n, sizes, sds: allocate(
            n, [1] * len(sds), sds
        ),
        "the variance is taken instead of the standard deviation": lambda n, sizes, sds: allocate(
            n, sizes, [sd**2 for sd in sds]
        ),
        "all strata get the same": lambda n, sizes, sds: [n / len(sizes)] * len(sizes),
        "the rows are rounded; fractions are wanted": lambda *case: [*map(round, allocate(*case))],
        "the rows are rounded down; fractions are wanted": lambda *case: [
            *map(int, allocate(*case))
        ],
    },
    cases=(
        Case("two equal strata", (100, [500, 500], [7.0, 7.0]), [50.0, 50.0]),
        Case("a small stratum with three times the spread", (90, [600, 400], [1.0, 3.0]), [30, 60]),
        Case("a stratum of equal values", (80, [100, 200, 300], [3.0, 0.0, 1.0]), [40, 0, 40]),
    ),
    draw=_draw_strata,
)


def bucket_bits(relative_error, z):
    import math

    return math.ceil(math.log2((z * 1.04 / relative_error) ** 2))


def _buckets(relative_error, z):
    return (z * 1.04 / relative_error) ** 2


BUCKET_BITS = Exercise(
    name="2.3",
    story="How many bits must choose a sketch's bucket for its error to be small enough?",
    hints=(
        "First the buckets: when is z · 1.04 / √buckets as small as the error that is asked for?",
        "At least (z · 1.04 / error)² buckets; b bits choose one of 2 to the power b.",
        "math.log2((z * 1.04 / relative_error) ** 2), rounded up with math.ceil.",
    ),
    solution=bucket_bits,
    why="It is the law of 2.1 with buckets in the place of rows and 1.04 in the place of the "
    "relative spread; how many users there are is not in it. Powers of two are coarse: two bits "
    "more halve the error.",
    wrong={
        "z is left out": lambda error, z: bucket_bits(error, 1),
        "z is not squared": lambda error, z: math.ceil(math.log2(z * (1.04 / error) ** 2)),
        "the 1.04 is left out": lambda error, z: bucket_bits(1.04 * error, z),
        "nothing is squared": lambda error, z: math.ceil(math.log2(z * 1.04 / error)),
        "the bits are rounded down": lambda error, z: math.floor(math.log2(_buckets(error, z))),
        "the bits are rounded to the nearest": lambda error, z: round(
            math.log2(_buckets(error, z))
        ),
        "a bit is added even where the buckets are just enough": lambda error, z: (
            math.floor(math.log2(_buckets(error, z))) + 1
        ),
        "the buckets are returned instead of the bits": lambda error, z: math.ceil(
            _buckets(error, z)
        ),
    },
    cases=(
        Case("an error of 5 %, one standard error", (0.05, 1.0), 9),
        Case("an error of 5 % with 95 % confidence", (0.05, 1.96), 11),
        Case("an error that 1024 buckets have exactly", (1.04 / 32, 1.0), 10),
        Case("an error of 3.1 %, one standard error", (0.031, 1.0), 11),
        Case("an error of 1 % with 95 % confidence", (0.01, 1.96), 16),
    ),
    draw=lambda dice: (dice.uniform(0.003, 0.09), dice.uniform(1.2, 3)),
)


def follow(events, cents, changes):
    for kind, amount in changes:
        sign = 1 if kind in ("insert", "update_postimage") else -1
        events += sign
        cents += sign * amount
    return [events, cents]


def _without(events, cents, changes, kinds):
    return follow(events, cents, [change for change in changes if change[0] not in kinds])


def _never_lower(events, cents, changes):
    sums = {kind: sum(amount for k, amount in changes if k == kind) for kind, _ in changes}
    dearer = sums.get("update_postimage", 0) - sums.get("update_preimage", 0)
    after = _without(events, cents, changes, ["update_preimage", "update_postimage"])
    return [after[0], after[1] + max(0, dearer)]


def _draw_changes(dice):
    changes = []
    for _ in range(dice.randint(2, 8)):
        kinds = dice.choice([["insert"], ["delete"], ["update_preimage", "update_postimage"]])
        changes += [(kind, dice.randint(1, 999)) for kind in kinds]
    return dice.randint(20, 99), dice.randint(20_000, 99_000), changes


DEARER = [("update_preimage", 300), ("update_postimage", 350)]
FOUR = [("insert", 70), ("delete", 200), ("update_preimage", 100), ("update_postimage", 10)]

FOLLOW = Exercise(
    name="2.4",
    story="Bring a count and a sum up to date from the signed rows of a change feed.",
    hints=(
        "An update reaches you as two rows: what the row was, and what it is now.",
        "insert and update_postimage add an event and its cents; the other two take them back.",
        "sign = 1 if kind in ('insert', 'update_postimage') else -1; add sign and sign * amount.",
    ),
    solution=follow,
    why="Adding and taking back are the same operation with another sign, so deletes and updates "
    "need no code of their own. An update changes no count, but it may change the sum.",
    wrong={
        "what a row was before an update is not taken back": lambda events, cents, changes: (
            _without(events, cents, changes, ["update_preimage"])
        ),
        "every row of the feed is counted as an event more": lambda events, cents, changes: (
            [events + len(changes), follow(events, cents, changes)[1]]
        ),
        "rows that are alike are counted once": lambda events, cents, changes: follow(
            events, cents, set(changes)
        ),
        "updates are left out": lambda events, cents, changes: _without(
            events, cents, changes, ["update_preimage", "update_postimage"]
        ),
        "deletes are left out": lambda events, cents, changes: _without(
            events, cents, changes, ["delete"]
        ),
        "a feed is skipped when it leaves the count as it was": lambda events, cents, changes: (
            [events, cents]
            if follow(events, cents, changes)[0] == events
            else follow(events, cents, changes)
        ),
        "updates may only make the sum larger": _never_lower,
    },
    cases=(
        Case("two new rows", (0, 0, [("insert", 500), ("insert", 300)]), [2, 800]),
        Case("two new rows that are alike", (0, 0, [("insert", 500)] * 2), [2, 1000]),
        Case("a deleted row", (2, 800, [("delete", 300)]), [1, 500]),
        Case("a corrected price", (3, 900, DEARER), [3, 950]),
        Case("all four kinds in one feed", (5, 1000, FOUR), [5, 780]),
    ),
    draw=_draw_changes,
)

BOOK = Book(ROWS_NEEDED, ALLOCATE, BUCKET_BITS, FOLLOW)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
