"""Exercises of lab 01: what must be read, which layout, how to merge, where skew ends speed-up."""

from scaletoolkit.lab.exercises import Book, Case, Exercise

HOURS = [(0, 9), (10, 19), (20, 29), (30, 39)]


def groups_to_read(bounds, low, high):
    return [i for i, (first, last) in enumerate(bounds) if first < high and last >= low]


def _contained(bounds, low, high):
    return [i for i, (first, last) in enumerate(bounds) if low <= first and last < high]


def _starts_inside(bounds, low, high):
    return [i for i, (first, _) in enumerate(bounds) if low <= first < high]


def _high_included(bounds, low, high):
    return [i for i, (first, last) in enumerate(bounds) if first <= high and last >= low]


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
    "only partly must be read as well: its statistics do not say which rows qualify.",
    wrong=(_contained, _starts_inside, _high_included),
    cases=(
        Case("a range inside one group", (HOURS, 12, 15), [1]),
        Case("a range across two groups", (HOURS, 15, 25), [1, 2]),
        Case("a range that ends where a group begins", (HOURS, 12, 20), [1]),
        Case("a range that begins at a group's last value", (HOURS, 19, 22), [1, 2]),
        Case("a range beyond the data", (HOURS, 50, 60), []),
        Case("groups in no order", ([(5, 9), (0, 100), (40, 50)], 41, 42), [1, 2]),
    ),
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


def _unweighted(cost_bytes, times_per_day):
    return min(cost_bytes, key=lambda layout: sum(cost_bytes[layout].values()))


def _best_single_question(cost_bytes, times_per_day):
    return min(cost_bytes, key=lambda layout: min(cost_bytes[layout].values()))


def _most_frequent_only(cost_bytes, times_per_day):
    often = max(times_per_day, key=times_per_day.get)
    return min(cost_bytes, key=lambda layout: cost_bytes[layout][often])


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
    wrong=(_unweighted, _best_single_question, _most_frequent_only),
    cases=(
        Case("mostly days", (COSTS, {"day": 100, "user": 1}), "by day"),
        Case("mostly users", (COSTS, {"day": 1, "user": 100}), "by user"),
        Case("one day question for three users", (COSTS, {"day": 1, "user": 3}), "by user"),
        Case("five day questions for four users", (COSTS, {"day": 5, "user": 4}), "by user"),
        Case("more days than users, but users cost more", (DEAR, {"day": 10, "user": 2}), "a"),
    ),
)


def merged_mean(partials):
    events = sum(count for count, _ in partials)
    return sum(total for _, total in partials) / events


def _mean_of_means(partials):
    means = [total / count for count, total in partials]
    return sum(means) / len(means)


def _last_part(partials):
    count, total = partials[-1]
    return total / count


MERGED_MEAN = Exercise(
    name="1.3",
    story="Each file hands back (events, revenue). What is the mean revenue an event over all?",
    hints=(
        "Files do not hold equally many events.",
        "Counts and sums can be added across files. Means cannot.",
        "Divide the sum of all revenues by the sum of all counts.",
    ),
    solution=merged_mean,
    why="A mean of means weighs a small file like a large one. Keep what adds up (count and "
    "sum) and divide once, at the end.",
    wrong=(_mean_of_means, _last_part),
    cases=(
        Case("two equal files", ([(10, 100), (10, 300)],), 20),
        Case("a small file and a large one", ([(1, 100), (99, 99)],), 1.99),
        Case("a single file", ([(4, 10)],), 2.5),
    ),
)


def speedup_limit(rows, workers):
    return sum(rows) / max(max(rows), sum(rows) / workers)


def _ideal(rows, workers):
    return workers


def _largest_only(rows, workers):
    return sum(rows) / max(rows)


def _pieces(rows, workers):
    return min(len(rows), workers)


SPEEDUP_LIMIT = Exercise(
    name="1.4",
    story="At most how many times faster are W workers, when a partition cannot be split?",
    hints=(
        "Two things bound the time: the work shared evenly, and the largest single piece.",
        "No worker finishes before sum(rows) / workers, nor before max(rows).",
        "Divide sum(rows) by the larger of the two.",
    ),
    solution=speedup_limit,
    why="The last worker decides when the job ends. One partition with a quarter of the rows "
    "caps the speed-up at four, however many workers wait beside it.",
    wrong=(_ideal, _largest_only, _pieces),
    cases=(
        Case("four equal partitions on two workers", ([5, 5, 5, 5], 2), 2),
        Case("a quarter of the rows in one partition, 16 workers", ([25] + [5] * 15, 16), 4),
        Case("one worker", ([7, 3], 1), 1),
        Case("one partition", ([9], 8), 1),
        Case("even pieces, more workers than pieces", ([1, 1, 1], 12), 3),
    ),
)

BOOK = Book(GROUPS_TO_READ, CHEAPEST_LAYOUT, MERGED_MEAN, SPEEDUP_LIMIT)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
