"""What a notebook remembers, what it keeps for later labs, and whose number comes back."""

import json

import numpy as np
import pytest

import __main__
from scaletoolkit import __version__, lab
from scaletoolkit.lab import records

MACHINE = "cpu · 2 cores · 24 GiB memory · Python 3.11.7 · numpy 2.4.6"


@pytest.fixture
def reference(monkeypatch, tmp_path):
    """A reference that knows one number, in the place of the course's own."""
    path = tmp_path / "reference.json"
    path.write_text(json.dumps({"09.capacity": [32.0, "req/s"]}))
    monkeypatch.setattr(records, "REFERENCE", path)


@pytest.fixture
def own(tmp_path):
    """Where lab 09 keeps what this learner measured."""
    return tmp_path / "records" / "09.json"


def keep_capacity(value=412.0):
    lab.begin("09", MACHINE)
    lab.keep(capacity=(value, "req/s"))


def test_what_one_lab_keeps_another_recalls(reference, own, capsys):
    keep_capacity(np.float32(412))
    assert lab.recall("09.capacity") == 412
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        MACHINE,
        "Kept for later labs: 09.capacity ⟨412 req/s⟩ measured",
        "09.capacity: ⟨412 req/s⟩ measured, from your lab 09",
    ]
    assert [path.name for path in own.parent.iterdir()] == ["09.json"]


def test_what_was_not_measured_says_so_in_both_labs(reference, own, capsys):
    lab.begin("09", MACHINE)
    lab.keep(idle=(23.0, "%", "simulated"))
    assert lab.recall("09.idle") == 23
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Kept for later labs: 09.idle ⟨23.0 %⟩ simulated",
        "09.idle: ⟨23.0 %⟩ simulated, from your lab 09",
    ]


def test_for_a_lab_that_was_skipped_there_is_the_reference(reference, capsys):
    assert lab.recall("09.capacity") == 32
    said = "09.capacity: ⟨32.0 req/s⟩ measured, the reference of the course\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"kept": {"09.cap',
        "[]",
        "null",
        '{"kept": {"09.capacity": 3}}',
        '{"kept": {"09.capacity": [NaN, ""]}}',
        '{"kept": {"09.capacity": [3, null]}}',
        "\udcff",
    ],
)
def test_a_broken_record_is_one_sentence_and_the_reference_is_taken(reference, own, capsys, text):
    own.parent.mkdir()
    own.write_bytes(text.encode(errors="surrogateescape"))
    assert lab.recall("09.capacity") == 32
    sentence, _ = capsys.readouterr().out.splitlines()
    assert sentence == f"{own} holds no number 09.capacity; the reference is taken."


def test_a_number_that_nobody_kept_is_a_sentence(reference):
    with pytest.raises(lab.LabError, match=r"No lab has kept a number named '09.size'"):
        lab.recall("09.size")


def begin_anew(monkeypatch):
    """Another session of lab 09: a new kernel knows nothing of the one before."""
    monkeypatch.delitem(__main__.__dict__, "lab_record")
    lab.begin("09", MACHINE)


def test_a_short_second_session_takes_nothing_away(reference, own, monkeypatch):
    keep_capacity()
    lab.predict("How many?", 3)
    records.checked("9.1", True)
    lab.summary()
    begin_anew(monkeypatch)
    lab.predict("And then?", 4)
    records.checked("9.2", False)
    lab.summary()
    record = json.loads(own.read_text())
    assert [prediction["guess"] for prediction in record["predictions"]] == [3, 4]
    assert {name: check["passed"] for name, check in record["checks"].items()} == {
        "9.1": True,
        "9.2": False,
    }
    assert lab.recall("09.capacity") == 412


def test_a_session_that_only_reads_a_hint_leaves_what_was_passed(own, monkeypatch):
    lab.begin("09", MACHINE)
    records.hinted("9.1", 2)
    records.checked("9.1", True)
    lab.summary()
    begin_anew(monkeypatch)
    records.hinted("9.1", 1)
    records.shown("9.1")
    lab.summary()
    lab.summary()  # the same again
    united = {"passed": True, "tries": 1, "hints": [1, 2], "solution_shown": True}
    assert json.loads(own.read_text())["checks"] == {"9.1": united}


@pytest.mark.parametrize("text", ["", '{"kept": {"09.cap', "[]", "null", "{}", "\udcff"])
def test_a_broken_record_is_put_aside_before_a_new_one_is_written(own, capsys, text):
    own.parent.mkdir()
    broken = text.encode(errors="surrogateescape")
    own.write_bytes(broken)
    keep_capacity()
    keep_capacity()
    assert own.with_suffix(".broken").read_bytes() == broken
    assert json.loads(own.read_text())["kept"] == {"09.capacity": [412.0, "req/s"]}
    said = f"{own} is no record of a lab; it is kept as 09.broken.\n"
    assert capsys.readouterr().out.count(said) == 1


def test_only_a_finite_number_is_kept(own):
    with pytest.raises(lab.LabError, match="capacity cannot be kept: nan is no finite number"):
        keep_capacity(float("nan"))


def test_a_lab_that_has_not_begun_keeps_nothing():
    with pytest.raises(lab.LabError, match="Run its first cell"):
        lab.keep(capacity=(1.0, "req/s"))


def test_a_folder_that_cannot_be_written_is_a_sentence(reference, own, capsys):
    own.parent.write_text("a file where the folder should be")
    keep_capacity()
    assert "record could not be written" in capsys.readouterr().out
    assert lab.recall("09.capacity") == 32


def test_the_record_is_small_and_plain(own):
    keep_capacity()
    guess = lab.predict("How much faster?", 4, "×")
    lab.predict("How many files?", 3)
    lab.compare(guess, np.float64(1.5), "fitted")
    lab.claim("It holds", np.True_)
    for passed in (False, True):
        lab.records.checked("9.1", passed)
    for step in (2, 1, 2):
        lab.records.hinted("9.1", step)
    lab.records.shown("9.1")
    lab.records.in_use("9.1", "yours")
    lab.record()["workspaces"] = {"a folder": object()}
    lab.summary()
    written = json.loads(own.read_text())
    minutes = written.pop("minutes")
    assert 0 <= minutes < 1
    assert written == {
        "lab": "09",
        "machine": MACHINE,
        "versions": {"scaletoolkit": __version__, "Python": "3.11.7", "numpy": "2.4.6"},
        "predictions": [
            {"question": "How much faster?", "guess": 4, "unit": "×"}
            | {"result": 1.5, "source": "fitted"},
            {"question": "How many files?", "guess": 3, "unit": "", "result": None, "source": ""},
        ],
        "claims": {"It holds": True},
        "checks": {"9.1": {"passed": True, "tries": 2, "hints": [1, 2], "solution_shown": True}},
        "in_use": {"9.1": "yours"},
        "kept": {"09.capacity": [412.0, "req/s"]},
    }
    assert own.stat().st_size < 1_000


def test_a_record_that_is_read_while_it_is_written_is_whole(own):
    keep_capacity()
    with own.open() as before:
        keep_capacity(500.0)
        assert json.load(before)["kept"]["09.capacity"][0] == 412
    assert json.loads(own.read_text())["kept"]["09.capacity"][0] == 500
