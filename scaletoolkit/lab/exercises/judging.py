"""What judges an exercise: cases that are shown, drawn ones that are not, known wrong answers."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scaletoolkit.lab.exercises.answers import (
    TIME_LIMIT_S,
    Function,
    Promise,
    TooLong,
    answer,
    ended,
    line_of,
    same,
    short,
    silence,
    time_limit,
)

Arguments = tuple[object, ...]
DRAWN = 12
LONGEST_CALL = 60  # letters; a longer call is not shown
STARTER = "this is still the starter; put your answer where it says `raise NotImplementedError`."
RULE = "A rule is wanted that holds for all arguments, not only for those shown."


@dataclass(frozen=True)
class Case:
    """One call of the learner's function: what it means in words, arguments, expected value."""

    words: str
    arguments: Arguments
    expected: object = None


@dataclass(frozen=True)
class Exercise:
    """A function for the learner to write, and what judges it.

    draw(dice) makes valid arguments, of which a dozen are tried unseen: their values are the
    solution's. wrong: {"what is wrong with it, as a clause": a wrong answer that people give}.
    """

    name: str
    story: str
    hints: tuple[str, ...]
    solution: Function
    why: str
    wrong: Mapping[str, Function]
    cases: tuple[Case, ...]
    draw: Callable[[random.Random], Arguments] | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a function passed, and the sentence that the learner reads."""

    passed: bool
    sentence: str


def judge(exercise: Exercise, function: object, time_limit_s: float = TIME_LIMIT_S) -> Verdict:
    """Try the function on the shown and the drawn arguments, a fresh copy each: a Verdict.

    The time limit covers all calls together. In the main thread, where notebooks run, it ends them;
    elsewhere what took longer does not pass.
    """
    if not callable(function):
        return Verdict(
            False, f"○ {exercise.name} not yet: expected a function, got {short(function)}"
        )
    problem = None
    over = f"all calls together took over {time_limit_s:g} s; does a loop not end?"
    begun_s = time.monotonic()
    try:
        with time_limit(time_limit_s):
            problem = _first_problem(exercise, function)
            misconception = problem and _misconception(exercise, function)
            if misconception:
                problem = f"{ended(problem)} This is what comes out when {misconception}."
    except TooLong:
        problem = problem or over
    if time.monotonic() - begun_s > time_limit_s:  # also where the answer has caught the alarm
        problem = problem or over
    if problem:
        return Verdict(False, f"○ {exercise.name} not yet: {problem}")
    unseen = f", and {DRAWN} that you do not see" if exercise.draw else ""
    return Verdict(True, f"● {exercise.name} passed: {_cases(exercise)}{unseen}.")


def drawn(exercise: Exercise) -> list[Arguments]:
    """The arguments that the exercise is tried with unseen, the same on every call."""
    dice = random.Random(exercise.name)
    return [exercise.draw(dice) for _ in range(DRAWN)] if exercise.draw else []


def problem_with(given: object, expected: object) -> str:
    """What is wrong with an answer, `given`; nothing where it is right."""
    if isinstance(given, BaseException):
        raised = " ".join(f"your function raised {type(given).__name__}: {given}".split())
        return raised.rstrip(": ") + line_of(given)
    if isinstance(given, Promise):
        return "`async def` hands back a promise; use `def`"
    return "" if same(given, expected) else f"expected {short(expected)}, got {short(given)}"


def _first_problem(exercise: Exercise, function: Function) -> str:
    for case in exercise.cases:
        given = answer(function, case.arguments)
        if isinstance(given, NotImplementedError):
            return STARTER
        problem = problem_with(given, case.expected)
        if problem:
            return f"for {case.words}{_call(exercise, case.arguments)}, {problem}"
    for arguments in drawn(exercise):
        with silence():
            given = answer(function, arguments)
        if problem_with(given, exercise.solution(*arguments)):
            error = f": it raised {type(given).__name__} there" * isinstance(given, BaseException)
            return f"all {_cases(exercise)} shown are right, but not a drawn one{error}. {RULE}"
    return ""


def _misconception(exercise: Exercise, function: Function) -> str:
    """The clause of the wrong answer that answers alike on all arguments; nothing without one."""
    calls = [*(case.arguments for case in exercise.cases), *drawn(exercise)]
    with silence():
        given = [answer(function, arguments) for arguments in calls]
    for clause, wrong in exercise.wrong.items():
        theirs = (answer(wrong, arguments) for arguments in calls)
        if all(map(same, theirs, given)):
            return clause
    return ""


def _call(exercise: Exercise, arguments: Arguments) -> str:
    """The call as one would write it, in brackets, where it is short; nothing else."""
    call = f"{exercise.solution.__name__}({', '.join(map(repr, arguments))})"
    return f" (`{call}`)" if arguments and len(call) <= LONGEST_CALL else ""


def _cases(exercise: Exercise) -> str:
    count = len(exercise.cases)
    return f"{count} case{'s' * (count > 1)}"
