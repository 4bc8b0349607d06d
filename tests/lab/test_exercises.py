"""What a check says to every kind of answer."""

import itertools
import time
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import cloudpickle
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import __main__
from scaletoolkit import lab
from scaletoolkit.lab import exercises
from scaletoolkit.lab.exercises import Book, Case, Exercise, drawn, judge, same


def double_all(numbers):
    return [2 * number for number in numbers]


DOUBLE = Exercise(
    name="9.1",
    story="Double every number.",
    hints=("Go through the list.", "Multiply by two.", "Return a new list."),
    solution=double_all,
    why="Each number is handled alone.",
    wrong={
        "nothing is doubled": lambda numbers: numbers,
        "the list is doubled instead of the numbers": lambda numbers: numbers * 2,
        "the first number is left out": lambda numbers: double_all(numbers[1:]),
    },
    cases=(Case("the list [1, 2]", ([1, 2],), [2, 4]), Case("no number", ([],), [])),
    draw=lambda dice: ([dice.randint(3, 99) for _ in range(dice.randint(1, 5))],),
)


@pytest.fixture
def record(monkeypatch):
    monkeypatch.delitem(__main__.__dict__, "lab_record", raising=False)
    yield lab.record()
    del __main__.lab_record


def starter(numbers):
    raise NotImplementedError


def leaves(numbers):
    raise SystemExit


async def promises(numbers):
    return double_all(numbers)


def never_ends(numbers):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def divides(numbers):
    doubled = [2 * number for number in numbers]
    return [1 / (number - number) for number in doubled]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (double_all, "● 9.1 passed: 2 cases, and 12 that you do not see."),
        (starter, "this is still the starter"),
        (
            lambda numbers: None,
            "for the list [1, 2] (`double_all([1, 2])`), expected [2, 4], "
            "got nothing (None); does it `print` where it should `return`?",
        ),
        (lambda numbers: [2, "4"], "expected [2, 4], got [2, '4']"),
        (lambda numbers: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
        (divides, "ZeroDivisionError: division by zero (in `return [1 / (number - number)"),
        (lambda: 1, "your function raised TypeError"),
        (lambda numbers: exec("a\n b"), "IndentationError: unexpected"),
        (leaves, "your function raised SystemExit"),
        (never_ends, "all calls together took over 0.2 s; does a loop not end?"),
        (promises, "`async def` hands back a promise; use `def`"),
        ([2, 4], "expected a function, got [2, 4]"),
        (lambda numbers: "x" * 1000, "..."),
    ],
)
def test_every_answer_gets_one_kind_sentence(answer, sentence):
    verdict = judge(DOUBLE, answer, time_limit_s=0.2)
    assert sentence in verdict.sentence
    assert "\n" not in verdict.sentence
    assert verdict.passed is (answer is double_all)
    assert verdict.sentence.startswith("● 9.1" if verdict.passed else "○ 9.1 not yet: ")


def test_an_answer_that_changes_its_arguments_is_judged_on_fresh_ones():
    def clears(numbers):
        doubled = double_all(numbers)
        numbers.clear()
        return doubled

    assert judge(DOUBLE, clears).passed
    assert judge(DOUBLE, clears).passed


def test_a_table_of_the_cases_is_told_so_and_nothing_of_the_others():
    def table(numbers):
        return {"[1, 2]": [2, 4], "[]": []}[repr(numbers)]

    shown = "all 2 cases shown are right, but not a drawn one"
    rule = "A rule is wanted that holds for all arguments, not only for those shown."
    assert (
        judge(DOUBLE, table).sentence == f"○ 9.1 not yet: {shown}: it raised KeyError there. {rule}"
    )
    sentence = judge(DOUBLE, lambda numbers: [2, 4][: len(numbers)]).sentence
    assert sentence == f"○ 9.1 not yet: {shown}. {rule}"


def test_a_misconception_is_named_when_all_answers_are_its_own():
    twice = judge(DOUBLE, lambda numbers: (*numbers, *numbers)).sentence
    assert twice.endswith(
        "for the list [1, 2] (`double_all([1, 2])`), expected [2, 4], got [1, 2, 1, 2]. "
        "This is what comes out when the list is doubled instead of the numbers."
    )
    once = judge(DOUBLE, lambda numbers: numbers * 2 if numbers == [1, 2] else numbers * 3).sentence
    assert once.endswith("got [1, 2, 1, 2]")


def test_a_wrong_answer_that_does_not_end_elsewhere_is_still_told_what_is_wrong():
    def slow(numbers):
        return [0] if numbers == [1, 2] else never_ends(numbers)

    assert judge(DOUBLE, slow, time_limit_s=0.2).sentence.endswith("expected [2, 4], got [0]")


