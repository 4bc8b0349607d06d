"""Exercises of lab 00: efficiency, serial fraction, buckets of a shuffle, average queue."""

from scaletoolkit.lab.exercises import Book, Case, Exercise


def efficiency(seconds_of_one, seconds_of_n, n):
    return seconds_of_one / seconds_of_n / n


def _draw_seconds(dice):
    n = dice.randint(2, 64)
    seconds_of_one = dice.uniform(5, 100)
    return seconds_of_one, seconds_of_one / dice.uniform(1, n), n


EFFICIENCY = Exercise(
    name="0.1",
    story="What share of n workers' time was useful?",
    hints=(
        "How many times faster did n workers finish?",
        "The ideal is n times faster.",
        "Divide the speed-up, seconds_of_one / seconds_of_n, by n.",
    ),
    solution=efficiency,
    why="Speed-up over its ideal. Put in for n what you pay for: an efficiency of 0.5 means that "
    "half of it bought nothing.",
    wrong={
        "the speed-up is not divided by n": lambda one, many, n: one / many,
        "the times are the wrong way round": lambda one, many, n: many / one / n,
        "the time saved is divided by the time of one worker": lambda one, many, n: 1 - many / one,
        "the share is rounded to two places": lambda one, many, n: round(one / many / n, 2),
    },
    cases=(
        Case("10 s alone and 5 s with two workers", (10, 5, 2), 1),
        Case("10 s alone and 5 s with four workers", (10, 5, 4), 0.5),
        Case("12 s alone and 8 s with three workers", (12, 8, 3), 0.5),
        Case("one worker", (7, 7, 1), 1),
    ),
    draw=_draw_seconds,
)


def serial_fraction(speedup, n):
    return (1 / speedup - 1 / n) / (1 - 1 / n)


def _draw_speedup(dice):
    n = dice.randint(2, 64)
    return dice.uniform(1, n), n


SERIAL_FRACTION = Exercise(
    name="0.2",
    story="Which serial fraction explains a measured speed-up, by Amdahl's law?",
    hints=(
        "Write Amdahl's law as 1 / speedup = s + (1 - s) / n.",
        "It is linear in s: bring the terms with s to one side.",
        "s = (1 / speedup - 1 / n) / (1 - 1 / n)",
    ),
    solution=serial_fraction,
    why="It is Amdahl's law solved for s, the Karp-Flatt metric (CACM 33(5), 1990). It is the same "
    "for every n only where the serial part is all that holds the job back.",
    wrong={
        "the workers' share of the work is taken to cost no time": lambda speedup, n: 1 / speedup,
        "the lost efficiency, 1 - speedup / n, is taken": lambda speedup, n: 1 - speedup / n,
        "1 / n is taken away, but not divided by 1 - 1 / n": lambda speedup, n: 1 / speedup - 1 / n,
        "Gustafson's law is solved instead of Amdahl's": lambda speedup, n: (n - speedup) / (n - 1),
    },
    cases=(
        Case("an ideal speed-up of 8 on 8 workers", (8, 8), 0),
        Case("no speed-up at all on 4 workers", (1, 4), 1),
        Case("a speed-up of 1.6 on 2 workers", (1.6, 2), 0.25),
        Case("a speed-up of 28.8 on 32 workers", (28.8, 32), 1 / 279),
    ),
    draw=_draw_speedup,
)


def split(totals, buckets):
    parts: list[dict[int, int]] = [{} for _ in range(buckets)]
    for customer, cents in totals.items():
        parts[customer % buckets][customer] = cents
    return parts


def _split_by(choose, totals, buckets):
    """The buckets when choose(place in the file, customer, cents) names each customer's."""
    parts: list[dict[int, int]] = [{} for _ in range(buckets)]
    for place, (customer, cents) in enumerate(totals.items()):
        parts[choose(place, customer, cents)][customer] = cents
    return parts


def _draw_totals(dice):
    customers = dice.sample(range(100), dice.randint(4, 12))
    return {customer: dice.randint(1, 500) for customer in customers}, dice.randint(2, 5)


