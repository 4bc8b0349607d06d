"""Exercises of lab 02: rows of a sample, allocation, an exact fold, a change feed."""

import math

from scaletoolkit.lab.exercises import Book, Case, Exercise


def rows_needed(relative_sd, relative_error, z):
    import math

    return math.ceil((z * relative_sd / relative_error) ** 2)


def _not_squared(relative_sd, relative_error, z):
    return math.ceil(z * relative_sd / relative_error)


def _z_not_squared(relative_sd, relative_error, z):
    return math.ceil(z * (relative_sd / relative_error) ** 2)


def _z_forgotten(relative_sd, relative_error, z):
    return math.ceil((relative_sd / relative_error) ** 2)


def _rounded_down(relative_sd, relative_error, z):
    return int((z * relative_sd / relative_error) ** 2)


ROWS_NEEDED = Exercise(
    name="2.1",
    story="How many rows must be drawn so that z standard errors are a given part of the mean?",
    hints=(
        "Write down the relative standard error of n rows, then ask when it is small enough.",
        "z · relative_sd / √n ≤ relative_error. Bring √n to one side, then square everything.",
        "(z * relative_sd / relative_error) ** 2, rounded up with math.ceil: rows come whole.",
    ),
    solution=rows_needed,
    why="The size of the table is not in it. Halving the error takes four times the rows, "
    "and z is squared like everything else.",
    wrong=(_not_squared, _z_not_squared, _z_forgotten, _rounded_down),
    cases=(
        Case("a spread of 2 and an error of 3 %, one standard error", (2.0, 0.03, 1.0), 4445),
        Case("half that error", (2.0, 0.015, 1.0), 17778),
        Case("a spread of 2 and an error of 3 % with 95 % confidence", (2.0, 0.03, 1.96), 17074),
        Case("a spread of 0.5 and an error of 5 % with 95 % confidence", (0.5, 0.05, 1.96), 385),
    ),
)


def allocate(n, sizes, sds):
    weights = [size * sd for size, sd in zip(sizes, sds, strict=True)]
    return [n * weight / sum(weights) for weight in weights]


def _by_size(n, sizes, sds):
    return [n * size / sum(sizes) for size in sizes]


def _by_spread(n, sizes, sds):
    return [n * sd / sum(sds) for sd in sds]


def _by_variance(n, sizes, sds):
    weights = [size * sd**2 for size, sd in zip(sizes, sds, strict=True)]
    return [n * weight / sum(weights) for weight in weights]


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
    wrong=(_by_size, _by_spread, _by_variance),
    cases=(
        Case("two equal strata", (100, [500, 500], [7.0, 7.0]), [50.0, 50.0]),
        Case("a small stratum with three times the spread", (90, [600, 400], [1.0, 3.0]), [30, 60]),
        Case("a stratum of equal values", (80, [100, 200, 300], [3.0, 0.0, 1.0]), [40, 0, 40]),
    ),
)


def fold(state, landed):
    new = {file: amount for file, amount in landed.items() if file not in state["ledger"]}
    return {
        "ledger": sorted([*state["ledger"], *new]),
        "total": state["total"] + sum(new.values()),
    }


def _watermark(state, landed):
    newest = max(state["ledger"], default="")
    new = {file: amount for file, amount in landed.items() if file > newest}
    return {
        "ledger": sorted([*state["ledger"], *new]),
        "total": state["total"] + sum(new.values()),
    }


def _every_time(state, landed):
    ledger = sorted({*state["ledger"], *landed})
    return {"ledger": ledger, "total": state["total"] + sum(landed.values())}


def _forgets(state, landed):
    return {"ledger": state["ledger"], "total": fold(state, landed)["total"]}


def _from_scratch(state, landed):
    ledger = sorted({*state["ledger"], *landed})
    return {"ledger": ledger, "total": sum(landed.values())}


LANDED = {"06-01": 10, "06-02": 20}
FOLDED = {"ledger": ["06-01", "06-02"], "total": 30}
LATE = {"06-01": 10, "06-02": 5, "06-03": 30}

FOLD = Exercise(
    name="2.3",
    story="Fold the files that are new into a state, each exactly once, in whatever order.",
    hints=(
        "Which files are new? Only the ledger knows; neither their number nor their names do.",
        "Pick the files that are not in state['ledger'], add their amounts, note their names.",
        "new = {f: a for f, a in landed.items() if f not in state['ledger']}; return a new dict.",
    ),
    solution=fold,
    why="What is new is what the ledger does not name: a late file is just another file. And the "
    "total grows from the total, since old files may have been archived long ago.",
    wrong=(_watermark, _every_time, _forgets, _from_scratch),
    cases=(
        Case("an empty state and two files", ({"ledger": [], "total": 0}, LANDED), FOLDED),
        Case("a second run with nothing new", (FOLDED, LANDED), FOLDED),
        Case(
            "a file that comes a day late",
            ({"ledger": ["06-01", "06-03"], "total": 40}, LATE),
            {"ledger": ["06-01", "06-02", "06-03"], "total": 45},
        ),
        Case(
            "old files that have been archived",
            (FOLDED, {"06-03": 7}),
            {"ledger": ["06-01", "06-02", "06-03"], "total": 37},
        ),
    ),
)


def follow(events, cents, changes):
    for kind, amount in changes:
        sign = 1 if kind in ("insert", "update_postimage") else -1
        events += sign
        cents += sign * amount
    return [events, cents]


def _ignores_preimages(events, cents, changes):
    return follow(events, cents, [c for c in changes if c[0] != "update_preimage"])


def _takes_back_amounts_only(events, cents, changes):
    return [events + len(changes), follow(events, cents, changes)[1]]


def _skips_what_keeps_the_count(events, cents, changes):
    after = follow(events, cents, changes)
    return after if after[0] != events else [events, cents]


def _never_lowers(events, cents, changes):
    after = follow(events, cents, [c for c in changes if "update" not in c[0]])
    old = sum(amount for kind, amount in changes if kind == "update_preimage")
    new = sum(amount for kind, amount in changes if kind == "update_postimage")
    return [after[0], after[1] + max(0, new - old)]


DEARER = [("update_preimage", 300), ("update_postimage", 350)]
CHEAPER = [("update_preimage", 100), ("update_postimage", 10)]

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
    wrong=(
        _ignores_preimages,
        _takes_back_amounts_only,
        _skips_what_keeps_the_count,
        _never_lowers,
    ),
    cases=(
        Case("two new rows", (0, 0, [("insert", 500), ("insert", 300)]), [2, 800]),
        Case("a deleted row", (2, 800, [("delete", 300)]), [1, 500]),
        Case("a corrected price", (3, 900, DEARER), [3, 950]),
        Case(
            "all four kinds in one feed",
            (5, 1000, [("insert", 70), ("delete", 200), *CHEAPER]),
            [5, 780],
        ),
    ),
)

BOOK = Book(ROWS_NEEDED, ALLOCATE, FOLD, FOLLOW)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
