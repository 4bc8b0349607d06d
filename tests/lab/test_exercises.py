"""What a check says to every kind of answer."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import __main__
from scaletoolkit import lab
from scaletoolkit.lab import exercises
from scaletoolkit.lab.exercises import Book, Case, Exercise, judge, same


def double_all(numbers):
    return [2 * number for number in numbers]


DOUBLE = Exercise(
    name="9.1",
    story="Double every number.",
    hints=("Go through the list.", "Multiply by two.", "Return a new list."),
    solution=double_all,
    why="Each number is handled alone.",
    wrong=(lambda numbers: numbers, lambda numbers: numbers * 2),
    cases=(Case("the list [1, 2]", ([1, 2],), [2, 4]), Case("no number", ([],), [])),
)


@pytest.fixture
def record(monkeypatch):
    empty = {"predictions": {}, "claims": {}, "checks": {}}
    monkeypatch.setitem(__main__.__dict__, "lab_record", empty)
    return empty


def starter(numbers):
    raise NotImplementedError


def leaves(numbers):
    raise SystemExit


def never_ends(numbers):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (double_all, "● 9.1 passed: 2 cases as expected."),
        (starter, "this is still the starter"),
        (lambda numbers: None, "for the list [1, 2], expected [2, 4], got nothing (None)"),
        (lambda numbers: [2, "4"], "expected [2, 4], got [2, '4']"),
        (lambda numbers: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
        (lambda: 1, "your function raised TypeError"),
        (leaves, "your function raised SystemExit"),
        (never_ends, "your function was still running after 0.2 s"),
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


def test_an_exercise_may_be_proved_instead_of_compared():
    def prove(function):
        return None if function(10) in (3, 7) else f"{function(10)} is no prime"

    prime = Exercise("9.2", "", (), lambda n: 3, "", (), prove=prove)
    assert judge(prime, lambda n: 7).sentence == "● 9.2 passed: every property as expected."
    assert judge(prime, lambda n: 9).sentence == "○ 9.2 not yet: 9 is no prime"


def test_a_book_checks_hints_solves_and_counts_once(record, capsys):
    book = Book(DOUBLE)
    book.check("9.1", starter)
    book.check("9.1", double_all)
    assert record["checks"] == {"9.1": True}
    book.hint("9.1")
    book.hint("9.1", 3)
    book.solution("9.1")
    printed = capsys.readouterr().out
    assert 'Hint 1 of 3: Go through the list.\nNext: exercise.hint("9.1", 2)' in printed
    assert "return [2 * number for number in numbers]\n\nWhy: Each number" in printed
    assert book.use("9.1", double_all) is double_all
    assert book.use("9.1", starter) is DOUBLE.solution
    assert "(From here on this notebook uses the solution of 9.1.)" in capsys.readouterr().out


def test_an_unknown_exercise_or_hint_is_a_sentence():
    book = Book(DOUBLE)
    with pytest.raises(lab.LabError, match=r"There is no exercise '1\.1' here; there are 9\.1"):
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
    ],
)
def test_same_knows_what_a_learner_means(answer, expected, verdict):
    assert same(answer, expected) is verdict


def test_the_time_limit_is_generous_enough_for_a_laptop():
    assert exercises.TIME_LIMIT_S >= 5
