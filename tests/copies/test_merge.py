"""Whatever a learner and the course have done: a valid notebook, and nothing of theirs is lost."""

import itertools
import json
import os
import re
import tempfile
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tools import notebooks
from tools.course import Course, call

from scaletoolkit.copies.matching import key

PAIRS = int(os.environ.get("SCALETOOLKIT_PAIRS", "200"))


class Story:
    """A course, a learner, and what each of them does; every text is written only once."""

    def __init__(self, dice):
        self.dice = dice
        self.serial = itertools.count(1)
        self.touched = {}  # id of a cell: what the learner has put into it
        self.own = {}  # id of an own cell: its text
        self.outputs = {}  # id of a cell: what it has printed

    def text(self, kind):
        """A text of that kind, unlike all others."""
        number = next(self.serial)
        return {
            "markdown": f"## Part{number}\n\nProse{number} × about{number} it{number}.",
            "code": f"size{number} = {number}\nprint(size{number})",
            "guess": f'g{number} = lab.predict("How large is {number} × π?", {number}, "×")',
            "exercise": f"def f{number}(a):\n    raise NotImplementedError\n\n"
            f'exercise.check("0.{number}", f{number})',
        }[kind]

    def cell(self):
        """A cell of the course."""
        kind = self.dice.choice(["markdown", "code", "guess", "exercise"])
        name = f"{kind}-{next(self.serial)}"
        if kind == "markdown":
            return notebooks.markdown(name, self.text(kind))
        return notebooks.code(name, self.text(kind), tags=["exercise"] * (kind == "exercise"))

    def begin(self):
        """The first edition: a few cells."""
        return [self.cell() for _ in range(self.dice.randint(1, 8))]

    def teach(self, cells):
        """The next edition: some cells with a new text, new, removed, moved, of another type."""
        cells = [notebooks.Node(cell) for cell in cells]
        for _ in range(self.dice.randint(1, 6)):
            at = self.dice.randrange(len(cells))
            match self.dice.choice(["text", "text", "new", "remove", "move", "type"]):
                case "text":
                    is_text = cells[at].cell_type == "markdown"
                    kind = "markdown" if is_text else cells[at].id.split("-")[0]
                    cells[at].source = self.text(kind)
                case "new":
                    cells.insert(at, self.cell())
                case "remove" if len(cells) > 1:
                    del cells[at]
                case "move":
                    cells.insert(self.dice.randrange(len(cells)), cells.pop(at))
                case "type" if cells[at].cell_type == "code":
                    cells[at] = notebooks.markdown(cells[at].id, self.text("markdown"))
        return [*cells, self.cell()]

    def learn(self, cells):
        """What a learner does: answers, guesses, outputs, own cells; deletes and moves cells."""
        for _ in range(self.dice.randint(0, 8)):
            at = self.dice.randrange(len(cells)) if cells else 0
            deed = self.dice.choice(["own", *["write", "output"] * 2, "delete", "move"])
            if deed == "own" or not cells:
                cells.insert(at, self.own_cell())
            elif deed == "write":
                self.write(cells[at])
            elif deed == "output" and cells[at].cell_type == "code":
                self.outputs[cells[at].id] = f"printed {next(self.serial)} here"
                cells[at].outputs = [notebooks.stream(self.outputs[cells[at].id])]
                cells[at].execution_count = at
            elif deed == "delete":
                for things in (self.touched, self.own, self.outputs):
                    things.pop(cells[at].id, None)
                del cells[at]
            elif deed == "move":
                cells.insert(self.dice.randrange(len(cells)), cells.pop(at))

    def own_cell(self):
        name = f"{next(self.serial):08x}"
        self.own[name] = f"my own words {next(self.serial)}"
        return notebooks.markdown(name, self.own[name])

    def write(self, cell):
        """Answer, guess, or write something else into a cell."""
        word = str(next(self.serial) * 1_000_003)
        kind = cell.id.split("-")[0]
        if kind == "guess" and "..." in cell.source:
            cell.source = cell.source.replace("...", word)
        elif kind == "exercise":
            cell.source = cell.source.replace("raise NotImplementedError", f"return {word}")
        else:
            cell.source += f"\n# {word}"
        if word in cell.source:
            (self.own if cell.id in self.own else self.touched)[cell.id] = (
                cell.source if cell.id in self.own else word
            )

    def lose_ids(self, cells):
        """What other editors do to ids: drop them, double them, give others."""
        for cell in cells:
            match self.dice.randrange(8):
                case 0:
                    cell.pop("id", None)
                case 1:
                    cell["id"] = self.dice.choice(cells).get("id", "x")
                case 2:
                    cell["id"] = f"{next(self.serial):08x}"


def words_of(cells):
    """All that stands in cells and all that they have printed."""
    outputs = [output.text for cell in cells for output in cell.get("outputs", [])]
    return "\n".join([*(cell.source for cell in cells), *outputs])


def names_of(cells, among):
    """The cells that are among these, by id and type, in their order."""
    return [key(cell) for cell in cells if key(cell) in among]


def check_nothing_is_lost(story, new, after):
    """All that the learner wrote is there; what an untouched cell printed goes with the cell."""
    types = {cell.id: cell.cell_type for cell in new}
    said = words_of(after)
    for word in [*story.touched.values(), *story.own.values()]:
        assert word in said
    for name, text in story.outputs.items():
        if name in story.touched or types.get(name) == "code":
            assert text in said


def check_everything_new_is_there(story, old, new, after):
    """Every cell of the course has the course's text, or that stands below the learner's."""
    before = {cell.id: cell.source for cell in old}
    texts = {cell.id: cell.source for cell in after}
    for cell in new:
        source = re.sub(r'\?", \d+, "×', '?", ..., "×', cell.source)
        if cell.id not in story.touched:
            assert texts[cell.id] == source
        elif cell.source != before[cell.id]:
            shape = re.escape(source).replace(re.escape("..."), r"(\.\.\.|\d+)")
            assert re.search(shape, words_of(after))


def check_the_order(old, new, mine, after):
    """The course's order, unless the learner has moved cells of the course; then the learner's."""
    sides = [{*map(key, cells)} for cells in (old, mine, new, after)]
    kept = set.intersection(*sides[:3])
    moved = names_of(old, kept) != names_of(mine, kept)
    leader = mine if moved else new
    assert names_of(leader, sides[3]) == names_of(after, {*map(key, leader)})


@settings(max_examples=PAIRS)
@given(st.randoms(use_true_random=False))
def test_a_random_learner_and_a_random_course(dice):
    story = Story(dice)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        old = story.begin()
        course = Course(Path(folder), patch, old)
        call("start", "00")
        mine = course.read()
        story.learn(mine.cells)
        loses_ids = dice.randrange(4) == 0
        if loses_ids:
            story.lose_ids(mine.cells)
        course.save(mine)
        before = course.copy.read_bytes()
        new = story.teach(old)
        course.publish(new)
        assert call("update", "00")[0] == 0
        nbformat.validate(json.loads(course.copy.read_text()))
        after = course.read().cells
        assert len({cell.id for cell in after}) == len(after)
        check_nothing_is_lost(story, new, after)
        if not loses_ids:
            check_everything_new_is_there(story, old, new, after)
            check_the_order(old, new, mine.cells, after)
        backups = (course.copy.parent / "backups").glob("*")
        assert [path.read_bytes() for path in backups] in ([before], [])
        assert call("update", "00")[1].endswith("has all that the course has.\n")
        assert course.read().cells == after
