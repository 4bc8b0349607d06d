"""A copy, or one cell of it, as it was given."""

import pytest
from tools import notebooks
from tools.course import STARTER, call, changed


@pytest.fixture
def answered(course):
    call("start", "00")
    course.edit(exercise_1="def half(n):\n    return n / 2", measure="size = 99")
    return course


def test_an_exercise_in_single_quotes_can_be_reset(answered):
    answered.edit(exercise_1="half = 5\nexercise.check('0.1', half)")
    assert "exercises 0 of 1" in call("list")[1]
    assert call("reset", "00", "0.1")[0] == 0
    assert answered.source("exercise-1") == STARTER


def test_a_folder_in_the_place_of_a_file_is_a_sentence_and_stays(answered):
    beside = answered.copy.with_name("beside.csv")
    for path in (beside, answered.copy):
        path.unlink()
        path.mkdir()
        status, _, complaint = call("reset", "00")
        assert (status, complaint) == (2, f"my/{path.name} is a folder; move it away.\n")
        assert path.is_dir()
    assert call("start", "00")[2].endswith("00_small.ipynb cannot be read: is a directory.\n")


@pytest.mark.parametrize("name", ["exercise-1", "0.1"])
def test_one_cell_is_as_it_was_given_and_all_else_stays(answered, name):
    before = answered.copy.read_bytes()
    status, said, _ = call("reset", "00", name)
    assert status == 0
    assert "what you had is my/backups/00_small.1.ipynb" in said
    assert answered.source("exercise-1") == STARTER
    assert answered.source("measure") == "size = 99"
    assert (answered.copy.parent / "backups" / "00_small.1.ipynb").read_bytes() == before


def test_a_deleted_cell_comes_back_at_its_place_and_alone(answered):
    notebook = answered.read()
    del notebook.cells[3:6]
    notebook.cells.insert(0, notebooks.markdown("mine", "My own."))
    answered.save(notebook)
    call("reset", "00", "exercise-1")
    ids = [cell.id for cell in answered.read().cells]
    assert ids[:4] == ["mine", "title", "setup", "predict-size"]
    assert ids[4:6] == ["exercise-1", "decide"]


def test_the_whole_lab_is_as_the_course_has_it_now(answered):
    (answered.copy.parent / "beside.csv").write_text("mine")
    answered.publish(changed("measure-text", "Measure."))
    first, second = call("reset", "00")[1].splitlines()
    assert first.startswith("my/00_small.ipynb is as the course has it now; what you had is ")
    had = "what you had is my/backups/beside.1.csv"
    assert second == f"my/beside.csv is as the course has it now; {had}."
    assert answered.source("measure-text") == "Measure."
    assert answered.source("exercise-1") == STARTER
    assert (answered.copy.parent / "backups" / "beside.1.csv").read_text() == "mine"
    assert "has all that the course has" in call("update", "00")[1]


def test_a_file_beside_the_lab_that_was_deleted_is_back(answered):
    (answered.copy.parent / "beside.csv").unlink()
    assert call("reset", "00")[0] == 0
    assert (answered.copy.parent / "beside.csv").read_text() == "1"


def test_a_broken_copy_can_be_reset_and_is_kept(answered):
    answered.copy.write_text("<<<<<<< HEAD")
    assert call("reset", "00")[0] == 0
    assert answered.source("exercise-1") == STARTER
    assert (answered.copy.parent / "backups" / "00_small.1.ipynb").read_text() == "<<<<<<< HEAD"


def test_an_unknown_cell_or_a_lab_without_a_copy_is_a_sentence(course):
    assert call("reset", "00")[2].startswith("There is no my/00_small.ipynb yet; ")
    call("start", "00")
    assert call("reset", "00", "9.9")[2].endswith("exercise '9.9'; the exercises are 0.1.\n")
    assert not (course.copy.parent / "backups").exists()
