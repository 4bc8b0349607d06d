"""The answers to an exercise in a submission, each with the statements that it needs.

Where a name is set more than once, the one counts that a run from top to bottom would use. What a
submission no longer has (a deleted set-up) is taken from the lab. What touches the course's own
exercises is left out: no answer needs them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from scaletoolkit.classes import code
from scaletoolkit.classes.asked import Asked
from scaletoolkit.classes.code import Code, Statement

MOST_TRIED = 6


class Answer(NamedTuple):
    """An answer: the statements to run, the expression whose value is asked, the cell's place.

    starter: whether it is what the lab gives.
    """

    statements: tuple[str, ...]
    asked: str
    cell: int
    starter: bool


def answers(submission: Code, lab: Asked, exercise: str) -> list[Answer]:
    """The answers to an exercise, the last of the notebook first, no two the same; at most six."""
    names = _Names(submission, lab)
    found: dict[Answer, None] = {}
    for answer in _found(submission, lab, exercise, names):
        found[answer] = None
        if len(found) == MOST_TRIED:
            break
    return [*found]


def _found(submission: Code, lab: Asked, exercise: str, names: "_Names") -> Iterator[Answer]:
    calls = [call for call in submission.calls if call.exercise == exercise]
    asked = {lab.functions[exercise], *(call.asked for call in calls)}
    ends = sorted(call.cell for call in calls)
    for place, one in reversed([*enumerate(names.statements)]):
        for name in one.gives & asked if names.own(place) else ():
            end = next((cell for cell in ends if cell >= one.cell), ends[-1] if ends else one.cell)
            until = max(names.end_of(end), place)
            starter = one.source == lab.starters[exercise]
            yield Answer(names.needed_by(place, until), name, one.cell, starter)
    for call in reversed(calls):
        if not call.asked.isidentifier():
            wanted = code.needed(call.asked) - names.forbidden
            yield Answer(
                names.needed(wanted, names.end_of(call.cell)), call.asked, call.cell, False
            )


class _Names:
    """The statements that give names: the lab's, then the submission's; which are needed."""

    def __init__(self, submission: Code, lab: Asked) -> None:
        statements = [*lab.statements, *submission.statements]
        self.forbidden = {name for one in statements if one.answers for name in one.gives}
        self.statements = statements
        self._first = len(lab.statements)
        self._givers: dict[str, list[int]] = {}
        for place, one in enumerate(statements):
            if self._usable(one):
                for name in one.gives:
                    self._givers.setdefault(name, []).append(place)

    def own(self, place: int) -> bool:
        """Whether the statement there is the submission's, and may be used."""
        return place >= self._first and self._usable(self.statements[place])

    def end_of(self, cell: int) -> int:
        """The place of the last statement up to the end of a cell of the submission."""
        inside = [
            place
            for place, one in enumerate(self.statements)
            if place >= self._first and one.cell <= cell
        ]
        return max(inside, default=self._first - 1)

    def needed_by(self, place: int, until: int) -> tuple[str, ...]:
        """The sources to run for what the statement there gives, itself included, in order."""
        chosen = {place}
        self._add_needs(place, until, chosen)
        return self._sources(chosen)

    def needed(self, names: frozenset[str], until: int) -> tuple[str, ...]:
        """The sources to run for these names, as they are after the statement at `until`."""
        chosen: set[int] = set()
        for name in sorted(names):
            self._add(name, until, chosen)
        return self._sources(chosen)

    def _usable(self, one: Statement) -> bool:
        touched = one.gives | (frozenset() if one.defines else one.needs)
        return not one.answers and not touched & self.forbidden

    def _sources(self, chosen: set[int]) -> tuple[str, ...]:
        stars = self._givers.get("*", [])
        return tuple(self.statements[place].source for place in sorted({*chosen, *stars}))

    def _add(self, name: str, until: int, chosen: set[int]) -> None:
        """Choose what gives a name at that place, and what puts something into it up to there."""
        place = self._giver(name, until)
        if place is None or place in chosen:
            return
        chosen.add(place)
        self._add_needs(place, until, chosen)
        for other in range(place + 1, until + 1):
            one = self.statements[other]
            if name in one.changes and other not in chosen and self._usable(one):
                chosen.add(other)
                self._add_needs(other, until, chosen)

    def _add_needs(self, place: int, until: int, chosen: set[int]) -> None:
        one = self.statements[place]
        for name in sorted(one.needs):
            self._add(name, until if one.defines else place - 1, chosen)

    def _giver(self, name: str, until: int) -> int | None:
        """The last statement up to that place that gives the name; else a later one of the
        submission; else none.
        """
        places = self._givers.get(name, [])
        before = [place for place in places if place <= until]
        own = [place for place in before if place >= self._first]
        later = [place for place in places if place > max(until, self._first - 1)]
        return next(iter([*own[-1:], *later[:1], *before[-1:]]), None)
