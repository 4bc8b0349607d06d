"""The same cell in two notebooks: by its id, or by what it says where an editor has lost the id.

A cell says its exercise, its question, its text; an answer may have nothing else of the text left.
"""

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

from scaletoolkit.copies.labs import Cell

Key = tuple[str, str]
ALIKE = 0.6
CHECK = r"""exercise\.check\(\s*["']([^"']+)["']"""
QUESTION = r"""lab\.predict\(\s*(["'])(.+?)\1"""


def key(cell: Cell) -> Key:
    """What a cell is known by: its id and its type; one that changes its type is another cell."""
    return str(cell.get("id")), cell["cell_type"]


def same(cell: Cell, other: Cell) -> bool:
    """Whether two cells have the same text, but for blanks at the ends of lines."""
    return _lines(cell) == _lines(other)


def exercises(cell: Cell) -> list[str]:
    """The names of the exercises that a cell of code checks."""
    return re.findall(CHECK, cell["source"]) if cell["cell_type"] == "code" else []


def _asks(cell: Cell) -> set[str]:
    """The exercises and the questions of a cell of code."""
    if cell["cell_type"] != "code":
        return set()
    return {*exercises(cell), *(words for _, words in re.findall(QUESTION, cell["source"]))}


def _lines(cell: Cell) -> list[str]:
    return [line.rstrip() for line in cell["source"].rstrip().splitlines()]


def renamed(old: Iterable[Cell], new: Iterable[Cell]) -> dict[Key, Key]:
    """The cells to which the course has given another id: those that ask the same as before."""
    before = {key(cell): cell for cell in old}
    now = {key(cell): cell for cell in new}
    left = {name: cell for name, cell in before.items() if name not in now}
    fresh = {name: cell for name, cell in now.items() if name not in before}
    names = [*left]
    found = _by_question([*left.values()], fresh, {})
    return {names[place]: name for place, name in found.items()}


def known(cells: Sequence[Cell], course: Iterable[Cell]) -> tuple[list[Cell], int]:
    """The cells, each with an id that no other has, and how many were recognised without theirs.

    A cell without an id of the course takes that of the cell that asks the same, that it is most
    like, or whose place it has, if none has it.
    """
    given = {key(cell): cell for cell in course}
    matches: dict[int, Key] = {}
    for match in (_by_id, _by_question, _by_text, _by_likeness, _by_place):
        matches |= match(cells, given, matches)
    taken = {name for name, _ in given}
    result = []
    for place, cell in enumerate(cells):
        name = str(cell.get("id") or "")
        if place in matches:
            name = matches[place][0]
        elif name in taken or not re.fullmatch(r"[\w-]{1,64}", name, re.A):
            name = secrets.token_hex(4)
        taken.add(name)
        result.append(cell | {"id": name})
    return result, sum(cells[place].get("id") != name for place, (name, _) in matches.items())


def _left(given: Mapping[Key, Cell], matches: Mapping[int, Key]) -> dict[Key, Cell]:
    """The cells of the course that no cell is yet."""
    found = {*matches.values()}
    return {name: cell for name, cell in given.items() if name not in found}


def _by_id(
    cells: Sequence[Cell], given: Mapping[Key, Cell], matches: Mapping[int, Key]
) -> dict[int, Key]:
    count = Counter(map(key, cells))
    names = [*map(key, cells)]
    return {at: name for at, name in enumerate(names) if name in given and count[name] == 1}


def _by_question(
    cells: Sequence[Cell], given: Mapping[Key, Cell], matches: Mapping[int, Key]
) -> dict[int, Key]:
    """Of several that ask the same, the one that the learner has changed."""
    found: dict[int, Key] = {}
    asks = {at: _asks(cell) for at, cell in enumerate(cells) if at not in matches}
    for name, cell in _left(given, matches).items():
        alike = [at for at, words in asks.items() if at not in found and words & _asks(cell)]
        if alike:
            found[min(alike, key=lambda at: same(cells[at], cell))] = name
    return found


def _by_text(
    cells: Sequence[Cell], given: Mapping[Key, Cell], matches: Mapping[int, Key]
) -> dict[int, Key]:
    return _most_alike(cells, given, matches, 1.0)


def _by_likeness(
    cells: Sequence[Cell], given: Mapping[Key, Cell], matches: Mapping[int, Key]
) -> dict[int, Key]:
    return _most_alike(cells, given, matches, ALIKE)


def _by_place(
    cells: Sequence[Cell], given: Mapping[Key, Cell], matches: Mapping[int, Key]
) -> dict[int, Key]:
    """A text without an id is the course's text whose two neighbours are its own."""
    order = [*given]
    found: dict[int, Key] = {}
    for at, cell in enumerate(cells):
        before = matches.get(at - 1)
        after = matches.get(at + 1)
        if before and after and at not in matches and not cell.get("id"):
            between = order[order.index(before) + 1 : order.index(after)]
            if len(between) == 1 and between[0][1] == cell["cell_type"] == "markdown":
                found[at] = between[0]
    return found


def _most_alike(
    cells: Sequence[Cell], given: Mapping[Key, Cell], matches: Mapping[int, Key], least: float
) -> dict[int, Key]:
    found: dict[int, Key] = {}
    left = _left(given, matches)
    for at, cell in enumerate(cells):
        other = None if at in matches else _most_like(cell, left.values(), least)
        if other:
            found[at] = key(other)
            left.pop(key(other))
    return found


def _most_like(cell: Cell, others: Iterable[Cell], least: float) -> Cell | None:
    """The cell of the same type that is most like this one, if any is."""
    same_type = [other for other in others if other["cell_type"] == cell["cell_type"]]
    likeness = [_likeness(cell, other) for other in same_type]
    most = max(likeness, default=0.0)
    return same_type[likeness.index(most)] if most > least else None


def _likeness(cell: Cell, course: Cell) -> float:
    """Which share of the words of a course's cell stands in this one, in order; 2 if it is all."""
    if same(cell, course):
        return 2.0
    words = course["source"].split()
    blocks = SequenceMatcher(None, cell["source"].split(), words, False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(1, len(words))
