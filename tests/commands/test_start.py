"""A lab for a learner: made once, never overwritten."""

import os
import time

from tools.course import CELLS, call, changed


def test_a_copy_is_made_with_what_lies_beside_the_lab(course):
    status, said, _ = call("start", "0")
    assert (status, said) == (
        0,
        "my/00_small.ipynb is your copy of lab 00; git does not see it.\n",
    )
    assert course.source("predict-size") == 'guess = lab.predict("How small?", ..., "×")'
    assert [cell.id for cell in course.read().cells] == [cell.id for cell in CELLS]
    assert (course.copy.parent / "beside.csv").read_text() == "1"
    assert "recorded" not in course.copy.read_text()


def test_a_copy_that_is_there_stays_as_it_is(course):
    call("start", "00")
    course.edit(measure="size = 5")
    (course.copy.parent / "beside.csv").write_text("mine")
    before = course.copy.read_bytes()
    assert call("start", "00")[1] == "my/00_small.ipynb is as you left it.\n"
    course.publish(changed("setup", "size = 4"))
    assert "`python -m scaletoolkit update 00` brings what is new there" in call("start", "00")[1]
    course.copy.unlink()
    call("start", "00")
    assert course.copy.read_bytes() != before
    assert (course.copy.parent / "beside.csv").read_text() == "mine"


def test_without_a_number_it_is_the_lab_that_was_saved_last_or_the_first(course):
    text = course.lab.read_text()
    course.lab.with_name("01_other.ipynb").write_text(text)
    assert "00_small" in call("start")[1]
    assert "01_other" in call("start", "01")[1]
    os.utime(course.copy, (time.time() - 9,) * 2)
    assert "01_other" in call("start")[1]
    course.edit()
    assert "00_small" in call("start")[1]


def test_only_labs_of_the_course_can_be_started(course):
    status, _, complaint = call("start", "77")
    assert (status, complaint) == (2, "There is no lab '77'; there are 00.\n")
