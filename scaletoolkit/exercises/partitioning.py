"""Exercises of lab 01: what must be read, which layout, how to merge, where skew ends speed-up."""

from operator import mul

from scaletoolkit.lab.exercises import Book, Case, Exercise

HOURS = [(0, 9), (10, 19), (20, 29), (30, 39)]
DAYS = [("2026-01-01", "2026-01-15"), ("2026-01-15", "2026-01-31")]


def groups_to_read(bounds, low, high):
    return [i for i, (first, last) in enumerate(bounds) if first < high and last >= low]


def _from_first_to_last(bounds, low, high):
    places = groups_to_read(bounds, low, high)
    return list(range(places[0], places[-1] + 1)) if places else []


def _whole_numbers(bounds, low, high):
    wanted = set(range(low, high))
    return [i for i, (first, last) in enumerate(bounds) if wanted & set(range(first, last + 1))]


def _draw_bounds(dice):
    kind = dice.choice([int, float, "{:03}".format])
    firsts = [dice.randint(0, 80) for _ in range(dice.randint(3, 8))]
    bounds = [(kind(first), kind(first + dice.randint(0, 30))) for first in firsts]
    low = dice.randint(0, 90)
    return bounds, kind(low), kind(low + dice.randint(1, 30))


GROUPS_TO_READ = Exercise(
    name="1.1",
    story="Which row groups may hold a value x with low ≤ x < high?",
    hints=(
        "A row group can be skipped only when all of its values lie outside the range.",
        "It lies outside when its last value is below low, or its first is at or above high.",
        "Keep i when first < high and last >= low.",
    ),
    solution=groups_to_read,
    why="Two ranges overlap when each starts before the other ends. A group that overlaps "
    "only in part must be read as well: its statistics do not say which rows qualify.",
    wrong={
        "only groups that lie wholly in the range are read": lambda bounds, low, high: [
            i for i, (first, last) in enumerate(bounds) if low <= first and last < high
        ],
        "only groups that begin in the range are read": lambda bounds, low, high: [
            i for i, (first, _) in enumerate(bounds) if low <= first < high
        ],
        "high itself is taken to belong to the range": lambda bounds, low, high: [
            i for i, (first, last) in enumerate(bounds) if first <= high and last >= low
        ],
        "the last value of a group is taken not to belong to it": lambda bounds, low, high: [
            i for i, (first, last) in enumerate(bounds) if first < high and last > low
        ],
        "all between the first and the last hit is read, as if groups had an order": (
            _from_first_to_last
        ),
        "all values are taken for whole numbers; they may be days or prices": _whole_numbers,
    },
    cases=(
        Case("a range inside one group", (HOURS, 12, 15), [1]),
        Case("a range across two groups", (HOURS, 15, 25), [1, 2]),
        Case("a range that ends where a group begins", (HOURS, 12, 20), [1]),
        Case("a range that begins at a group's last value", (HOURS, 19, 22), [1, 2]),
        Case("a range beyond the data", (HOURS, 50, 60), []),
        Case("groups in no order", ([(40, 50), (5, 9), (0, 100)], 41, 42), [0, 2]),
        Case("days, written as text", (DAYS, "2026-01-20", "2026-01-21"), [1]),
    ),
    draw=_draw_bounds,
)

COSTS = {
    "one file": {"day": 40, "user": 60},
    "by day": {"day": 4, "user": 90},
    "by user": {"day": 70, "user": 2},
}
DEAR = {"a": {"day": 10, "user": 10}, "b": {"day": 9, "user": 99}}


def cheapest_layout(cost_bytes, times_per_day):
    def total(layout):
        return sum(times_per_day[q] * size for q, size in cost_bytes[layout].items())

    return min(cost_bytes, key=total)


def _draw_costs(dice):
    questions = ["day", "user", "country"][: dice.randint(2, 3)]
    layouts = ["one file", "by day", "by user", "by country"][: dice.randint(2, 4)]
    costs = {layout: {q: dice.randint(1, 10**6) for q in questions} for layout in layouts}
    return costs, {q: dice.randint(1, 100) for q in dice.sample(questions, len(questions))}


CHEAPEST_LAYOUT = Exercise(
    name="1.2",
    story="Which layout reads the fewest bytes a day, given how often each question is asked?",
    hints=(
        "A layout's daily bill is the sum over questions.",
        "Multiply the bytes of a question by how often it is asked, before you add.",
        "min(cost_bytes, key=total) returns the name of the layout with the smallest total.",
    ),
    solution=cheapest_layout,
    why="Bytes are paid each time a question is asked, so the mix of questions decides; the "
    "best layout for one question can be the worst for the mix.",
    wrong={
        "every question counts once, however often it is asked": lambda costs, times: min(
            costs, key=lambda layout: sum(costs[layout].values())
        ),
        "costs and times are paired by their places, not by the names of the questions": (
            lambda costs, times: min(
                costs, key=lambda layout: sum(map(mul, costs[layout].values(), times.values()))
            )
        ),
        "a layout is judged by its best question alone": lambda costs, times: min(
            costs, key=lambda layout: min(costs[layout].values())
        ),
        "only the most frequent question counts": lambda costs, times: min(
            costs, key=lambda layout: costs[layout][max(times, key=times.get)]
        ),
        "the layout that reads most is chosen": lambda costs, times: max(
            costs, key=lambda layout: sum(times[q] * size for q, size in costs[layout].items())
        ),
    },
    cases=(
        Case("mostly days", (COSTS, {"day": 100, "user": 1}), "by day"),
        Case("mostly users", (COSTS, {"day": 1, "user": 100}), "by user"),
        Case("one day question for three users", (COSTS, {"day": 1, "user": 3}), "by user"),
        Case("five day questions for four users", (COSTS, {"day": 5, "user": 4}), "by user"),
        Case("more days than users, but users cost more", (DEAR, {"day": 10, "user": 2}), "a"),
    ),
    draw=_draw_costs,
)


