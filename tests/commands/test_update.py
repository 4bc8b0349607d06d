"""What is new in the course comes; what is the learner's stays, and each decision is told."""

import json

import nbformat
import pytest
from tools import notebooks
from tools.course import CELLS, STARTER, call, changed, without

ANSWER = STARTER.replace("raise NotImplementedError", "return n / 2")
GUESS = 'guess = lab.predict("How small?", 2.5, "×")'


@pytest.fixture
def begun(course):
    """A course whose learner has guessed, answered and decided, and executed a cell."""
    call("start", "00")
    course.edit(exercise_1=ANSWER, predict_size=GUESS, decide_answer="*Your decision:* no.")
    notebook = course.read()
    notebook.cells[4].outputs.append(notebooks.stream("3 1"))
    notebook.cells[4].execution_count = 7
    course.save(notebook)
    return course


def update(course):
    """Update the copy: {first word of a line: the line}. The notebook is then valid."""
    status, said, complaints = call("update", "00")
    assert (status, complaints) == (0, "")
    nbformat.validate(json.loads(course.copy.read_text()))
    return {line.split(":")[0].strip(): line for line in said.splitlines()}


def test_without_news_nothing_is_touched(begun):
    before = begun.copy.read_bytes()
    assert update(begun) == {
        "my/00_small.ipynb has all that the course has.": (
            "my/00_small.ipynb has all that the course has."
        )
    }
    assert begun.copy.read_bytes() == before
    assert not (begun.copy.parent / "backups").exists()


def test_text_that_the_learner_has_not_touched_becomes_the_courses(begun):
    before = begun.copy.read_bytes()
    begun.publish(changed("measure-text", "Measure twice.", changed("measure", "print(4)")))
    said = update(begun)
    assert begun.source("measure-text") == "Measure twice."
    assert begun.source("measure") == "print(4)"
    assert said["measure-text"] == "  measure-text: the course's new text."
    assert "what it shows is from the old one until you run it" in said["measure"]
    measure = begun.read().cells[4]
    assert (measure.outputs[0].text, measure.execution_count) == ("3 1", 7)
    assert begun.source("exercise-1") == ANSWER
    assert begun.source("predict-size") == GUESS
    assert begun.source("decide-answer") == "*Your decision:* no."
    assert (begun.copy.parent / "backups" / "00_small.1.ipynb").read_bytes() == before
    assert len(said) == 4  # the first line, the two cells, how to see it in JupyterLab


def test_a_new_question_gets_the_guess(begun):
    begun.publish(changed("predict-size", 'guess = lab.predict("How small, in bytes?", 9, "B")'))
    assert "is it still what you expect?" in update(begun)["predict-size"]
    assert begun.source("predict-size") == 'guess = lab.predict("How small, in bytes?", 2.5, "B")'


def test_another_number_of_questions_leaves_the_guess_and_stands_below(begun):
    two = 'a = lab.predict("A?", 1)\nb = lab.predict("B?", 1)'
    begun.publish(changed("predict-size", two))
    update(begun)
    assert begun.source("predict-size") == GUESS
    assert 'a = lab.predict("A?", ...)' in begun.source("predict-size-new")


def test_an_answer_stays_and_the_new_starter_stands_below_as_text(begun):
    starter = STARTER.replace("half", "third")
    begun.publish(changed("exercise-1", starter, changed("decide-answer", "Your *choice*:")))
    said = update(begun)
    assert begun.source("exercise-1") == ANSWER
    assert begun.source("decide-answer") == "*Your decision:* no."
    cells = begun.read().cells
    below = cells[[cell.id for cell in cells].index("exercise-1") + 1]
    assert (below.cell_type, below.id) == ("markdown", "exercise-1-new")
    assert below.source.endswith(f"````python\n{starter}\n````")
    assert begun.source("decide-answer-new").endswith("Your *choice*:")
    assert "changed by you and by the course: yours stays" in said["exercise-1"]


def test_new_cells_come_at_their_place_and_own_cells_stay_where_they_stand(begun):
    notebook = begun.read()
    notebook.cells.insert(4, notebooks.markdown("0a1b2c3d", "My note on measure-text."))
    begun.save(notebook)
    new = notebooks.code("again", "print(5)")
    begun.publish([*CELLS[:4], new, *CELLS[4:]])
    assert update(begun)["again"] == "  again: new in the course."
    ids = [cell.id for cell in begun.read().cells]
    assert ids[3:7] == ["measure-text", "0a1b2c3d", "again", "measure"]


def test_removed_cells_go_unless_the_learner_has_changed_them(begun):
    begun.publish(without("exercise-1", without("measure-text")))
    said = update(begun)
    assert "so it is gone" in said["measure-text"]
    assert "so it stays" in said["exercise-1"]
    ids = [cell.id for cell in begun.read().cells]
    assert ids == [cell.id for cell in CELLS if cell.id != "measure-text"]


