"""Exercises of lab 00: efficiency, serial fraction, average queue, where numbers come from."""

from scaletoolkit.lab.exercises import Book, Case, Exercise, Function


def efficiency(seconds_of_one, seconds_of_n, n):
    return seconds_of_one / seconds_of_n / n


def _speedup(seconds_of_one, seconds_of_n, n):
    return seconds_of_one / seconds_of_n


def _upside_down(seconds_of_one, seconds_of_n, n):
    return seconds_of_n / seconds_of_one / n


def _time_saved(seconds_of_one, seconds_of_n, n):
    return (seconds_of_one - seconds_of_n) / seconds_of_one


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
    wrong=(_speedup, _upside_down, _time_saved),
    cases=(
        Case("10 s alone and 5 s with two workers", (10, 5, 2), 1),
        Case("10 s alone and 5 s with four workers", (10, 5, 4), 0.5),
        Case("12 s alone and 8 s with three workers", (12, 8, 3), 0.5),
        Case("one worker", (7, 7, 1), 1),
    ),
)


def serial_fraction(speedup, n):
    return (1 / speedup - 1 / n) / (1 - 1 / n)


def _one_over_speedup(speedup, n):
    return 1 / speedup


def _lost_efficiency(speedup, n):
    return 1 - speedup / n


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
    wrong=(_one_over_speedup, _lost_efficiency),
    cases=(
        Case("an ideal speed-up of 8 on 8 workers", (8, 8), 0),
        Case("no speed-up at all on 4 workers", (1, 4), 1),
        Case("a speed-up of 1.6 on 2 workers", (1.6, 2), 0.25),
        Case("a speed-up of 28.8 on 32 workers", (28.8, 32), 1 / 279),
    ),
)

STAYS = [(0, 2), (1, 2), (5, 9)]


def average_in_system(stays, seconds):
    return sum(leave - come for come, leave in stays) / seconds


def _average_stay(stays, seconds):
    return sum(leave - come for come, leave in stays) / len(stays)


def _visitors_a_second(stays, seconds):
    return len(stays) / seconds


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
    wrong=(_average_stay, _visitors_a_second),
    cases=(
        Case("one visitor who stays all 10 seconds", ([(0, 10)], 10), 1),
        Case("three visitors in 10 seconds", (STAYS, 10), 0.7),
        Case("the same three watched for 20 seconds", (STAYS, 20), 0.35),
        Case("two visitors at the same time", ([(0, 5), (0, 5)], 5), 2),
    ),
)


def where_from():
    return {
        "speed-up of two workers": "measured",
        "speed-up of a thousand workers": "fitted",
        "90 % efficiency on 256 GPUs": "quoted",
        "requests in a queue that only a program imagined": "simulated",
    }


def _all_measured():
    return dict.fromkeys(where_from(), "measured")


def _law_taken_for_measurement():
    return where_from() | {"speed-up of a thousand workers": "measured"}


def _quote_taken_for_measurement():
    return where_from() | {"90 % efficiency on 256 GPUs": "measured"}


def _label_problem(function: Function) -> str | None:
    labels = function()
    expected = where_from()
    if not isinstance(labels, dict) or labels.keys() != expected.keys():
        return "the answer is a dict with the four numbers of the starter as its keys."
    right = sum(labels[number] == label for number, label in expected.items())
    return None if right == len(expected) else f"{right} of {len(expected)} labels are right."


WHERE_FROM = Exercise(
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
    wrong=(_all_measured, _law_taken_for_measurement, _quote_taken_for_measurement),
    prove=_label_problem,
)

BOOK = Book(EFFICIENCY, SERIAL_FRACTION, AVERAGE_IN_SYSTEM, WHERE_FROM)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
