"""Exercises of lab 06: scale and zero point, scales of rows, McNemar, sparse rows, rewinding."""

import math

from scaletoolkit.lab.exercises import Book, Case, Exercise


def scale_and_zero(low, high, bits):
    low = min(low, 0)
    high = max(high, 0)
    scale = (high - low) / (2**bits - 1)
    return scale, round(-low / scale)


def _without_zero(low, high, bits):
    scale = (high - low) / (2**bits - 1)
    return scale, round(-low / scale)


def _one_step_too_many(low, high, bits):
    scale = (max(high, 0) - min(low, 0)) / 2**bits
    return scale, round(-min(low, 0) / scale)


def _draw_range(dice):
    """A range whose zero point is far from a tie."""
    while True:
        low = dice.choice([dice.uniform(-6, -0.1), dice.uniform(0.2, 2)])
        high = low + dice.uniform(1, 9)
        bits = dice.choice([3, 4, 8])
        place = -min(low, 0) / (max(high, 0) - min(low, 0)) * (2**bits - 1)
        if abs(place % 1 - 0.5) > 0.05:
            return low, high, bits


SCALE_AND_ZERO = Exercise(
    name="6.1",
    story="Which scale and which zero point store values between low and high in `bits` bits?",
    hints=(
        "The range must hold zero: stretch it to zero where it does not reach it.",
        "There are 2**bits integers, and so one step fewer between the first and the last.",
        "scale = (high - low) / (2**bits - 1); the zero point is the integer nearest -low / scale.",
    ),
    solution=scale_and_zero,
    why="Integer 0 stands for low and integer 2**bits - 1 for high. Zero itself must be met "
    "exactly, since images and rectified layers are full of zeros.",
    wrong={
        "the range need not hold zero": _without_zero,
        "steps are counted like integers, one too many": _one_step_too_many,
        "the zero point is not rounded": lambda low, high, bits: (
            scale_and_zero(low, high, bits)[0],
            -min(low, 0) / scale_and_zero(low, high, bits)[0],
        ),
    },
    cases=(
        Case("pixels from 0 to 1 in 8 bits", (0, 1, 8), [1 / 255, 0]),
        Case("values from -1 to 2 in 4 bits", (-1, 2, 4), [0.2, 5]),
        Case("values from -3.9 to 0 in 3 bits", (-3.9, 0, 3), [3.9 / 7, 7]),
        Case("values from 1 to 3 in 4 bits", (1, 3, 4), [0.2, 0]),
    ),
    draw=_draw_range,
)


def row_scales(rows, bits):
    most = 2 ** (bits - 1) - 1
    return [max(map(abs, row)) / most or 1 for row in rows]


def _draw_rows(dice):
    columns = dice.randint(2, 4)
    rows = [[dice.uniform(-5, 5) for _ in range(columns)] for _ in range(dice.randint(2, 5))]
    rows[0][0] = -9 - dice.random()
    if dice.random() < 0.4:
        rows[-1] = [0] * columns
    return rows, dice.choice([3, 4, 8])


ROW_SCALES = Exercise(
    name="6.2",
    story="Which scale has each row, so that its largest weight is the largest signed integer?",
    hints=(
        "Each row is treated alone, whatever the others hold.",
        "The largest integer of `bits` bits is 2**(bits - 1) - 1; the lowest one is not used.",
        "max(abs(weight) for weight in row) / (2**(bits - 1) - 1), or 1 for a row of zeros.",
    ),
    solution=row_scales,
    why="A row belongs to one output. Whatever it is multiplied by is multiplied back at the end, "
    "so each row may have a scale of its own, and an outlier coarsens its own row alone.",
    wrong={
        "all rows share one scale": lambda rows, bits: (
            [max(abs(w) for row in rows for w in row) / (2 ** (bits - 1) - 1)] * len(rows)
        ),
        "columns are taken for rows": lambda rows, bits: row_scales(
            list(zip(*rows, strict=True)), bits
        ),
        "the sign of the weights is not dropped": lambda rows, bits: [
            max(row) / (2 ** (bits - 1) - 1) or 1 for row in rows
        ],
        "the integers are taken to have no sign": lambda rows, bits: [
            max(map(abs, row)) / (2**bits - 1) or 1 for row in rows
        ],
        "a row of zeros has the scale zero": lambda rows, bits: [
            max(map(abs, row)) / (2 ** (bits - 1) - 1) for row in rows
        ],
    },
    cases=(
        Case("one row with 1.27 as its largest, 8 bits", ([[0.5, 1.27, -1]], 8), [0.01]),
        Case("a second row with an outlier", ([[0.5, 1.27], [-127, 3]], 8), [0.01, 1]),
        Case("three rows of two in 4 bits", ([[7, 1], [-14, 2], [0.7, 0]], 4), [1, 2, 0.1]),
        Case("a row of zeros", ([[0, 0], [3, -1.5]], 3), [1, 1]),
    ),
    draw=_draw_rows,
)


def p_value(only_old, only_new):
    import math

    differ = only_old + only_new
    fewer = min(only_old, only_new)
    tail = sum(math.comb(differ, count) for count in range(fewer + 1))
    return min(1, 2 * tail / 2**differ)


def _this_many_exactly(only_old, only_new):
    differ = only_old + only_new
    return min(1, 2 * math.comb(differ, only_old) / 2**differ)


