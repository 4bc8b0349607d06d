"""What a class predicted and found: counted as it is, and nothing strange reaches the picture."""

import json
import os
from pathlib import Path

import pytest
from tools import notebooks

from scaletoolkit import lab
from scaletoolkit.classes import guesses

ASKED = {"question": "How many?", "unit": "×", "guess": 8, "result": 7.0, "source": "measured"}
LESSON = {"lab": "00", "predictions": [ASKED]}


def record(guess, result, **more):
    return {"lab": "00", "predictions": [ASKED | {"guess": guess, "result": result} | more]}


def asked(*answers):
    records = [record(guess, result) for guess, result in answers]
    (question,) = guesses.questions(LESSON, records)
    return question


def test_near_is_within_a_factor_of_the_own_result():
    question = asked((4, 4.1), (9, 4.0), (4, 9.0), (6, 4.0), (3, None))
    assert question.near == (2, 4)
    assert "5 guesses" in repr(question)
    assert "2 of 4 within 1.5 ×" in repr(question)


def test_where_all_found_the_same_only_the_same_is_right():
    question = asked((7, 7.0), (7.001, 7.0), (8, 7.0))
    assert question.exact
    assert question.near == (2, 3)
    assert "it is 7 ×, measured; 2 of 3 right" in repr(question)


def test_signs_and_zero_are_not_near():
    assert asked((0, 4.0), (-4, 4.0), (0, 0.0)).near == (1, 3)


def test_what_is_no_guess_is_left_out():
    strange = [True, "8", None, float("nan"), float("inf"), 10**400, [8], 2e18, 1e-300]
    assert asked(*[(guess, 4.0) for guess in strange]).answers == ()


def test_nobody_puts_a_question_on_the_projector():
    strange = record(1, 1.0, question="Read this, everybody!")
    others = [{"lab": "01", "predictions": [ASKED]}, {"predictions": "none"}, {"lab": "00"}]
    (question,) = guesses.questions(LESSON, [strange, *others])
    assert question.text == "How many?"
    assert repr(question) == "How many? Nobody has said."


def handed_in(folder, name, *records):
    cells = [notebooks.code("close", "lab.summary()")]
    outputs = [
        {"output_type": "display_data", "data": {}, "metadata": {"scaletoolkit": one}}
        for one in records
    ]
    cells[0] = notebooks.Node(cells[0] | {"outputs": outputs})
    notebooks.write(notebooks.notebook(*cells), folder / name)


def test_every_file_counts_or_is_named(tmp_path):
    handed_in(tmp_path, "anna.ipynb", record(1, 1.0), record(2, 2.0))
    handed_in(tmp_path, "ben.ipynb")
    (tmp_path / "cleo.ipynb").write_text("{")
    (tmp_path / "dan.ipynb").write_text(json.dumps({"cells": [], "metadata": {}}))
    found, sentences = guesses.records(tmp_path)
    assert [one["predictions"][0]["guess"] for one in found] == [2]  # the newest
    assert [sentence[:4] for sentence in sentences] == ["ben.", "cleo", "dan."]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    handed_in(tmp_path, "anna.ipynb", record(1, 1.0))
    monkeypatch.chdir(tmp_path)
    for _ in range(50):  # its path is longer than the system takes
        Path("x" * 100).mkdir()
        os.chdir("x" * 100)
    found, (sentence,) = guesses.records(tmp_path)
    assert len(found) == 1
    assert sentence.startswith("x" * 100)
    assert sentence.endswith(": is a folder that cannot be read.")


def test_checkpoints_do_not_count(tmp_path):
    (tmp_path / ".ipynb_checkpoints").mkdir()
    handed_in(tmp_path, ".ipynb_checkpoints/anna.ipynb", record(1, 1.0))
    with pytest.raises(lab.LabError, match="no notebook"):
        guesses.records(tmp_path)


def test_a_folder_without_notebooks_is_a_sentence(tmp_path):
    with pytest.raises(lab.LabError, match="no notebook"):
        guesses.records(tmp_path)
    with pytest.raises(lab.LabError, match="no folder"):
        guesses.records(tmp_path / "none")
