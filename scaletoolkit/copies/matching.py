"""The same cell in two notebooks: by its id, or by its text where an editor has lost the id."""

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from scaletoolkit.copies.labs import Cell

Key = tuple[str, str]
ALIKE = 0.6


def key(cell: Cell) -> Key:
    """What a cell is known by: its id and its type; one that changes its type is another cell."""
    return str(cell.get("id")), cell["cell_type"]


def same(cell: Cell, other: Cell) -> bool:
    """Whether two cells have the same text, but for blanks at the ends of lines."""
    return _lines(cell) == _lines(other)


def _lines(cell: Cell) -> list[str]:
    return [line.rstrip() for line in cell["source"].rstrip().splitlines()]


def known(cells: Sequence[Cell], course: Iterable[Cell]) -> tuple[list[Cell], int]:
    """The cells, each with an id that no other has, and how many got another one for it.

    A cell without an id of the course takes that of the cell that it is most like, if none has it.
    """
    missing = {key(cell): cell for cell in course}
    taken = {name for name, _ in missing}
    count = Counter(map(key, cells))
    named = [count[key(cell)] == 1 and bool(missing.pop(key(cell), None)) for cell in cells]
    result = []
    for cell, by_id in zip(cells, named, strict=True):
        name = str(cell.get("id"))
        found = None if by_id else _most_like(cell, missing.values())
        if found:
            name = missing.pop(key(found))["id"]
        elif not by_id and (name in taken or not re.fullmatch(r"[\w-]{1,64}", name, re.A)):
            name = secrets.token_hex(4)
        taken.add(name)
        result.append(cell | {"id": name})
    renamed = sum(a.get("id") != b["id"] for a, b in zip(cells, result, strict=True))
    return result, renamed


def _most_like(cell: Cell, others: Iterable[Cell]) -> Cell | None:
    """The cell of the same type that is most like this one, if any is."""
    same_type = [other for other in others if other["cell_type"] == cell["cell_type"]]
    likeness = [_likeness(cell, other) for other in same_type]
    most = max(likeness, default=0.0)
    return same_type[likeness.index(most)] if most > ALIKE else None


def _likeness(cell: Cell, course: Cell) -> float:
    """Which share of the words of a course's cell stands in this one, in order; 2 if it is all."""
    if same(cell, course):
        return 2.0
    words = course["source"].split()
    blocks = SequenceMatcher(None, cell["source"].split(), words, False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(1, len(words))
