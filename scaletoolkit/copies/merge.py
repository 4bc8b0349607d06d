"""A copy, the edition that it came from and the newest one: one notebook, and what was decided.

What the learner has not touched becomes what the course has now; what they have touched stays.
Where both have changed a cell, the learner's stays, and the course's stands below it as text.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scaletoolkit.copies.edition import guesses, with_guesses, without_guesses
from scaletoolkit.copies.labs import Cell, Notebook
from scaletoolkit.copies.matching import Key, key, same

Cells = dict[Key, Cell]
NOTHING: Notebook = {"cells": [], "metadata": {}}
BESIDE = (
    "**The course has a newer version of the cell above**, which is yours and stays. Take from \
this one what you need, then delete it."
)
SAID = {
    "new": "new in the course.",
    "back": "you had deleted it; it is back, because the lab needs it.",
    "gone": "the course has removed it; you had not changed it, so it is gone.",
    "stays": "the course has removed it; you had changed it, so it stays.",
    "text": "the course's new text.",
    "old output": "the course's new text; what it shows is from the old one until you run it.",
    "guess": "the course's new question with your guess; is it still what you expect?",
    "beside": "changed by you and by the course: yours stays, the course's stands below it.",
}


def merge(old: Notebook | None, mine: Notebook, new: Notebook) -> tuple[Notebook, list[str]]:
    """The learner's notebook with what is new in the course, and a sentence for each decision.

    Without the old edition, whatever differs from the new one counts as the learner's.
    """
    sides = [{key(cell): cell for cell in side["cells"]} for side in (old or NOTHING, mine, new)]
    gone = [name for name in sides[1] if _is_gone(*(side.get(name) for side in sides))]
    staying = [name for name in sides[1] if name not in gone]
    decided = dict.fromkeys(gone, "gone")
    cells = []
    for name in _order(sides[0] or sides[2], staying, sides[2]):
        merged, decided[name] = _cell(*(side.get(name) for side in sides))
        cells += merged
    metadata = _three_way(*(side["metadata"] for side in (old or NOTHING, mine, new)))
    metadata["scaletoolkit"] = new["metadata"]["scaletoolkit"]
    said = [f"{name[0]}: {SAID[what]}" for name, what in decided.items() if what]
    return new | {"cells": _unique(cells, sides[2]), "metadata": metadata}, said


def _is_gone(old: Cell | None, mine: Cell | None, new: Cell | None) -> bool:
    return bool(old and mine and not new and same(old, mine))


def _order(old: Iterable[Key], mine: Sequence[Key], new: Cells) -> list[Key]:
    """The cells in the course's order; where the learner has moved some of them, in theirs."""
    shared = [name for name in mine if name in new and name in old]
    moved = shared != [name for name in old if name in shared]
    return _woven(mine, new) if moved else _woven(new, mine)


def _woven(names: Iterable[Key], others: Iterable[Key]) -> list[Key]:
    """The names, and each of the others that is not among them behind its neighbour there."""
    woven = [*names]
    place = 0
    for name in others:
        if name not in woven:
            woven.insert(place, name)
        place = woven.index(name) + 1
    return woven


def _cell(old: Cell | None, mine: Cell | None, new: Cell | None) -> tuple[list[Cell], str]:
    """What becomes of a cell, and what was decided, "" where it is as it was."""
    if mine is None:
        return [new or {}], "back" if old else "new"
    if new is None:
        return [mine], "stays" if old else ""
    source, decided = _source(old, mine, new)
    metadata = _three_way((old or new)["metadata"], mine["metadata"], new["metadata"])
    merged = mine | {"source": source, "metadata": metadata}
    return [merged, _beside(new)] if decided == "beside" else [merged], decided


def _source(old: Cell | None, mine: Cell, new: Cell) -> tuple[str, str]:
    """The text of a cell that all have, or that only the learner and the course have."""
    if same(mine, new) or (old and same(old, new)):
        return mine["source"], ""
    if old and same(old, mine):
        return new["source"], "old output" if mine.get("outputs") else "text"
    values = guesses(mine["source"])
    untouched = mine | {"source": without_guesses(mine["source"])}
    if same(untouched, old or new) and len(values) == len(guesses(new["source"])):
        return with_guesses(new["source"], values), "guess" if old else ""
    return mine["source"], "beside"


def _beside(new: Cell) -> Cell:
    """A cell that shows the course's version of another and runs nothing."""
    is_text = new["cell_type"] == "markdown"
    text = new["source"] if is_text else f"````python\n{new['source']}\n````"
    name = f"{new['id'][:60]}-new"
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": f"{BESIDE}\n\n{text}"}


def _unique(cells: Iterable[Cell], new: Cells) -> list[Cell]:
    """The cells with ids that differ: a cell of the course keeps its own."""
    taken = {name for name, _ in new}
    result = []
    for cell in cells:
        if key(cell) not in new and cell["id"] in taken:
            cell = cell | {"id": secrets.token_hex(4)}
        taken.add(cell["id"])
        result.append(cell)
    return result


def _three_way(
    old: Mapping[str, Any], mine: Mapping[str, Any], new: Mapping[str, Any]
) -> dict[str, Any]:
    """Metadata: what only the course has changed is the course's, all else the learner's."""
    merged = {}
    for name in {**mine, **new}:
        side = new if mine.get(name) == old.get(name) else mine
        if name in side:
            merged[name] = side[name]
    return merged
