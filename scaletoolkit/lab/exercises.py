"""What an exercise is: a story, three hints, cases to pass, a solution, known wrong answers.

Each module of `scaletoolkit.exercises` holds the exercises of one lab in a `Book`, whose methods
are names of the module: a notebook writes `exercise.check("1.2", function)`.
"""

import contextlib
import copy
import inspect
import math
import signal
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from scaletoolkit import lab

Function = Callable[..., object]
TIME_LIMIT_S = 5
STARTER = "this is still the starter; put your answer where it says `raise NotImplementedError`."


@dataclass(frozen=True)
class Case:
    """One call of the learner's function: what it means in words, arguments, expected value."""

    words: str
    arguments: tuple[object, ...]
    expected: object


@dataclass(frozen=True)
class Exercise:
    """A function for the learner to write, and what judges it: cases, a proof, or both.

    prove(function) is for answers of which many are right. It returns None, or the sentence that
    says what is wrong.
    """

    name: str
    story: str
    hints: tuple[str, ...]
    solution: Function
    why: str
    wrong: tuple[Function, ...]
    cases: tuple[Case, ...] = ()
    prove: Callable[[Function], str | None] | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a function passed, and the sentence that the learner reads."""

    passed: bool
    sentence: str


class _TooLong(BaseException):
    """Raised inside a learner's function when its time is over; `except Exception` misses it."""


def judge(exercise: Exercise, function: object, time_limit_s: float = TIME_LIMIT_S) -> Verdict:
    """Try the function on every case, each with a fresh copy of its arguments: a Verdict.

    The time limit covers all cases together and holds in the main thread, where notebooks run.
    """
    try:
        with _time_limit(time_limit_s):
            problem = _first_problem(exercise, function)
    except _TooLong:
        problem = f"your function was still running after {time_limit_s:g} s; does its loop end?"
    if problem:
        return Verdict(False, f"○ {exercise.name} not yet: {problem}")
    tried = f"{len(exercise.cases)} cases" if exercise.cases else "every property"
    return Verdict(True, f"● {exercise.name} passed: {tried} as expected.")


def _first_problem(exercise: Exercise, function: object) -> str | None:
    if not callable(function):
        return f"expected a function, got {_short(function)}"
    for case in exercise.cases:
        problem = _guarded(_case_problem, function, case)
        if problem:
            return problem if problem == STARTER else f"for {case.words}, {problem}"
    return _guarded(exercise.prove, function) if exercise.prove else None


def _case_problem(function: Function, case: Case) -> str | None:
    answer = function(*copy.deepcopy(case.arguments))
    if same(answer, case.expected):
        return None
    return f"expected {_short(case.expected)}, got {_short(answer)}"


def _guarded(attempt: Callable[..., str | None], *arguments: object) -> str | None:
    """The problem that the attempt reports; an error raised in it is a problem too."""
    try:
        return attempt(*arguments)
    except NotImplementedError:
        return STARTER
    except (Exception, SystemExit) as error:
        return f"your function raised {type(error).__name__}: {error}".rstrip(": ")


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _TooLong in the block when its seconds are over; only the main thread can do that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _too_long(*_: object) -> None:
    raise _TooLong


def same(answer: object, expected: object) -> bool:
    """Whether two answers are equal: numbers to one in a billion, sequences and dicts by item."""
    truths = [isinstance(value, bool | np.bool_) for value in (answer, expected)]
    if any(truths):
        return all(truths) and bool(answer == expected)
    if isinstance(expected, int | float):
        return isinstance(answer, int | float | np.number) and math.isclose(
            answer, expected, rel_tol=1e-9, abs_tol=1e-12
        )
    if isinstance(expected, dict):
        return (
            isinstance(answer, dict)
            and answer.keys() == expected.keys()
            and all(same(answer[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list | tuple | np.ndarray):
        return (
            isinstance(answer, list | tuple | np.ndarray)
            and len(answer) == len(expected)
            and all(same(a, b) for a, b in zip(answer, expected, strict=True))
        )
    return bool(answer == expected)


def _short(value: object) -> str:
    text = "nothing (None)" if value is None else f"{value!r}"
    return text if len(text) <= 80 else f"{text[:77]}..."


class Book:
    """The exercises of one lab, in order: checks answers, gives hints, shows and uses solutions."""

    def __init__(self, *exercises: Exercise) -> None:
        self.exercises = {exercise.name: exercise for exercise in exercises}

    def check(self, name: str, function: object) -> None:
        """Say whether the function passes exercise `name`, with the first case that does not."""
        verdict = judge(self._exercise(name), function)
        lab.records.checked(name, verdict.passed)
        print(verdict.sentence)

    def hint(self, name: str, step: int = 1) -> None:
        """Print one of three hints, from a nudge to nearly the answer."""
        hints = self._exercise(name).hints
        if step not in range(1, len(hints) + 1):
            raise lab.LabError(f"Hints go from 1 to {len(hints)}; there is no hint {step!r}.")
        print(f"Hint {step} of {len(hints)}: {hints[step - 1]}")
        if step < len(hints):
            print(f'Next: exercise.hint("{name}", {step + 1})')

    def solution(self, name: str) -> None:
        """Print the source of the solution, and why it is right."""
        exercise = self._exercise(name)
        print(textwrap.dedent(inspect.getsource(exercise.solution)).rstrip())
        print(f"\nWhy: {exercise.why}")

    def use(self, name: str, function: Function) -> Function:
        """The learner's function when it passes its check, else the solution, for later cells."""
        exercise = self._exercise(name)
        if judge(exercise, function).passed:
            return function
        print(f"(From here on this notebook uses the solution of {name}.)")
        return exercise.solution

    def _exercise(self, name: str) -> Exercise:
        if name not in self.exercises:
            there = ", ".join(self.exercises)
            raise lab.LabError(f"There is no exercise {name!r} here; there are {there}.")
        return self.exercises[name]
