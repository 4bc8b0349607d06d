"""A class's guesses become a picture: of every lab of the course, from its own record."""

import shutil
from pathlib import Path

import pytest
from tools.course import call

from scaletoolkit.classes import guesses, picture
from scaletoolkit.copies import labs

PNG = b"\x89PNG\r\n"


def test_a_folder_becomes_a_picture(tmp_path):
    path = labs.labs()[0]
    shutil.copy(path, tmp_path / "anna.ipynb")
    (tmp_path / "ben.ipynb").write_text("{")
    status, said, _ = call("class", "picture", str(tmp_path), "--save", str(tmp_path / "all.png"))
    assert status == 0
    assert "ben.ipynb: cannot be read as a notebook." in said
    assert "1 guess, median" in said
    assert (tmp_path / "all.png").read_bytes()[:6] == PNG


def test_a_folder_without_records_is_a_sentence(tmp_path):
    (tmp_path / "ben.ipynb").write_text("{")
    status, _, error = call("class", "picture", str(tmp_path))
    assert status == 2
    assert error.strip() == "None of the notebooks has a record: nobody has run a summary yet."


def test_a_terminal_obeys_no_name_of_a_file(tmp_path):
    (tmp_path / "\x1b]0;title\x07.ipynb").write_text("{")
    _, said, _ = call("class", "picture", str(tmp_path))
    assert said.strip() == "]0;title .ipynb: cannot be read as a notebook."


def test_a_picture_takes_the_place_of_an_older_one_as_a_whole(tmp_path):
    path = tmp_path / "all.png"
    path.write_bytes(b"old")
    (tmp_path / "same.png").hardlink_to(path)
    picture.draw("A lab", [guesses.Question("How many?", "×", "measured", ())], path)
    assert path.read_bytes()[:6] == PNG
    assert (tmp_path / "same.png").read_bytes() == b"old"


@pytest.mark.parametrize("path", labs.labs(), ids=lambda path: path.stem)
def test_every_lab_has_questions_with_results(path: Path):
    lesson = guesses.lesson_record(path)
    assert lesson["lab"] == path.stem[:2]
    assert all(question.results for question in guesses.questions(lesson, [lesson]))


@pytest.mark.parametrize(
    "answers", [(), ((0, None),), ((-1, 0.0), (0, 1e9)), ((1e-9, 5.0),) * 99, ((1e-18, 1e18),)]
)
def test_any_answers_can_be_drawn(answers, tmp_path):
    question = guesses.Question("How many?", "×", "measured", answers)
    picture.draw("A lab", [question] * 3, tmp_path / "out" / "all.png")
    assert (tmp_path / "out" / "all.png").read_bytes()[:6] == PNG
