"""The kit of every lab: complete, of one piece, and in the lab's own words."""

import ast
import re

import pytest

from scaletoolkit.classes.kit import markup, rubric, run_sheet, slides, solved
from scaletoolkit.classes.kit.lesson import lesson
from scaletoolkit.copies import labs
from scaletoolkit.copies.matching import exercises

each_lab = pytest.mark.parametrize("path", labs.labs(), ids=lambda path: path.stem)
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+?)\$(?!\$)", re.DOTALL)


@each_lab
def test_parts_hold_every_cell_and_their_minutes_are_those_stated(path):
    taught = lesson(path)
    held = [cell.get("id") for part in taught.parts for cell in part.cells]
    assert dict.fromkeys(held) == dict.fromkeys(c.get("id") for c in taught.notebook["cells"])
    assert sum(minutes for _, minutes in taught.timetable()) == taught.minutes
    assert [name for part in taught.parts for name in part.exercises] == [*taught.book.exercises]


@each_lab
def test_the_run_sheet_names_each_question_and_each_wrong_answer(path):
    taught = lesson(path)
    text = run_sheet.run_sheet(taught)
    for part in taught.parts:
        assert all(question in text for question in part.questions)
    for exercise in taught.book.exercises.values():
        assert all(clause[1:] in text for clause in exercise.wrong)
        assert exercise.hints[0] in text
    assert "passed: " not in text  # no wrong answer passes


@each_lab
def test_the_rubric_has_the_sample_answer(path):
    text = rubric.rubric(lesson(path))
    assert len(text.partition("## One possible answer")[2].split()) > 40
    assert "details" not in text


@each_lab
def test_the_solved_lab_has_no_starter_and_only_exercises_differ(path):
    taught = lesson(path)
    given, done = taught.notebook["cells"], solved.solved(taught)["cells"]
    for before, after in zip(given, done, strict=True):
        if exercises(before):
            ast.parse(after["source"])
            assert "NotImplementedError" not in after["source"]
            assert exercises(after) == exercises(before)
        else:
            assert before["source"] == after["source"].replace("](../../", "](../")
        assert not after.get("outputs")


@each_lab
def test_the_slides_are_one_file_that_asks_for_nothing(path):
    taught = lesson(path)
    text = slides.slides(taught)
    assert 15 < text.count("<section ") < 60
    assert not re.search(r"""src="(?!data:)|href="(?!http)|<link|url\(|@import|import\(""", text)
    assert text.count('class="predict"') == sum(len(part.questions) for part in taught.parts)
    assert text.count('class="exercise"') == len(taught.book.exercises)
    assert 'class="picture"' in text
    assert "data:image/png" in text


@each_lab
def test_every_result_on_a_slide_stands_below_its_question(path):
    text = slides.slides(lesson(path))
    assert 'class="found"' in text
    assert '<p></p><p class="found">' not in text


@each_lab
def test_every_formula_of_a_lab_can_be_drawn(path):
    cells = [cell for cell in labs.read(path)["cells"] if cell["cell_type"] == "markdown"]
    formulas = [one[0] or one[1] for cell in cells for one in FORMULA.findall(cell["source"])]
    assert [tex for tex in formulas if "<svg" not in markup.formula(tex)] == []


def test_an_unknown_formula_stays_readable():
    assert markup.formula(r"\begin{x}") == r'<code class="tex">\begin{x}</code>'


def test_a_table_and_a_formula_in_one_text():
    text = markup.as_html("| a | b |\n|---|---|\n| $x^2$ | 1 |\n\n$$y \\le 1$$\n")
    assert text.count("<svg") == 2
    assert "<table>" in text