SPLIT = Exercise(
    name="0.3",
    story="Split the customers of one file into buckets, so that files agree on the bucket.",
    hints=(
        "The bucket must follow from the customer alone: what else is in the file must not matter.",
        "Customers are whole numbers: customer % buckets is a number from 0 to buckets - 1.",
        "Make a list of empty dicts, one for each bucket. Put each customer with its cents into "
        "the dict at place customer % buckets.",
    ),
    solution=split,
    why="Whatever else a file holds, the same customer goes to the same bucket. So the worker with "
    "all parts of a bucket has everything about its customers, and can rank them alone.",
    wrong={
        "customers are dealt out as they stand in the file, which differs from file to file": (
            lambda totals, buckets: _split_by(lambda place, *_: place % buckets, totals, buckets)
        ),
        "the file is cut into pieces, so a customer's bucket differs from file to file": (
            lambda totals, buckets: _split_by(
                lambda place, *_: place * buckets // len(totals), totals, buckets
            )
        ),
        "the bucket follows from the cents, which differ from file to file": (
            lambda totals, buckets: _split_by(
                lambda place, customer, cents: cents % buckets, totals, buckets
            )
        ),
        "all buckets are one and the same dict, as `[{}] * buckets` makes them": (
            lambda totals, buckets: [dict(totals)] * buckets
        ),
        "buckets without a customer are left out, so that a place no longer names a bucket": (
            lambda totals, buckets: [part for part in split(totals, buckets) if part]
        ),
    },
    cases=(
        Case("two customers and two buckets", ({7: 10, 8: 5}, 2), [{8: 5}, {7: 10}]),
        Case(
            "customers who all share a bucket",
            ({4: 10, 9: 20, 14: 30}, 5),
            [{}, {}, {}, {}, {4: 10, 9: 20, 14: 30}],
        ),
        Case("the same customers in another order", ({8: 1, 7: 2}, 2), [{8: 1}, {7: 2}]),
        Case("a file without customers", ({}, 3), [{}, {}, {}]),
    ),
    draw=_draw_totals,
)

STAYS = [(0, 2), (1, 2), (5, 9)]


def average_in_system(stays, start, end):
    inside = [min(left, end) - max(came, start) for came, left in stays]
    return sum(seconds for seconds in inside if seconds > 0) / (end - start)


def _draw_stays(dice):
    moments = [dice.uniform(0, 30) for _ in range(dice.randint(5, 9))]
    start = dice.uniform(5, 12)
    stays = [(came, came + dice.uniform(1, 9)) for came in sorted(moments)]
    return [(start - 2, start + 1), *stays], start, start + dice.uniform(8, 15)


AVERAGE_IN_SYSTEM = Exercise(
    name="0.4",
    story="How many were in the system on average, between start and end?",
    hints=(
        "Count request-seconds: a request that is inside for 4 s of the window adds 4.",
        "Of a stay, only what lies between start and end counts: from max(came, start) to "
        "min(left, end), if that is not negative.",
        "Add these up, and divide the sum by end - start.",
    ),
    solution=average_in_system,
    why="It is the area under the curve of the number in the system, divided by the time: an "
    "average over time. How many came, or how long a whole stay was, is nowhere in it.",
    wrong={
        "whole stays count, and what lies outside the window, too": lambda stays, start, end: (
            sum(left - came for came, left in stays if left > start and came < end) / (end - start)
        ),
        "only who came and left inside the window counts": lambda stays, start, end: (
            sum(left - came for came, left in stays if came >= start and left <= end)
            / (end - start)
        ),
        "a stay outside the window takes something away": lambda stays, start, end: (
            sum(min(left, end) - max(came, start) for came, left in stays) / (end - start)
        ),
        "the stays are divided by their number, not by the time": lambda stays, start, end: (
            average_in_system(stays, start, end) * (end - start) / len(stays)
        ),
        "those who were there are counted, not how long they stayed": lambda stays, start, end: (
            sum(left > start and came < end for came, left in stays) / (end - start)
        ),
    },
    cases=(
        Case("one request that stays all 10 seconds", ([(0, 10)], 0, 10), 1),
        Case("three requests in 10 seconds", (STAYS, 0, 10), 0.7),
        Case("the same three, watched from 1 to 7", (STAYS, 1, 7), 2 / 3),
        Case("the same three, watched while nobody is there", (STAYS, 3, 5), 0),
        Case("two at the same time, watched for a part of it", ([(0, 5), (0, 5)], 2, 4), 2),
    ),
    draw=_draw_stays,
)

BOOK = Book(EFFICIENCY, SERIAL_FRACTION, SPLIT, AVERAGE_IN_SYSTEM)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