P_VALUE = Exercise(
    name="6.3",
    story="How likely is it that two equally good models differ by so much or more, by luck alone?",
    hints=(
        "Images that both label alike say nothing. Of the others, each is a coin: old or new?",
        "Add up the chances of 0, 1, … heads, up to the smaller of the two counts.",
        "k heads in n throws: math.comb(n, k) / 2**n. Twice the sum, and never more than 1.",
    ),
    solution=p_value,
    why="If neither model is better, an image on which they differ is as likely to be won by one "
    "as by the other. So the number that one of them wins is heads in so many throws, and a result "
    "counts as rare when it or a more lopsided one, to either side, is rare.",
    wrong={
        "only one side is counted": lambda *counts: p_value(*counts) / 2,
        "only this very result is counted, not the more lopsided ones": _this_many_exactly,
        "a chance may be larger than 1": lambda *counts: (
            2
            * sum(
                math.comb(sum(counts), count) / 2 ** sum(counts) for count in range(min(counts) + 1)
            )
        ),
    },
    cases=(
        Case("5 images that only the new model gets right", (0, 5), 0.0625),
        Case("1 that only the old one gets right, 5 that only the new one does", (1, 5), 14 / 64),
        Case("the same the other way round", (5, 1), 14 / 64),
        Case("3 against 3", (3, 3), 1),
        Case("two models that never differ", (0, 0), 1),
    ),
    draw=lambda dice: (dice.randint(0, 14), dice.randint(0, 14)),
)


def most_kept(rows, columns, index_bytes):
    free = 4 * rows * columns - index_bytes * (rows + 1)
    return max(0, (free - 1) // (4 + index_bytes))


MOST_KEPT = Exercise(
    name="6.4",
    story="How many weights may a sparse matrix keep and still be smaller than the dense one?",
    hints=(
        "Dense: 4 bytes for each of rows × columns weights.",
        "Sparse: 4 + index_bytes for each weight kept; index_bytes for each of rows + 1 starts.",
        "The sparse one must be smaller, not equal; the answer is a whole number of 0 or more.",
    ),
    solution=most_kept,
    why="Each weight that stays brings the number of its column along: with 4 bytes for that, it "
    "costs twice what it cost before, so less than half may stay; with 8 bytes less than a third.",
    wrong={
        "the numbers of the columns are forgotten": lambda rows, columns, index_bytes: max(
            0, (4 * rows * columns - index_bytes * (rows + 1) - 1) // 4
        ),
        "the starts of the rows are forgotten": lambda rows, columns, index_bytes: max(
            0, (4 * rows * columns - 1) // (4 + index_bytes)
        ),
        "the same size is taken to be smaller": lambda rows, columns, index_bytes: max(
            0, (4 * rows * columns - index_bytes * (rows + 1)) // (4 + index_bytes)
        ),
    },
    cases=(
        Case("3 rows of 4, with 4 bytes an index: a tie is no gain", (3, 4, 4), 3),
        Case("10 rows of 10, with 4 bytes an index", (10, 10, 4), 44),
        Case("10 rows of 10, with 8 bytes an index", (10, 10, 8), 25),
        Case("5 rows of 1, with 8 bytes an index", (5, 1, 8), 0),
    ),
    draw=lambda dice: (dice.randint(6, 90), dice.choice([1, 7, 12, 60]), dice.choice([2, 4, 8])),
)


def rewind(first, trained, kept):
    ranked = sorted(range(len(trained)), key=lambda i: abs(trained[i]), reverse=True)
    stay = set(ranked[:kept])
    return [first[i] if i in stay else 0 for i in range(len(first))]


def _draw_weights(dice):
    count = dice.randint(4, 9)
    sizes = dice.sample(range(1, 60), count)
    trained = [dice.choice([-1, 1]) * size / 10 for size in sizes]
    first = [dice.randint(1, 50) / 10 * dice.choice([-1, 1]) for _ in trained]
    return first, trained, dice.randint(1, count - 2)


REWIND = Exercise(
    name="6.5",
    story="What does a network start from, if its largest trained weights go back to the start?",
    hints=(
        "Two lists of the same length: the weights before training and after it.",
        "Rank the places by the size of the trained weight, without its sign.",
        "The first `kept` places of that ranking hold what `first` holds; all others hold 0.",
    ),
    solution=rewind,
    why="The trained sizes say which places matter; the first values say where training began. "
    "Such a start is called a winning ticket where it learns nearly as well as the whole.",
    wrong={
        "the trained values are kept": lambda first, trained, kept: rewind(trained, trained, kept),
        "places are ranked by what they held at first": lambda first, trained, kept: rewind(
            first, first, kept
        ),
        "the sign counts in the ranking": lambda first, trained, kept: rewind(
            first, [99 + weight for weight in trained], kept
        ),
        "the smallest are kept": lambda first, trained, kept: rewind(
            first, [1 / weight for weight in trained], kept
        ),
    },
    cases=(
        Case("three weights, one kept", ([0.1, 0.2, 0.3], [0.5, -0.9, 0.4], 1), [0, 0.2, 0]),
        Case("the same, two kept", ([0.1, 0.2, 0.3], [0.5, -0.9, 0.4], 2), [0.1, 0.2, 0]),
        Case("the smallest at first is the largest later", ([-0.1, 0.8], [2, 0.9], 1), [-0.1, 0]),
    ),
    draw=_draw_weights,
)

BOOK = Book(SCALE_AND_ZERO, ROW_SCALES, P_VALUE, MOST_KEPT, REWIND)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