def merged_mean(partials):
    events = sum(count for count, _ in partials)
    return sum(total for _, total in partials) / events


def _draw_partials(dice):
    counts = [dice.randint(1, 99) for _ in range(dice.randint(2, 7))]
    return ([(count, count * dice.randint(1, 500) + dice.randint(0, 9)) for count in counts],)


MERGED_MEAN = Exercise(
    name="1.3",
    story="Each file hands back (events, revenue). What is the mean revenue of an event, over all?",
    hints=(
        "Files do not hold equally many events.",
        "Counts and sums can be added across files. Means cannot.",
        "Divide the sum of all revenues by the sum of all counts.",
    ),
    solution=merged_mean,
    why="A mean of means weighs a small file like a large one. Keep what adds up (count and "
    "sum) and divide once, at the end.",
    wrong={
        "each file's mean counts alike, whatever its number of events": lambda partials: (
            sum(total / count for count, total in partials) / len(partials)
        ),
        "only the last file is looked at": lambda partials: partials[-1][1] / partials[-1][0],
        "revenue is divided by the number of files": lambda partials: (
            sum(total for _, total in partials) / len(partials)
        ),
        "files that hand back the same are counted once": lambda partials: merged_mean(
            set(partials)
        ),
        "the mean is rounded to two places": lambda partials: round(merged_mean(partials), 2),
    },
    cases=(
        Case("two equal files", ([(10, 100), (10, 300)],), 20),
        Case("a small file and a large one", ([(1, 100), (99, 99)],), 1.99),
        Case("three files, two of them alike", ([(10, 100), (10, 100), (30, 100)],), 6),
        Case("a single file", ([(4, 10)],), 2.5),
        Case("a file without events", ([(0, 0), (4, 10)],), 2.5),
    ),
    draw=_draw_partials,
)


def speedup_limit(rows, workers):
    return sum(rows) / max(max(rows), sum(rows) / workers)


def _one_schedule(rows, workers):
    loads = [0] * workers
    for size in rows:
        loads[loads.index(min(loads))] += size
    return sum(rows) / max(loads)


SPEEDUP_LIMIT = Exercise(
    name="1.4",
    story="What is the lowest speed-up that, by the sum and the largest of the rows alone, no "
    "schedule can exceed?",
    hints=(
        "Two things bound the time from below. What if all rows were shared out evenly? "
        "And who takes the largest partition?",
        "No worker finishes before sum(rows) / workers, nor before max(rows).",
        "Divide sum(rows) by the larger of the two.",
    ),
    solution=speedup_limit,
    why="The last worker decides when the job ends. One partition with a quarter of the rows "
    "caps the speed-up at four, however many workers there are. It is a ceiling: whether a "
    "schedule reaches it depends on the other partitions.",
    wrong={
        "the partitions are taken to be divisible": lambda rows, workers: workers,
        "only the largest partition counts, not the workers": lambda rows, workers: (
            sum(rows) / max(rows)
        ),
        "all partitions are taken to be equal": lambda rows, workers: min(len(rows), workers),
        "one schedule is tried, in turns; the question is what no schedule can exceed": (
            lambda rows, workers: sum(rows) / max(sum(rows[w::workers]) for w in range(workers))
        ),
        "one schedule is tried, to the first who is free; "
        "the question is what no schedule can exceed": _one_schedule,
        "one schedule is tried, largest first; the question is what no schedule can exceed": (
            lambda rows, workers: _one_schedule(sorted(rows, reverse=True), workers)
        ),
        "the speed-up is rounded down": lambda rows, workers: int(speedup_limit(rows, workers)),
    },
    cases=(
        Case("four equal partitions on two workers", ([5, 5, 5, 5], 2), 2),
        Case("three equal partitions on two workers", ([1, 1, 1], 2), 2),
        Case("a quarter of the rows in one partition, 16 workers", ([25] + [5] * 15, 16), 4),
        Case("one worker", ([7, 3], 1), 1),
        Case("one partition", ([9], 8), 1),
        Case("a large partition and a small one", ([5, 3], 8), 1.6),
    ),
    draw=lambda dice: (
        [dice.randint(1, 99) for _ in range(dice.randint(2, 9))],
        dice.randint(2, 9),
    ),
)

BOOK = Book(GROUPS_TO_READ, CHEAPEST_LAYOUT, MERGED_MEAN, SPEEDUP_LIMIT)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
