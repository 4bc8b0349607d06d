"""A learner's function that later cells call, and the solution beside it."""

import inspect
import time

from scaletoolkit.lab import records
from scaletoolkit.lab.exercises.answers import (
    TIME_LIMIT_S,
    Function,
    TooLong,
    answer,
    ended,
    time_limit,
)
from scaletoolkit.lab.exercises.judging import Exercise, problem_with


class Watched:
    """A function that calls the learner's while it is right, and after that the solution alone.

    Both are called on the same arguments. Where they agree, the value is the solution's, so that
    the type of an answer cannot stop a later cell.
    """

    def __init__(self, exercise: Exercise, function: Function) -> None:
        self.exercise = exercise
        self.function = function
        self.failed = False

    def __repr__(self) -> str:
        return f"<your function for {self.exercise.name}>"

    def __call__(self, *values: object, **named: object) -> object:
        solution = self.exercise.solution
        arguments = inspect.signature(solution).bind(*values, **named).args if named else values
        expected = solution(*arguments)
        if self.failed:
            return expected
        problem = self._try(arguments, expected)
        if problem:
            self.failed = True
            self._give_up(problem)
        return expected

    def _try(self, arguments: tuple[object, ...], expected: object) -> str:
        """What is wrong with the learner's answer to these arguments; nothing where it is right."""
        begun_s = time.monotonic()
        try:
            with time_limit(TIME_LIMIT_S):
                given = answer(self.function, arguments)
        except TooLong:
            if time.monotonic() - begun_s < TIME_LIMIT_S:
                raise  # the limit of who calls this, and no fault of this function
            return f"it was still running after {TIME_LIMIT_S:g} s"
        return problem_with(given, expected)

    def _give_up(self, problem: str) -> None:
        name = self.exercise.name
        records.in_use(name, "the library's")
        print(
            f"(On the numbers of this lab your function for {name} does not work: {ended(problem)}"
        )
        print(f"From here on this notebook uses the solution of {name}.)")