def test_a_deleted_cell_is_back_with_the_next_news(begun):
    notebook = begun.read()
    del notebook.cells[1]
    begun.save(notebook)
    begun.publish(changed("decide", "Would you?"))
    assert "you had deleted it; it is back" in update(begun)["setup"]
    assert [cell.id for cell in begun.read().cells] == [cell.id for cell in CELLS]


@pytest.mark.parametrize("who", ["the course", "the learner"])
def test_the_order_is_the_courses_until_the_learner_moves_cells(begun, who):
    notebook = begun.read()
    if who == "the learner":
        notebook.cells.insert(0, notebook.cells.pop(6))
        begun.save(notebook)
    own = [cell.id for cell in notebook.cells]
    moved = [CELLS[0], CELLS[3], *CELLS[1:3], *CELLS[4:]]
    begun.publish(moved)
    update(begun)
    order = own if who == "the learner" else [cell.id for cell in moved]
    assert [cell.id for cell in begun.read().cells] == order


def test_ids_that_an_editor_dropped_doubled_or_changed_are_found_by_the_text(begun):
    notebook = begun.read()
    for cell in notebook.cells[:6]:
        del cell["id"]
    notebook.cells[6].id = "not an id!"
    notebook.cells[8].id = "decide-answer"
    notebook.nbformat_minor = 4
    begun.save(notebook)
    begun.publish(changed("measure-text", "Measure twice.", changed("decide", "Would you?")))
    said = "\n".join(update(begun).values())
    assert "8 cells had lost their id; they were recognised by their text." in said
    assert [cell.id for cell in begun.read().cells] == [cell.id for cell in CELLS]
    assert begun.source("exercise-1") == ANSWER
    assert begun.source("predict-size") == GUESS
    assert begun.source("measure-text") == "Measure twice."


def test_a_save_over_the_update_is_merged_again_from_the_edition_that_it_came_from(begun):
    old = begun.copy.read_bytes()
    begun.publish(changed("measure-text", "Measure twice."))
    update(begun)
    begun.copy.write_bytes(old)  # JupyterLab had it open, and the learner chose "Overwrite"
    update(begun)
    assert begun.source("measure-text") == "Measure twice."


def test_without_its_edition_what_differs_counts_as_the_learners(begun):
    notebook = begun.read()
    notebook.metadata.pop("scaletoolkit")
    begun.save(notebook)
    begun.publish(changed("measure-text", "Measure twice."))
    assert "what differs counts as yours" in "".join(update(begun).values())
    assert begun.source("measure-text") == "Now measure it."
    assert begun.source("measure-text-new").endswith("Measure twice.")
    assert begun.source("predict-size") == GUESS
    assert begun.source("exercise-1-new")


def test_files_beside_the_lab_are_updated_unless_the_learner_has_changed_them(begun):
    place = begun.copy.parent / "beside.csv"
    (begun.lab.parent / "beside.csv").write_text("2")
    assert update(begun)["beside.csv"] == "  beside.csv: as the course has it now."
    assert place.read_text() == "2"
    place.write_text("mine")
    (begun.lab.parent / "beside.csv").write_text("3")
    assert "theirs is beside-new.csv" in update(begun)["beside.csv"]
    assert (place.read_text(), place.with_name("beside-new.csv").read_text()) == ("mine", "3")


BROKEN = {
    "a conflict of git": ("<<<<<<< HEAD", "cannot be read as a notebook"),
    "a list": ("[]", "cannot be read as a notebook"),
    "an old format": (
        '{"nbformat": 3, "worksheets": [], "metadata": {}}',
        "cannot be read as a notebook",
    ),
    "outputs that are none": (
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code",'
        ' "id": "x", "metadata": {}, "source": "", "execution_count": 1, "outputs": 5}]}',
        "is not a valid notebook, and stays as it is",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_is_no_notebook_is_one_sentence_and_stays(begun, kind):
    text, words = BROKEN[kind]
    begun.copy.write_text(text)
    begun.publish(changed("measure-text", "Measure twice."))
    status, said, complaint = call("update", "00")
    assert (status, said) == (2, "")
    assert words in complaint
    assert complaint.count("\n") == 1
    assert begun.copy.read_text() == text


def test_all_that_was_begun_is_updated_and_one_broken_copy_stops_none(begun):
    begun.lab.with_name("01_other.ipynb").write_text(begun.lab.read_text())
    begun.lab.with_name("02_never.ipynb").write_text(begun.lab.read_text())
    call("start", "01")
    begun.copy.write_text("")
    status, said, complaint = call("update")
    assert (status, said) == (1, "my/01_other.ipynb has all that the course has.\n")
    assert "00_small.ipynb cannot be read as a notebook" in complaint


def test_where_nothing_was_begun_it_says_so(course):
    assert (
        call("update")[1] == "No lab has been begun; `python -m scaletoolkit start` begins one.\n"
    )
    assert call("update", "00")[2].startswith("There is no my/00_small.ipynb yet; ")
