"""Exercises of lab 09: one metric's wish, several wishes, stabilization, an honest gauge."""

import math
from statistics import fmean

from scaletoolkit.lab.exercises import Book, Case, Exercise


def desired(replicas, average, target):
    import math

    ratio = average / target
    return replicas if 0.9 <= ratio <= 1.1 else math.ceil(replicas * ratio)


def _with_tolerance(low, high, rounded=math.ceil):
    """A wrong answer that keeps the replicas while low ≤ ratio ≤ high."""

    def desired(replicas, average, target):
        ratio = average / target
        return replicas if low <= ratio <= high else rounded(replicas * ratio)

    return desired


def _draw_metric(dice):
    target = dice.randint(5, 50)
    low, high = dice.choice([(0.3, 0.895), (0.905, 0.98), (1.02, 1.095), (1.105, 3)])
    ratio = dice.choice([dice.uniform(low, high), dice.uniform(low, high), low, high])
    return dice.randint(12, 40), round(target * ratio, 3), target


DESIRED = Exercise(
    name="9.1",
    story="How many replicas does one metric ask for?",
    hints=(
        "The ratio average ÷ target says how many times too much each replica has.",
        "A ratio from 0.9 to 1.1 is close enough: keep the replicas. Otherwise multiply.",
        "math.ceil(replicas * (average / target)), and replicas where the ratio is near 1",
    ),
    solution=desired,
    why="The work is replicas × average, and as much as `target` fits on one replica. It is "
    "rounded up, since a fraction of a replica cannot be had, and a tenth of the target is "
    "ignored, since otherwise noise would start and stop replicas all day.",
    wrong={
        "a ratio near 1 changes the replicas, too": _with_tolerance(1, 1),
        "only a ratio just above 1 is close enough, not one just below": _with_tolerance(1, 1.1),
        "only a ratio just below 1 is close enough, not one just above": _with_tolerance(0.9, 1),
        "a tenth below is taken to be 1 ÷ 1.1, not 0.9": _with_tolerance(1 / 1.1, 1.1),
        "the result is rounded instead of rounded up": _with_tolerance(0.9, 1.1, round),
        "the result is rounded down instead of up": _with_tolerance(0.9, 1.1, math.floor),
        "the average is taken for the sum of all replicas": lambda replicas, average, target: (
            replicas if 0.9 <= average / target <= 1.1 else math.ceil(average / target)
        ),
        "one replica is added or stopped, whatever the ratio": lambda replicas, average, target: (
            replicas + (average > 1.1 * target) - (average < 0.9 * target)
        ),
    },
    cases=(
        Case("Kubernetes' own case: 3 pods, average 20, target 15", (3, 20.0, 15), 4),
        Case("Kubernetes' own case: 5 pods, average 12, target 20", (5, 12.0, 20), 3),
        Case("Kubernetes' own case: 3 pods, average 20.666, target 20", (3, 20.666, 20), 3),
        Case("20 pods, a little below their target", (20, 18.5, 20), 20),
        Case("20 pods, 9.5 % below it", (20, 18.1, 20), 20),
        Case("20 pods, 11 % above it", (20, 22.2, 20), 23),
        Case("the manifest: 2 replicas, a queue of 32 each, target 10", (2, 32.0, 10), 7),
        Case("nothing to do on 8 replicas", (8, 0.0, 10), 0),
    ),
    draw=_draw_metric,
)


def combined(replicas, wishes):
    known = [wish for wish in wishes if wish is not None]
    if not known or (len(known) < len(wishes) and max(known) < replicas):
        return replicas
    return max(known)


def _known_only(replicas, wishes, choose=max):
    known = [wish for wish in wishes if wish is not None]
    return choose(known) if known else replicas


def _draw_wishes(dice):
    wishes = [dice.choice([None, 0, dice.randint(0, 24), dice.randint(0, 24)]) for _ in range(3)]
    return dice.randint(2, 20), wishes[: dice.randint(2, 3)]


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
    wrong={
        "a metric that failed is ignored, even where the others want less": _known_only,
        "the smallest wish decides": lambda replicas, wishes: (
            replicas if None in wishes else min(wishes)
        ),
        "nothing may change while a metric fails, not even upwards": lambda replicas, wishes: (
            replicas if None in wishes else max(wishes)
        ),
        "a wish of 0 is taken for a metric that failed": lambda replicas, wishes: max(
            wish or replicas for wish in wishes
        ),
        "the average of the wishes decides": lambda replicas, wishes: (
            replicas if None in wishes else math.ceil(sum(wishes) / len(wishes))
        ),
        "the replicas never become fewer": lambda replicas, wishes: max(
            replicas, _known_only(replicas, wishes)
        ),
        "the wishes are added up": lambda replicas, wishes: _known_only(replicas, wishes, sum),
    },
    cases=(
        Case("two metrics above their targets", (2, [3, 7]), 7),
        Case("two metrics below theirs", (5, [3, 2]), 3),
        Case("two metrics below theirs, one with nothing to do", (5, [0, 3]), 3),
        Case("the only metric that works wants less", (5, [None, 3]), 5),
        Case("the only metric that works wants more", (5, [8, None]), 8),
        Case("no metric works", (5, [None, None]), 5),
    ),
    draw=_draw_wishes,
)