def test_values_that_no_float_or_text_can_hold_are_wrong_and_no_error():
    class Shy:
        def __repr__(self):
            raise ValueError("no")

    assert not same(10**400, 2.0)
    assert not same(-(10**400), float("-inf"))
    for value in (10**5000, Shy(), [Shy()]):
        told = f"got a value of the type {type(value).__name__} that cannot be shown"
        assert told in judge(DOUBLE, lambda numbers, value=value: value).sentence


def test_judging_leaves_no_trace_in_the_record(record):
    before = repr(record)
    judge(DOUBLE, starter)
    judge(DOUBLE, double_all)
    assert repr(record) == before


def test_a_book_checks_hints_and_solves_and_notes_it(record, capsys):
    book = Book(DOUBLE)
    assert book.lab == "09"
    book.check("9.1", starter)
    book.check(9.1, lambda numbers: double_all(numbers))
    book.hint("9.1")
    book.hint(9.1, 3)
    book.solution("9.1")
    printed = capsys.readouterr().out
    assert 'Hint 1 of 3: Go through the list.\nNext: exercise.hint("9.1", 2)' in printed
    assert "return [2 * number for number in numbers]\n\nWhy: Each number" in printed
    noted = {"passed": True, "tries": 2, "hints": [1, 3], "solution_shown": True}
    assert record["checks"] == {"9.1": noted}


def test_later_cells_use_an_answer_that_passes_and_else_the_solution(record, capsys):
    book = Book(DOUBLE)
    assert book.use("9.1", starter) is DOUBLE.solution
    assert record["in_use"] == {"9.1": "the library's"}
    once_more = book.use("9.1", DOUBLE.solution)  # the cell has bound it to the learner's name
    assert once_more is DOUBLE.solution
    sentence = "(From here on this notebook uses the solution of 9.1.)\n"
    assert capsys.readouterr().out == 2 * sentence
    used = book.use("9.1", lambda numbers: 2.0 * np.array(numbers))
    again = book.use("9.1", used)
    assert record["in_use"] == {"9.1": "yours"}
    assert repr(again([5])) == "[10]"
    book.check("9.1", again)
    assert capsys.readouterr().out == "● 9.1 passed: 2 cases, and 12 that you do not see.\n"


def test_the_library_s_solution_passes_nothing(record, capsys):
    book = Book(DOUBLE)
    function = book.use("9.1", starter)
    capsys.readouterr()
    book.check("9.1", function)
    assert capsys.readouterr().out == (
        "○ 9.1 not yet: that is the library's solution; "
        "run the cell with your own function first.\n"
    )
    assert "checks" not in record or not record["checks"]


def test_what_is_drawn_is_not_printed(record, capsys):
    def prints(numbers):
        print(numbers)
        return numbers * 2 if numbers == [1, 2] else double_all(numbers)

    shown = "[1, 2]\n[]\n"
    verdict = judge(DOUBLE, lambda numbers: print(numbers) or double_all(numbers))
    assert verdict.passed
    assert capsys.readouterr().out == shown
    assert not judge(DOUBLE, prints).passed
    assert capsys.readouterr().out == "[1, 2]\n"
    Book(DOUBLE).use("9.1", prints)
    sentence = "(From here on this notebook uses the solution of 9.1.)\n"
    assert capsys.readouterr().out == sentence


def test_long_arguments_are_not_shown():
    numbers = list(range(100))
    long = replace(DOUBLE, cases=(Case("many numbers", (numbers,), double_all(numbers)),))
    sentence = judge(long, lambda numbers: 1).sentence
    assert sentence.startswith("○ 9.1 not yet: for many numbers, expected [0, 2,")


def test_a_sentence_has_one_stop(record, capsys):
    def small_numbers_only(numbers):
        return double_all(numbers) if max(numbers, default=0) < 100 else None

    Book(DOUBLE).use("9.1", small_numbers_only)([1000])
    assert (
        "got nothing (None); does it `print` where it should `return`?\n" in capsys.readouterr().out
    )
    nothing = replace(DOUBLE, wrong={"nothing is handed back": lambda numbers: None})
    sentence = judge(nothing, lambda numbers: None).sentence
    assert (
        "does it `print` where it should `return`? This is what comes out when nothing" in sentence
    )


