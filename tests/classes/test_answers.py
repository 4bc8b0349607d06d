"""What is taken out of a notebook for an answer: all that it needs, and nothing else."""

import random

import pytest

from scaletoolkit.classes import answers, wire
from scaletoolkit.classes.asked import asked, decision, predictions, which
from scaletoolkit.classes.code import code
from scaletoolkit.classes.submissions import Cell, Submission
from scaletoolkit.lab import LabError
from scaletoolkit.lab.exercises.answers import plain, same


def taken(*sources, exercise="0.1"):
    """The statements of each answer that is found in cells of these sources, the last first."""
    read = code([Cell(f"cell-{n}", True, source) for n, source in enumerate(sources)])
    found = answers.answers(read, asked("00"), exercise)
    return [[*answer.statements] for answer in found]


ANSWER = "def efficiency(a, b, n):\n    return {}"
CHECK = '\nexercise.check("0.1", efficiency)'


def test_only_what_is_needed_is_taken():
    (one,) = taken("import os\nx = 1\ny = os.getpid()", f"{ANSWER.format('a * x')}{CHECK}")
    assert one == ["x = 1", ANSWER.format("a * x")]


def test_parameters_and_locals_are_not_the_labs_names():
    source = "def efficiency(speedup, n):\n    s = speedup\n    return [report for report in s]"
    assert taken("speedup = measure()\ns = 2\nreport = 1", source) == [[source]]


def test_what_is_put_into_a_table_comes_along_and_what_is_after_the_check_does_not():
    (one,) = taken("t = {}\nt[1] = 2\nt.update({3: 4})", ANSWER.format("t[n]") + CHECK, "t.clear()")
    assert one[:3] == ["t = {}", "t[1] = 2", "t.update({3: 4})"]
    assert len(one) == 4


ADDS = {
    "t += [2]": "t = [1]",
    "if small:\n    t = [5]": "t = [1]\nsmall = False",
    "for x in []:\n    t = [x]": "t = [1]",
    "while False:\n    t = [3]": "t = [1]",
    "try:\n    t = nothing()\nexcept NameError:\n    pass": "t = [1]",
    "match 5:\n    case 4:\n        t = [4]": "t = [1]",
}


@pytest.mark.parametrize("then", ADDS)
def test_what_may_leave_a_name_as_it_was_needs_what_was_there_before(then):
    before = ADDS[then]
    (one,) = taken(before, then, ANSWER.format("t[0]") + CHECK)
    assert one == [*before.split("\n"), then, ANSWER.format("t[0]")]


def test_the_helper_that_counts_is_the_last_before_the_check():
    (one,) = taken("f = 1", "f = 2", ANSWER.format("f") + CHECK, "f = 3")
    assert one[0] == "f = 2"
    (one,) = taken(ANSWER.format("f") + CHECK, "f = 3")
    assert one[:1] == [ANSWER.format("f")]
    assert "f = 3" in one


def test_a_deleted_import_is_the_labs():
    (one,) = taken(ANSWER.format("math.sqrt(a)"))
    assert one == ["import math", ANSWER.format("math.sqrt(a)")]


def test_the_courses_exercises_are_never_taken():
    lines = [
        "from scaletoolkit.exercises import start_here as exercise",
        "from scaletoolkit import exercises",
        "exercise = 5",
        "efficiency = exercise.use('0.1', efficiency)",
    ]
    for one in taken(*lines, ANSWER.format("exercise and exercises") + CHECK):
        assert one == [ANSWER.format("exercise and exercises")]


def test_a_chain_of_thousands_of_names_is_no_error():
    chain = "\n".join(["x0 = 1", *(f"x{n} = x{n - 1}" for n in range(1, 4000))])
    with pytest.raises(RecursionError):
        taken(chain, ANSWER.format("x3999"))


