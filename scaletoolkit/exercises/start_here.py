"""Exercises of lab 00: efficiency, serial fraction, average queue, where numbers come from."""

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
    why="Speed-up over its ideal. An efficiency of 0.5 means that half of what the workers "
    "cost bought nothing.",
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
    why="It is Amdahl's law solved for s, known as the Karp-Flatt metric (CACM 33(5), 1990).",
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

STAYS = [(0, 2), (1, 2), (5, 9)]


def average_in_system(stays, seconds):
    return sum(leave - come for come, leave in stays) / seconds


def _draw_stays(dice):
    moments = sorted(dice.uniform(0, 30) for _ in range(dice.randint(2, 9)))
    return [(come, come + dice.uniform(0, 9)) for come in moments], dice.randint(40, 60)


AVERAGE_IN_SYSTEM = Exercise(
    name="0.3",
    story="How many were in the system on average, given when each came and left?",
    hints=(
        "Count person-seconds: one person who stays 4 s adds 4.",
        "Add up how long everybody stayed.",
        "Divide that sum by the seconds observed.",
    ),
    solution=average_in_system,
    why="The area under the number in the system is the sum of all stays; divided by the time "
    "it is the average. Written as (number / time) × (stays / number) it is Little's law.",
    wrong={
        "the stays are divided by their number, not by the time": lambda stays, seconds: (
            average_in_system(stays, len(stays))
        ),
        "those who came are counted, not how long they stayed": lambda stays, seconds: (
            len(stays) / seconds
        ),
        "the time ends when the last one leaves, not when you stop watching": (
            lambda stays, seconds: average_in_system(stays, max(leave for _, leave in stays))
        ),
    },
    cases=(
        Case("one visitor who stays all 10 seconds", ([(0, 10)], 10), 1),
        Case("three visitors in 10 seconds", (STAYS, 10), 0.7),
        Case("the same three watched for 20 seconds", (STAYS, 20), 0.35),
        Case("two visitors at the same time", ([(0, 5), (0, 5)], 5), 2),
    ),
    draw=_draw_stays,
)


def where_from():
    return {
        "speed-up of two workers": "measured",
        "speed-up of a thousand workers": "fitted",
        "90 % efficiency on 256 GPUs": "quoted",
        "requests in a queue that only a program imagined": "simulated",
    }


def _label_problem(labels):
    """What is wrong with the labels; capitals and spaces do not matter."""
    if not isinstance(labels, dict):
        return "the answer is a dict: each of the four numbers with its label"
    given = {_letters(number): _letters(label) for number, label in labels.items()}
    right = {_letters(number): label for number, label in where_from().items()}
    if given.keys() != right.keys():
        return "the keys of the dict are the four texts above the cell, letter for letter"
    count = sum(given[number] == label for number, label in right.items())
    return None if count == len(right) else f"{count} of {len(right)} labels are right"


def _letters(text):
    return "".join(f"{text}".lower().split())


WHERE_FROM = Exercise(  # a call without arguments: nothing can be drawn
    name="0.4",
    story="Measured, fitted, simulated or quoted?",
    hints=(
        "Ask of each number: did this machine do it? did a law say it? did somebody else?",
        "No machine here has a thousand workers, and nobody here has 256 GPUs.",
        "measured, fitted, quoted, simulated: each is used once.",
    ),
    solution=where_from,
    why="What ran here is measured. What a law says beyond the points it was fitted to is "
    "fitted. What others report is quoted. What a program imagined is simulated.",
    wrong={
        "everything is called measured": lambda: dict.fromkeys(where_from(), "measured"),
        "what a law says is taken for a measurement": lambda: (
            where_from() | {"speed-up of a thousand workers": "measured"}
        ),
        "a law with numbers from measurements is taken for a computation": lambda: (
            where_from() | {"speed-up of a thousand workers": "computed"}
        ),
        "what others report is taken for a measurement": lambda: (
            where_from() | {"90 % efficiency on 256 GPUs": "measured"}
        ),
        "what a law says and what a program imagined are exchanged": lambda: (
            where_from()
            | {
                "speed-up of a thousand workers": "simulated",
                "requests in a queue that only a program imagined": "fitted",
            }
        ),
    },
    cases=(Case("the four numbers", ()),),
    prove=_label_problem,
)

BOOK = Book(EFFICIENCY, SERIAL_FRACTION, AVERAGE_IN_SYSTEM, WHERE_FROM)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