@pytest.mark.parametrize(
    ("odd", "problem"),
    [
        (lambda numbers: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
        (lambda numbers: [], "expected [2000], got []"),
    ],
)
def test_an_answer_that_fails_on_real_arguments_is_replaced_with_one_sentence(
    odd, problem, record, capsys
):
    def small_numbers_only(numbers):
        return double_all(numbers) if max(numbers, default=0) < 100 else odd(numbers)

    used = Book(DOUBLE).use("9.1", small_numbers_only)
    assert used([1]) == [2]
    assert capsys.readouterr().out == ""
    assert used([1000]) == [2000]
    assert capsys.readouterr().out == (
        f"(On the numbers of this lab your function for 9.1 does not work: {problem}.\n"
        "From here on this notebook uses the solution of 9.1.)\n"
    )
    assert record["in_use"] == {"9.1": "the library's"}
    assert used([1000]) == [2000]
    assert capsys.readouterr().out == ""


def test_a_real_call_that_does_not_end_is_stopped(monkeypatch, capsys):
    def ends_for_small_numbers(numbers):
        return double_all(numbers) if max(numbers, default=0) < 100 else never_ends(numbers)

    used = Book(DOUBLE).use("9.1", ends_for_small_numbers)
    monkeypatch.setattr(exercises.watched, "TIME_LIMIT_S", 0.2)
    assert used([1000]) == [2000]
    assert "does not work: it was still running after 0.2 s." in capsys.readouterr().out


def test_an_answer_that_calls_one_in_use_and_does_not_end_is_stopped(record):
    used = Book(DOUBLE).use("9.1", lambda numbers: [2 * number for number in numbers])
    begun_s = time.monotonic()

    def spins(numbers):
        used(numbers)
        while time.monotonic() < begun_s + 20:
            pass

    assert "took over 0.2 s" in judge(DOUBLE, spins, time_limit_s=0.2).sentence
    assert time.monotonic() < begun_s + 10


def test_the_limit_of_the_caller_is_no_fault_of_one_in_use(record):
    used = Book(DOUBLE).use("9.1", lambda numbers: double_all(numbers))
    used.function = never_ends
    assert "took over 0.2 s" in judge(DOUBLE, used, time_limit_s=0.2).sentence
    assert not used.failed


def test_an_answer_that_catches_the_alarm_does_not_pass():
    def catches_all(numbers):
        for _ in range(3):
            try:
                time.sleep(0.01)
            except:  # noqa: E722 - as beginners write it
                continue
        return double_all(numbers)

    assert "took over 0.2 s" in judge(DOUBLE, catches_all, time_limit_s=0.2).sentence


def test_the_alarm_comes_again_where_one_was_caught():
    begun_s = time.monotonic()

    def catches_one(numbers):
        try:
            time.sleep(5)
        except:  # noqa: E722 - as beginners write it
            time.sleep(5)

    assert "took over 0.2 s" in judge(DOUBLE, catches_one, time_limit_s=0.2).sentence
    assert time.monotonic() < begun_s + 5


def test_what_later_cells_use_can_be_named_and_sent_to_a_process(record):
    used = Book(DOUBLE).use("9.1", lambda numbers: [number + number for number in numbers])
    assert used(numbers=[3]) == [6]
    assert cloudpickle.loads(cloudpickle.dumps(used))([3]) == [6]


def test_arguments_are_drawn_by_the_name_of_the_exercise():
    assert drawn(DOUBLE) == drawn(replace(DOUBLE, story="another"))
    assert drawn(DOUBLE) != drawn(replace(DOUBLE, name="9.2"))


def test_an_unknown_exercise_or_hint_is_a_sentence():
    book = Book(DOUBLE)
    with pytest.raises(lab.LabError, match=r"There is no exercise 1\.1 in lab 09; it has 9\.1"):
        book.check("1.1", double_all)
    with pytest.raises(lab.LabError, match="Hints go from 1 to 3; there is no hint 4"):
        book.hint("9.1", 4)


@given(st.lists(st.integers() | st.floats(allow_nan=False) | st.text()))
def test_an_answer_is_the_same_as_itself_in_any_sequence(values):
    assert same(tuple(values), values)
    assert not same([*values, 0], values)


@pytest.mark.parametrize(
    ("answer", "expected", "verdict"),
    [
        (0.1 + 0.2, 0.3, True),
        (np.float32(0.5), 0.5, True),
        (np.arange(3), [0, 1, 2], True),
        (np.bool_(True), True, True),
        (1, True, False),
        (True, 1, False),
        ("1", 1, False),
        ({"a": [1.0]}, {"a": [1]}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        (None, [], False),
        (np.array(0.5), 0.5, True),
        (torch.tensor([0.5, 1.2]), [0.5, 1.2], True),
        (Fraction(1, 2), 0.5, True),
        (Decimal("0.5"), 0.5, True),
        ({2, 1}, [1, 2], True),
        ({np.int64(1)}, {1}, True),
        ((n for n in [1, 2]), [1, 2], True),
        (itertools.count(), [0, 1, 2], False),
        ("12", [1, 2], False),
        (4.0, 4, True),
        (1_000_001, 1_000_000, False),
        (0.50001, 0.5, False),
        (ValueError("a"), ValueError("b"), True),
        (ValueError("a"), TypeError("a"), False),
    ],
)
def test_same_knows_what_a_learner_means(answer, expected, verdict):
    assert same(answer, expected) is verdict


def test_the_time_limit_is_generous_enough_for_a_laptop():
    assert exercises.TIME_LIMIT_S >= 5
