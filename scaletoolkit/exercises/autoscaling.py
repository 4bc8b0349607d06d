"""Exercises of lab 09: one metric's wish, several wishes, stabilization, an honest gauge."""

import math

from scaletoolkit.lab.exercises import Book, Case, Exercise


def desired(replicas, average, target):
    import math

    ratio = average / target
    return replicas if 0.9 <= ratio <= 1.1 else math.ceil(replicas * ratio)


def _no_tolerance(replicas, average, target):
    return math.ceil(replicas * average / target)


def _rounded(replicas, average, target):
    ratio = average / target
    return replicas if 0.9 <= ratio <= 1.1 else round(replicas * ratio)


def _average_is_taken_for_the_total(replicas, average, target):
    return replicas if 0.9 <= average / target <= 1.1 else math.ceil(average / target)


def _one_more(replicas, average, target):
    return replicas + (average > 1.1 * target) - (average < 0.9 * target)


DESIRED = Exercise(
    name="9.1",
    story="How many replicas does one metric ask for?",
    hints=(
        "The ratio average ÷ target says how many times too much each replica has.",
        "A ratio from 0.9 to 1.1 is close enough: keep the replicas. Else multiply.",
        "math.ceil(replicas * average / target), and replicas where the ratio is near 1",
    ),
    solution=desired,
    why="The work is replicas × average, and target of it fit on one replica. It is rounded "
    "up, since a fraction of a replica cannot be had, and a tenth of the target is ignored, "
    "since else noise would start and stop replicas all day.",
    wrong=(_no_tolerance, _rounded, _average_is_taken_for_the_total, _one_more),
    cases=(
        Case("Kubernetes' own case: 3 pods, average 20, target 15", (3, 20.0, 15), 4),
        Case("Kubernetes' own case: 5 pods, average 12, target 20", (5, 12.0, 20), 3),
        Case("Kubernetes' own case: 3 pods, average 20.666, target 20", (3, 20.666, 20), 3),
        Case("the manifest: 2 replicas, a queue of 32 each, target 10", (2, 32.0, 10), 7),
        Case("nothing to do on 8 replicas", (8, 0.0, 10), 0),
    ),
)


def combined(replicas, wishes):
    known = [wish for wish in wishes if wish is not None]
    if not known or (len(known) < len(wishes) and max(known) < replicas):
        return replicas
    return max(known)


def _failed_ones_are_ignored(replicas, wishes):
    return max([wish for wish in wishes if wish is not None], default=replicas)


def _smallest(replicas, wishes):
    return replicas if None in wishes else min(wishes)


def _nothing_while_one_fails(replicas, wishes):
    return replicas if None in wishes else max(wishes)


def _average_of_wishes(replicas, wishes):
    return replicas if None in wishes else math.ceil(sum(wishes) / len(wishes))


COMBINED = Exercise(
    name="9.2",
    story="Several metrics have wishes, and some could not be read. How many replicas?",
    hints=(
        "When all are known, the busiest resource decides: the largest wish.",
        "A metric that failed might have asked for more. What must not happen then?",
        "Leave the failed ones out; but if one failed, never go below `replicas`.",
    ),
    solution=combined,
    why="Each resource needs its replicas, so the largest wish serves all. Growing on what is "
    "known is safe while a metric is down; shrinking is not.",
    wrong=(_failed_ones_are_ignored, _smallest, _nothing_while_one_fails, _average_of_wishes),
    cases=(
        Case("two metrics above their targets", (2, [3, 7]), 7),
        Case("two metrics below theirs", (5, [3, 2]), 3),
        Case("the only metric that works wants less", (5, [None, 3]), 5),
        Case("the only metric that works wants more", (5, [8, None]), 8),
        Case("no metric works", (5, [None, None]), 5),
    ),
)


def stabilized(history, wish, now_s, window_s):
    recent = [replicas for time_s, replicas in history if time_s >= now_s - window_s]
    return max([wish, *recent])


def _whole_history(history, wish, now_s, window_s):
    return max([wish, *(replicas for _, replicas in history)])


def _newest_forgotten(history, wish, now_s, window_s):
    recent = [replicas for time_s, replicas in history if time_s >= now_s - window_s]
    return max(recent, default=wish)


def _mean_of_the_window(history, wish, now_s, window_s):
    recent = [replicas for time_s, replicas in history if time_s >= now_s - window_s]
    return math.ceil(sum([wish, *recent]) / (1 + len(recent)))


def _waits_then_jumps(history, wish, now_s, window_s):
    old = history and history[0][0] < now_s - window_s
    return wish if old or not history else max(wish, history[-1][1])


STABILIZED = Exercise(
    name="9.3",
    story="What remains of a wish, when no larger wish of the last seconds is forgotten?",
    hints=(
        "Scaling down waits until the largest recent wish has left the window.",
        "Keep the entries of the history with time_s >= now_s - window_s.",
        "The largest of those wishes and of the new one",
    ),
    solution=stabilized,
    why="Growing is at once, since the new wish is the largest. Shrinking waits until nobody "
    "has asked for more during a whole window; a dip in between changes nothing.",
    wrong=(_whole_history, _newest_forgotten, _mean_of_the_window, _waits_then_jumps),
    cases=(
        Case("no history yet", ([], 4, 0, 300), 4),
        Case("a larger wish, 200 s ago", ([(0, 10), (100, 5)], 3, 200, 300), 10),
        Case("the same wish, 301 s ago", ([(0, 10), (100, 5)], 3, 301, 300), 5),
        Case("a wish that is larger than all before", ([(0, 4), (15, 6)], 9, 30, 300), 9),
        Case("a dip between two peaks", ([(0, 8), (15, 2), (30, 7)], 1, 310, 300), 7),
    ),
)


def mean_length(changes, end_s):
    moments = [time_s for time_s, _ in changes[1:]] + [end_s]
    pairs = zip(changes, moments, strict=True)
    area = sum(length * (until_s - time_s) for (time_s, length), until_s in pairs)
    return area / (end_s - changes[0][0])


def _mean_of_the_readings(changes, end_s):
    return sum(length for _, length in changes) / len(changes)


def _last_reading(changes, end_s):
    return changes[-1][1]


def _end_left_out(changes, end_s):
    if len(changes) == 1:
        return changes[0][1]
    return mean_length(changes[:-1], changes[-1][0])


def _divided_by_the_clock(changes, end_s):
    return mean_length(changes, end_s) * (end_s - changes[0][0]) / end_s


MEAN_LENGTH = Exercise(
    name="9.4",
    story="How long was the queue on average, if every change of its length is known?",
    hints=(
        "A length counts for as long as it lasted, not once for each change.",
        "Add up length × seconds until the next change; the last one lasts until end_s.",
        "Divide the sum by end_s minus the time of the first change.",
    ),
    solution=mean_length,
    why="The area under the curve divided by the time is the average, whatever the rhythm of "
    "the traffic. It is what a counter of queue × seconds gives Prometheus, from two readings.",
    wrong=(_mean_of_the_readings, _last_reading, _end_left_out, _divided_by_the_clock),
    cases=(
        Case("a queue of 4 for the whole time", ([(0, 4)], 10), 4),
        Case("100 for one second, then none for nine", ([(0, 100), (1, 0)], 10), 10),
        Case("a period that starts at 5 s", ([(5, 2), (7, 6)], 9), 4),
        Case("a queue that grows at the end", ([(0, 0), (2, 30), (3, 60)], 4), 22.5),
    ),
)

BOOK = Book(DESIRED, COMBINED, STABILIZED, MEAN_LENGTH)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