def test_many_blank_lines_and_statements_take_no_time():
    assert code([Cell("a", True, "\n" * 190_000 + "%x\n(")]).broken
    (broken,) = code([Cell("a", True, "a=1\n" * 20_000)]).broken
    assert broken.why == "cannot be read (the notebook has too many statements)"
    (broken,) = code([Cell("a", True, "f(\n")]).broken
    assert broken.why.startswith("is no Python (line 1: ")


def test_which_lab_a_file_is():
    calls = code([Cell("a", True, 'exercise.check("2.1", f)\nexercise.check("2.2", f)')]).calls
    assert which(Submission("x.ipynb", [], "03_data_parallel", ""), calls) == ("03", "")
    assert which(Submission("x.ipynb", [], "", ""), calls)[0] == "02"
    assert which(Submission("ada/05_checkpoint.ipynb", [], "77", ""), [])[0] == "05"
    assert which(Submission("x.ipynb", [], "", ""), [], "7") == ("07", "")
    with pytest.raises(LabError, match="which lab it is"):
        which(Submission("x.ipynb", [], "", ""), [])


def test_predictions_and_the_decision_are_read_as_they_are_written():
    source = (
        'question = "How many?"\na = lab.predict(question, 3 * 2, "x")\nlab.predict("Why?", ...)'
    )
    assert predictions(source) == {"How many?": "3 * 2", "Why?": ""}
    assert predictions('lab.predict("Half') == {}
    assert predictions(f'x = 0x{"f" * 4000}\nlab.predict("Why?", 1, "x")') == {"Why?": "1"}
    assert predictions(f"f{'.a' * 900}()") == {}
    cells = [
        Cell("x", False, "*Your decision:*"),
        Cell("", False, "*Your decision:* wait\nand see"),
    ]
    assert decision(cells) == "wait and see"
    assert decision([Cell("decide-answer", False, "we wait")]) == "we wait"


def value(dice, depth=3):
    """Any plain value."""
    kinds = [
        None,
        True,
        dice.random(),
        float("inf"),
        dice.getrandbits(70),
        "é\n\ud800",
        b"\x00\xff",
    ]
    if depth == 0 or dice.random() < 0.3:
        return dice.choice(kinds)
    items = [value(dice, depth - 1) for _ in range(dice.randint(0, 4))]
    keys = [1, 2.5, "a", (1, "b"), None]
    return dice.choice([items, tuple(items), dict(zip(keys, items, strict=False))])


def test_plain_values_travel_as_they_are():
    dice = random.Random(1)
    for _ in range(2000):
        one = value(dice)
        assert repr(wire.unpack(wire.pack(one))) == repr(one)


def test_other_values_are_to_the_judge_what_they_are_in_a_notebook():
    from decimal import Decimal
    from fractions import Fraction

    import numpy as np

    values = [np.float32(1.5), np.arange(3), {np.int64(2): np.bool_(True)}, Fraction(1, 3), {3, 1}]
    values += [Decimal("0.1"), range(4), iter([1, (2, 3)]), {1: 2}.values(), np.ones((2, 2)) > 0]
    for one in values:
        other = list(one) if hasattr(one, "__next__") else one
        assert same(wire.unpack(wire.pack(iter(other) if other is not one else one)), plain(other))


def test_what_equals_everything_equals_nothing():
    class Equal(float):
        __eq__ = lambda self, other: True  # noqa: E731
        __hash__ = None

    for one in (Equal(1), Equal, object()):
        assert not same(wire.unpack(wire.pack(one)), 1.0)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        '{"a": 1}',
        "{}",
        '{"dict": [[{"list": []}, 1]]}',
        '{"tuple": 5}',
        "[" * 10**5,
        wire.pack(dict.fromkeys(range(wire.MOST_KEYS + 1))),
    ],
)
def test_what_is_no_value_is_an_error_of_four_kinds(text):
    with pytest.raises((ValueError, TypeError, KeyError, RecursionError)):
        wire.unpack(text)