def stabilized(history, wish, now_s, window_s):
    recent = [replicas for time_s, replicas in history if time_s >= now_s - window_s]
    return max([wish, *recent])


def _of_window(history, wish, now_s, window_s):
    return [wish, *(replicas for time_s, replicas in history if time_s >= now_s - window_s)]


def _waits_then_jumps(history, wish, now_s, window_s):
    old = history and history[0][0] < now_s - window_s
    return wish if old or not history else max(wish, history[-1][1])


def _draw_history(dice):
    times = sorted(dice.uniform(0, 600) for _ in range(dice.randint(2, 9)))
    history = [(time_s, dice.randint(1, 30)) for time_s in times]
    return history, dice.randint(1, 15), times[-1] + dice.randint(1, 90), dice.randint(60, 400)


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
    wrong={
        "no wish is ever forgotten, however old": lambda h, w, n, _: stabilized(h, w, n, math.inf),
        "one as old as the window is forgotten": lambda h, w, n, s: stabilized(h, w, n, s - 1e-6),
        "the new wish itself is left out": lambda history, wish, now_s, window_s: max(
            _of_window(history, wish, now_s, window_s)[1:], default=wish
        ),
        "the average of the window decides": lambda *given: math.ceil(fmean(_of_window(*given))),
        "the smallest wish of the window decides": lambda *given: min(_of_window(*given)),
        "the window counts from the first entry, and then all are forgotten": _waits_then_jumps,
    },
    cases=(
        Case("no history yet", ([], 4, 0, 300), 4),
        Case("a larger wish, 200 s ago", ([(0, 10), (100, 5)], 3, 200, 300), 10),
        Case("the same wish, exactly 300 s ago", ([(0, 10), (100, 5)], 3, 300, 300), 10),
        Case("the same wish, 301 s ago", ([(0, 10), (100, 5)], 3, 301, 300), 5),
        Case("a wish that is larger than all before", ([(0, 4), (15, 6)], 9, 30, 300), 9),
        Case("a dip between two peaks", ([(0, 8), (15, 2), (30, 7)], 1, 310, 300), 7),
    ),
    draw=_draw_history,
)


def mean_length(changes, end_s):
    moments = [time_s for time_s, _ in changes[1:]] + [end_s]
    pairs = zip(changes, moments, strict=True)
    area = sum(length * (until_s - time_s) for (time_s, length), until_s in pairs)
    return area / (end_s - changes[0][0])


def _one_too_late(changes, end_s):
    lengths = [length for _, length in changes[1:]] + [changes[-1][1]]
    moments = [time_s for time_s, _ in changes]
    return mean_length(list(zip(moments, lengths, strict=True)), end_s)


def _once_a_second(changes, end_s):
    begin_s = changes[0][0]
    looks_s = [begin_s + second for second in range(math.ceil(end_s - begin_s))]
    return fmean([n for time_s, n in changes if time_s <= look_s][-1] for look_s in looks_s)


def _draw_lengths(dice):
    times = sorted(dice.uniform(1, 60) for _ in range(dice.randint(2, 8)))
    changes = [(time_s, dice.randint(0, 50)) for time_s in times]
    return changes, times[-1] + dice.randint(1, 20)


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
    wrong={
        "each length counts once, however long it lasted": lambda changes, end_s: (
            sum(length for _, length in changes) / len(changes)
        ),
        "only the last length counts": lambda changes, end_s: changes[-1][1],
        "the time from the last change to the end is left out": lambda changes, end_s: (
            mean_length(changes[:-1], changes[-1][0]) if len(changes) > 1 else changes[0][1]
        ),
        "the period is taken to start at 0": lambda changes, end_s: (
            mean_length(changes, end_s) * (end_s - changes[0][0]) / end_s
        ),
        "the queue is looked at once a second": _once_a_second,
        "a length counts for the time before its change, not after it": _one_too_late,
    },
    cases=(
        Case("a queue of 4 for the whole time", ([(0, 4)], 10), 4),
        Case("100 for one second, then none for nine", ([(0, 100), (1, 0)], 10), 10),
        Case("a period that starts at 5 s", ([(5, 2), (7, 6)], 9), 4),
        Case("8 for half a second, then none", ([(0, 8), (0.5, 0)], 2), 2),
        Case("a queue that grows at the end", ([(0, 0), (2, 30), (3, 60)], 4), 22.5),
    ),
    draw=_draw_lengths,
)

BOOK = Book(DESIRED, COMBINED, STABILIZED, MEAN_LENGTH)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
