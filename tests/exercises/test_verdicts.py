"""What every exercise says to every kind of answer. `pytest -s` prints it as one table."""

import random
from collections import Counter

import pytest
from tools import exercises

from scaletoolkit.lab.exercises import drawn, judge, same
from scaletoolkit.lab.exercises.answers import answer
from scaletoolkit.lab.exercises.watched import Watched

KINDS = ("starter", "solution", "other", "table", "wrong")

PLACES = list(exercises.places())
OTHERS = {name: fs for path in exercises.LABS for name, fs in exercises.others(path).items()}

each_place = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.exercise.name)
each_drawn = pytest.mark.parametrize(
    "exercise", [p.exercise for p in PLACES if p.exercise.draw], ids=lambda e: e.name
)


def table_of(exercise):
    """A function that knows the shown cases by heart, and says the last one's value to others."""
    known = {repr(case.arguments): case.expected for case in exercise.cases}
    return lambda *arguments: known.get(repr(arguments), exercise.cases[-1].expected)


def answers(place):
    """(kind, what makes the function) for every answer that is tried."""
    exercise = place.exercise
    yield "starter", place.starter
    yield "solution", place.printed_solution
    for function in OTHERS[exercise.name]:
        yield "other", lambda function=function: function
    yield "table", lambda: table_of(exercise)
    for function in exercise.wrong.values():
        yield "wrong", lambda function=function: function


VERDICTS = {}


def verdicts(place):
    """(kind, what the judge says) for every answer that is tried: each is judged once."""
    name = place.exercise.name
    if name not in VERDICTS:
        VERDICTS[name] = [(kind, judge(place.exercise, make())) for kind, make in answers(place)]
    return VERDICTS[name]


@each_place
def test_right_answers_pass_and_no_others(place):
    for kind, verdict in verdicts(place):
        sentence = verdict.sentence
        assert verdict.passed == (kind in ("solution", "other")), (kind, sentence)
        mark = "●" if verdict.passed else "○"
        assert sentence.startswith(f"{mark} {place.exercise.name} ")
        assert ("this is still the starter" in sentence) == (kind == "starter")
        assert ("A rule is wanted" in sentence) >= (kind == "table")


@each_place
def test_every_wrong_answer_is_named_and_no_other(place):
    exercise = place.exercise
    told = [(kind, verdict.sentence) for kind, verdict in verdicts(place)]
    of_wrong = [sentence for kind, sentence in told if kind == "wrong"]
    for clause, sentence in zip(exercise.wrong, of_wrong, strict=True):
        assert sentence.partition("This is what comes out when ")[2] == f"{clause}."
    for kind, sentence in told:
        assert ("what comes out" in sentence) == (kind == "wrong")


@each_place
def test_there_are_enough_answers_of_each_kind(place):
    assert len(place.exercise.wrong) >= 3
    assert len(OTHERS[place.exercise.name]) >= 2


@each_place
def test_the_story_hints_and_reason_are_there(place):
    exercise = place.exercise
    assert len(exercise.hints) == 3
    assert all(len(text.split()) >= 4 for text in (exercise.story, exercise.why, *exercise.hints))


@each_place
def test_every_exercise_draws_cases_that_it_does_not_show(place):
    assert place.exercise.draw


@each_drawn
def test_what_is_drawn_is_always_the_same_and_never_shown(exercise):
    assert drawn(exercise) == drawn(exercise)
    different = {repr(arguments) for arguments in drawn(exercise)}
    assert len(different) == 12
    assert not different & {repr(case.arguments) for case in exercise.cases}
    values = [repr(exercise.solution(*arguments)) for arguments in drawn(exercise)]
    assert len(set(values)) >= 3


@each_drawn
def test_whatever_is_drawn_has_one_right_answer(exercise):
    """Right answers of every style agree on it, so it is valid and far from ties."""
    dice = random.Random(1)
    for _ in range(300):
        arguments = exercise.draw(dice)
        expected = exercise.solution(*arguments)
        for function in OTHERS[exercise.name]:
            assert same(answer(function, arguments), expected), (function.__name__, arguments)


@each_drawn
def test_later_cells_get_the_types_of_the_solution(exercise, capsys):
    for function in OTHERS[exercise.name]:
        watched = Watched(exercise, function)
        for arguments in drawn(exercise):
            expected = exercise.solution(*arguments)
            value = watched(*arguments)
            assert value == expected
            assert type(value) is type(expected)
    assert capsys.readouterr().out == ""


def test_the_whole_in_one_table():
    rows = {}
    for place in PLACES:
        row = rows[place.exercise.name] = Counter()
        for kind, verdict in verdicts(place):
            row[kind] += 1
            row[f"{kind} passed"] += verdict.passed
    lines = [f"{'exercise':10}" + "".join(f"{kind:>10}" for kind in KINDS)]
    for name, row in [*rows.items(), ("all", sum(rows.values(), Counter()))]:
        cells = [f"{row[f'{kind} passed']} of {row[kind]}" for kind in KINDS]
        lines.append(f"{name:10}" + "".join(f"{cell:>10}" for cell in cells))
    print("\npassed", *lines, sep="\n")
    assert len(rows) == len(PLACES)
