"""How a lab speaks and what it remembers: predictions, claims, the summary, passing lines."""

from fractions import Fraction

import numpy as np
import pytest

from scaletoolkit import lab
from scaletoolkit.lab import speech


def test_a_prediction_is_compared_and_kept_once(capsys):
    for guess in (4, 5):
        prediction = lab.predict("How much faster?", guess, "×")
    lab.compare(prediction, 1.5)
    lab.summary()
    printed = capsys.readouterr().out
    assert "You predicted 5 ×; it is ⟨1.50 ×⟩ measured.\n" in printed
    assert printed.count("How much faster? You: 5 ×. Result: ⟨1.50 ×⟩ measured.") == 1


def test_an_exact_result_has_no_marks(capsys):
    lab.compare(lab.predict("How many files?", 3), 1, "computed", exact=True)
    assert capsys.readouterr().out.endswith("You predicted 3; it is 1 computed.\n")


def test_where_a_number_is_waited_for_the_lab_stops_with_one_sentence(new_record):
    with pytest.raises(lab.LabError, match=r"^Your turn: put a number where the three dots are"):
        lab.predict("How many files?", ...)
    assert new_record["predictions"] == {}


@pytest.mark.parametrize("value", ["four", None, True, float("nan"), 10**400])
def test_a_prediction_is_a_number(value):
    with pytest.raises(lab.LabError, match="A prediction is a number"):
        lab.predict("How many?", value)


@pytest.mark.parametrize("value", [np.int64(2), np.float32(2), Fraction(4, 2)])
def test_a_prediction_may_be_any_kind_of_number(value):
    assert lab.predict("How many?", value).value == 2


@pytest.mark.parametrize(
    ("value", "unit", "bounds", "bound"),
    [
        (-5, "×", {}, "least 0 ×"),
        (120, "%", {}, "most 100 %"),
        (1e300, "rows", {}, "most "),
        (-3, "", {"low": 0}, "least 0"),
        (0, "×", {"low": 0.01}, "least 0.0100 ×"),
        (9, "×", {"high": 8}, "most 8 ×"),
    ],
)
def test_a_prediction_is_a_number_that_the_answer_can_have(value, unit, bounds, bound, new_record):
    with pytest.raises(lab.LabError, match=f"^The answer is at {bound}.*your number is "):
        lab.predict("How many?", value, unit, **bounds)
    assert new_record["predictions"] == {}


def test_a_change_has_no_unit_and_may_be_negative():
    assert lab.predict("Points gained?", -2).value == -2


def test_a_decimal_comma_is_a_sentence():
    with pytest.raises(lab.LabError, match=r"with a point and no comma: 3\.5"):
        lab.predict("How many times?", 3, 5, "×")
    with pytest.raises(lab.LabError, match=r"with a point and no comma: 3\.5"):
        lab.predict("How many times?", 3, 5)


def test_a_claim_that_holds_is_printed_and_one_that_does_not_stops(capsys, new_record):
    lab.claim("Two is even", 2 % 2 == 0)
    with pytest.raises(lab.ClaimFailed, match="✘ This does not hold here: Three is even"):
        lab.claim("Three is even", 3 % 2 == 0)
    assert capsys.readouterr().out == "✔ Two is even\n"
    assert new_record["claims"] == {"Two is even": True, "Three is even": False}


def test_a_claim_that_fails_says_whose_function_was_in_use():
    lab.records.in_use("0.1", "the library's")
    with pytest.raises(lab.ClaimFailed, match=r"Two is odd$"):
        lab.claim("Two is odd", False)
    lab.records.in_use("0.2", "yours")
    words = r"Two is odd \(Your function for 0.2 is in use here; each of its answers was checked"
    with pytest.raises(lab.ClaimFailed, match=words):
        lab.claim("Two is odd", False)


def test_on_own_data_a_claim_informs(capsys):
    lab.own_data("your own data in trips")
    lab.claim("Most users are new", False)
    assert capsys.readouterr().out.endswith("✘ Not on this data: Most users are new\n")


def test_the_summary_counts_each_thing_once(capsys):
    for _ in range(2):
        lab.claim("It holds", True)
    lab.records.checked("0.1", True)
    lab.records.checked("0.2", False)
    capsys.readouterr()
    lab.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["Claims held: 1 of 1", "Exercises passed: 1 of 2", "  ● 0.1", "  ○ 0.2"]


def test_a_lab_error_shows_no_traceback():
    assert lab.LabError("One sentence.")._render_traceback_() == ["One sentence."]


def test_progress_hands_on_every_item_and_prints_nothing_where_nobody_looks(capsys):
    assert list(lab.progress(iter(range(5)), 5, "counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_busy_prints_nothing_where_nobody_looks_and_hides_no_error(capsys):
    with pytest.raises(KeyError), lab.busy("training"):
        raise KeyError
    assert capsys.readouterr() == ("", "")


def test_a_line_goes_away_also_when_its_work_fails(monkeypatch):
    lines = []
    monkeypatch.setattr(speech, "_line", lambda: lines.append)
    monkeypatch.setattr(speech, "SHOW_EVERY_S", -1)
    steps = lab.progress(range(3), 3, "training")
    next(steps)
    with pytest.raises(KeyError):
        steps.throw(KeyError)
    with pytest.raises(KeyError), lab.busy("training"):
        raise KeyError
    assert lines[0].startswith("training: 1 of 3")
    assert lines[1:] == ["", "training …", ""]
