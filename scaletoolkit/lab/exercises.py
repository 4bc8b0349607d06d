"""What an exercise is: a story, three hints, cases to pass, a solution, known wrong answers.

Each module beside this file holds the exercises of one lab and ends in
`check, hint, solution, use = book(...)`, so a notebook writes `exercise.check("1.2", function)`.
"""

import copy
import inspect
import math
import signal
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scaletoolkit import lab

TIME_LIMIT_S = 5
STARTER = "this is still the starter; put your answer where it says `raise NotImplementedError`."


@dataclass(frozen=True)
class Case:
    """One call of the learner's function: what it means in words, arguments, expected value."""

    words: str
    arguments: tuple
    expected: Any


@dataclass(frozen=True)
class Exercise:
    """One exercise. `prove(function)` may stand beside or instead of cases, for answers of which
    there are many right ones: it returns None or the sentence that says what is wrong."""

    name: str
    story: str
    hints: tuple
    solution: Callable
    why: str
    wrong: tuple
    cases: tuple = ()
    prove: Callable | None = None


@dataclass(frozen=True)
class Verdict:
    """What a check found; `sentence` is what the learner reads."""

    passed: bool
    sentence: str


class _TooLong(BaseException):
    """Raised inside a learner's function when its time is over; `except Exception` misses it."""


def judge(exercise, function, time_limit_s=TIME_LIMIT_S):
    """Try the function on every case, each with a fresh copy of its arguments: a Verdict.

    The time limit covers all cases together and holds in the main thread, where notebooks run.
    """
    if not callable(function):
        return _not_yet(exercise, f"expected a function, got {_short(function)}")
    try:
        with _time_limit(time_limit_s):
            problem = _first_problem(exercise, function)
    except _TooLong:
        problem = f"your function was still running after {time_limit_s:g} s; does its loop end?"
    if problem:
        return _not_yet(exercise, problem)
    tried = f"{len(exercise.cases)} cases" if exercise.cases else "every property"
    return Verdict(True, f"● {exercise.name} passed: {tried} as expected.")


def _not_yet(exercise, problem):
    return Verdict(False, f"○ {exercise.name} not yet: {problem}")


def _first_problem(exercise, function):
    for case in exercise.cases:
        problem = _guarded(_case_problem, case, function)
        if problem:
            return problem if problem == STARTER else f"for {case.words}, {problem}"
    return _guarded(exercise.prove, function) if exercise.prove else None


def _case_problem(case, function):
    found = function(*copy.deepcopy(case.arguments))
    if same(found, case.expected):
        return None
    return f"expected {_short(case.expected)}, got {_short(found)}"


def _guarded(attempt, *arguments):
    try:
        return attempt(*arguments)
    except NotImplementedError:
        return STARTER
    except (Exception, SystemExit) as error:
        return f"your function raised {type(error).__name__}: {error}".rstrip(": ")


class _time_limit:
    def __init__(self, seconds):
        self.seconds = seconds
        self.main = threading.current_thread() is threading.main_thread()

    def __enter__(self):
        if self.main:
            self.before = signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_):
        if self.main:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self.before)

    @staticmethod
    def _ring(*_):
        raise _TooLong


def same(found, expected):
    """Whether two answers are equal: numbers to one in a billion, sequences and dicts by item."""
    truths = [isinstance(value, bool | np.bool_) for value in (found, expected)]
    if any(truths):
        return all(truths) and bool(found == expected)
    if isinstance(expected, int | float):
        return isinstance(found, int | float | np.number) and math.isclose(
            found, expected, rel_tol=1e-9, abs_tol=1e-12
        )
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(same(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list | tuple | np.ndarray):
        return (
            isinstance(found, list | tuple | np.ndarray)
            and len(found) == len(expected)
            and all(same(a, b) for a, b in zip(found, expected, strict=True))
        )
    return bool(found == expected)


def _short(value):
    text = "nothing (None)" if value is None else f"{value!r}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def book(*exercises):
    """The functions check, hint, solution and use over these exercises, in this order."""
    by_name = {exercise.name: exercise for exercise in exercises}

    def find(name):
        if name in by_name:
            return by_name[name]
        raise lab.LabError(f"There is no exercise {name!r} here; there are {', '.join(by_name)}.")

    def check(name, function):
        """Say whether the function passes exercise `name`, with the first case that does not."""
        verdict = judge(find(name), function)
        lab.record()["checks"][name] = verdict.passed
        print(verdict.sentence)

    def hint(name, step=1):
        """Print one of three hints, from a nudge to nearly the answer."""
        hints = find(name).hints
        if step not in range(1, len(hints) + 1):
            raise lab.LabError(f"Hints go from 1 to {len(hints)}; there is no hint {step!r}.")
        print(f"Hint {step} of {len(hints)}: {hints[step - 1]}")
        if step < len(hints):
            print(f'Next: exercise.hint("{name}", {step + 1})')

    def solution(name):
        """Print the source of the solution, and why it is right."""
        exercise = find(name)
        print(textwrap.dedent(inspect.getsource(exercise.solution)).rstrip())
        print(f"\nWhy: {exercise.why}")

    def use(name, function):
        """The learner's function when it passes its check, else the solution, for later cells."""
        exercise = find(name)
        if judge(exercise, function).passed:
            return function
        print(f"(From here on this notebook uses the solution of {name}.)")
        return exercise.solution

    check.exercises = by_name
    return check, hint, solution, use
