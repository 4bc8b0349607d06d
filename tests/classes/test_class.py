"""A whole class: released to thirty, answered, collected, graded, handed back; and every lab."""

import csv
import io
import random
import subprocess
import sys

import pytest
from tools import exercises, handed_in

from scaletoolkit.classes import grading, submissions, walls
from scaletoolkit.classes.sheets import page_name

pytestmark = pytest.mark.skipif(walls.landlock() < 1, reason="no Landlock or seccomp here")
OFFLINE = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.gethostbyname"):
        raise SystemExit(f"the network was asked for: {event} {arguments}")

sys.addaudithook(refuse)
from scaletoolkit.__main__ import main
sys.exit(main(["class", "grade", sys.argv[1]]))
"""


def learner(dice):
    """A copy as one learner hands it in, and what is right in it."""
    copy = handed_in.Copy()
    right = []
    for name in handed_in.ALL:
        kind = dice.choice(["right", "right", "wrong", "starter"])
        if kind == "right":
            copy.right(name)
            right.append(name)
        if kind == "wrong":
            copy.answer(name, f"def {handed_in.NAMES[name]}(*given):\n    return {dice.random()}")
    guess = dice.randint(1, 8)
    question = "Speed-up of the report with 8 workers?"
    copy.write("predict-speedup", f'guess = lab.predict("{question}", {guess}, "×")')
    copy.write("decide-answer", f"*Your decision:* rent {guess} of them")
    return copy, right, guess


def test_a_class_from_release_to_feedback(tmp_path):
    dice = random.Random(15)
    truth = {}
    for number in range(30):
        copy, right, guess = learner(dice)
        path = tmp_path / "class" / f"learner-{number:02}" / "00_start_here.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(copy.text(), encoding="utf-8")
        truth[path.relative_to(tmp_path / "class").as_posix()] = (right, str(guess))
    command = [sys.executable, "-c", OFFLINE, str(tmp_path / "class")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    text = (tmp_path / "class-graded" / "grades.csv").read_text("utf-8-sig")
    rows = {row["file"]: row for row in csv.DictReader(io.StringIO(text))}
    assert {*rows} == {*truth}
    for name, (right, guess) in truth.items():
        row = rows[name]
        assert [one for one in handed_in.ALL if row[one] == "1"] == right
        assert row["lab"] == "00_start_here"
        assert row["Speed-up of the report with 8 workers?"] == guess
        assert (row["decision"], row["words"]) == (f"rent {guess} of them", "4")
        page = (tmp_path / "class-graded" / "pages" / page_name(name)).read_text("utf-8")
        assert f"{len(right)} of 4 exercises passed." in page
        assert page.count("● 0.") == len(right)


@pytest.mark.parametrize("path", exercises.LABS, ids=lambda path: path.stem)
def test_right_answers_of_every_lab_pass_behind_the_walls(path, tmp_path):
    answered = exercises.answered(path, tmp_path / path.name)
    grade = grading.grade(submissions.read(answered, path.name))
    assert grade.lab == path.stem
    assert [(name, one.sentence) for name, one in grade.results.items() if not one.passed] == []
    assert {*grade.results} == {*exercises.book(path).exercises}


@pytest.mark.parametrize("path", exercises.LABS, ids=lambda path: path.stem)
def test_a_lab_as_it_is_given_has_only_starters(path):
    grade = grading.grade(submissions.read(path, path.name))
    assert {result.passed for result in grade.results.values()} == {False}
    assert all("this is still the starter" in one.sentence for one in grade.results.values())
    assert grade.guesses
    assert all(grade.guesses.values())
