"""The exercises of one lab, as its notebook speaks to them."""

import inspect
import textwrap
from typing import Any

from scaletoolkit import lab
from scaletoolkit.lab import records
from scaletoolkit.lab.exercises.answers import Function
from scaletoolkit.lab.exercises.judging import Exercise, judge
from scaletoolkit.lab.exercises.watched import Watched


class Book:
    """The exercises of one lab, in order: checks answers, gives hints, shows and uses solutions.

    lab: its number, "09" for exercises 9.1, 9.2 …
    """

    def __init__(self, *exercises: Exercise) -> None:
        self.exercises = {exercise.name: exercise for exercise in exercises}
        (number,) = {name.partition(".")[0] for name in self.exercises}
        self.lab = number.zfill(2)

    def check(self, name: str, function: object) -> None:
        """Say whether the function passes exercise `name`, with the first case that does not."""
        exercise = self._exercise(name)
        verdict = judge(exercise, _own(function))
        records.checked(exercise.name, verdict.passed)
        print(verdict.sentence)

    def hint(self, name: str, step: int = 1) -> None:
        """Print one of three hints, from a nudge to nearly the answer."""
        exercise = self._exercise(name)
        hints = exercise.hints
        if step not in range(1, len(hints) + 1):
            raise lab.LabError(f"Hints go from 1 to {len(hints)}; there is no hint {step!r}.")
        records.hinted(exercise.name, step)
        print(f"Hint {step} of {len(hints)}: {hints[step - 1]}")
        if step < len(hints):
            print(f'Next: exercise.hint("{exercise.name}", {step + 1})')

    def solution(self, name: str) -> None:
        """Print the source of the solution, and why it is right."""
        exercise = self._exercise(name)
        records.shown(exercise.name)
        print(textwrap.dedent(inspect.getsource(exercise.solution)).rstrip())
        print(f"\nWhy: {exercise.why}")

    def use(self, name: str, function: Function) -> Function:
        """A function for later cells: the learner's while it is right, else the solution.

        Later cells may rebind the learner's own name to it, and be run again.
        """
        exercise = self._exercise(name)
        function = _own(function)
        if function is not exercise.solution and judge(exercise, function).passed:
            records.in_use(exercise.name, "yours")
            return Watched(exercise, function)
        records.in_use(exercise.name, "the library's")
        print(f"(From here on this notebook uses the solution of {exercise.name}.)")
        return exercise.solution

    def _exercise(self, name: str) -> Exercise:
        """The exercise of that name; 1.2 is taken for "1.2"."""
        if str(name) not in self.exercises:
            there = ", ".join(self.exercises)
            raise lab.LabError(f"There is no exercise {name} in lab {self.lab}; it has {there}.")
        return self.exercises[str(name)]


def _own(function: Any) -> Any:
    """The learner's function itself, where a cell that was run before has wrapped it."""
    return function.function if isinstance(function, Watched) else function
