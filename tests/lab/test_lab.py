"""How a lab speaks, and what its workspace leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import __main__
from scaletoolkit import lab
from scaletoolkit.machine import processes


@pytest.fixture(autouse=True)
def new_record(monkeypatch):
    record = {"predictions": {}, "claims": {}, "checks": {}}
    monkeypatch.setitem(__main__.__dict__, "lab_record", record)
    return record


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0042, "s", "4.20 ms"),
        (41_234, "B", "41.2 kB"),
        (2_500_000, "rows/s", "2,500,000 rows/s"),
        (1.9, "×", "1.90 ×"),
        (1234.0, "", "1,234"),
        (0, "s", "0 s"),
        (-0.5, "s", "-500 ms"),
        (3e-12, "", "3.00e-12"),
    ],
)
def test_quantities_read_as_people_write_them(value, unit, text):
    assert lab.quantity(value, unit) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_quantity_is_finite(value):
    with pytest.raises(ValueError, match=f"got {value}"):
        lab.measured(value, "s")


def test_a_table_marks_its_measured_columns_only():
    table = lab.table(
        [{"layout": "by day", "files": 12, "time": 0.5, "bytes": 41_000}],
        units={"time": "s", "bytes": "B"},
        measured=("time",),
    )
    head, row = repr(table).splitlines()
    assert head.split() == ["layout", "files", "time", "bytes"]
    assert row.split() == ["by", "day", "12", "⟨", "500", "ms⟩", "41,000", "B"]
    assert "<td" in table._repr_html_()
    assert "⟨    500 ms⟩" in table._repr_html_()


def test_tables_of_different_measurements_have_the_same_shape():
    def shape(seconds):
        text = repr(lab.table([{"name": "a", "time": seconds}], {"time": "s"}, ("time",)))
        return [line.index("⟨") if "⟨" in line else line for line in text.splitlines()]

    assert shape(0.5) == shape(123.4) == shape(1e-9)


def test_a_table_says_what_is_wrong_with_it():
    with pytest.raises(ValueError, match="at least one row"):
        lab.table([])
    with pytest.raises(ValueError, match=r"no column is named 'tme'; there are \['time'\]"):
        lab.table([{"time": 1}], measured=("tme",))


def test_text_in_a_table_is_escaped():
    assert "<b>" not in lab.table([{"name": "<b>"}])._repr_html_()


def test_a_prediction_is_compared_and_kept_once(capsys):
    for guess in (4, 5):
        prediction = lab.predict("How much faster?", guess, "×")
    lab.compare(prediction, 1.5)
    lab.summary()
    printed = capsys.readouterr().out
    assert "You predicted 5 ×; it is ⟨1.50 ×⟩.\n" in printed
    assert printed.count("How much faster? You: 5 ×. Result: ⟨1.50 ×⟩.") == 1


def test_an_exact_result_has_no_marks(capsys):
    lab.compare(lab.predict("How many files?", 3), 1, exact=True)
    assert capsys.readouterr().out.endswith("You predicted 3; it is 1.\n")


@pytest.mark.parametrize("value", ["four", None, True, float("nan")])
def test_a_prediction_is_a_number(value):
    with pytest.raises(lab.LabError, match="A prediction is a number"):
        lab.predict("How many?", value)


def test_a_claim_that_holds_is_printed_and_one_that_does_not_stops(capsys, new_record):
    lab.claim("Two is even", 2 % 2 == 0)
    with pytest.raises(lab.ClaimFailed, match="✘ This does not hold here: Three is even"):
        lab.claim("Three is even", 3 % 2 == 0)
    assert capsys.readouterr().out == "✔ Two is even\n"
    assert new_record["claims"] == {"Two is even": True, "Three is even": False}


def test_on_own_data_a_claim_informs(capsys):
    lab.own_data("your own data in trips")
    lab.claim("Most users are new", False)
    assert capsys.readouterr().out.endswith("✘ Not on this data: Most users are new\n")


def test_the_summary_counts_each_thing_once(capsys, new_record):
    for _ in range(2):
        lab.claim("It holds", True)
    new_record["checks"] |= {"0.1": True, "0.2": False}
    capsys.readouterr()
    lab.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["Claims held: 1 of 1", "Exercises passed: 1 of 2", "  ● 0.1", "  ○ 0.2"]


def test_progress_hands_on_every_item_and_prints_nothing_where_nobody_looks(capsys):
    assert list(lab.progress(iter(range(5)), 5, "counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_a_lab_error_shows_no_traceback():
    assert lab.LabError("One sentence.")._render_traceback_() == ["One sentence."]


def gone(folder, seconds=5):
    end = time.monotonic() + seconds
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.02)
    return not folder.exists()


def test_clean_up_removes_the_workspace_and_ends_its_watcher(new_record):
    folder = processes.workspace("test")
    (folder / "file").write_text("x")
    (watcher,) = new_record["workspaces"].values()
    processes.clean_up()
    assert not folder.exists()
    assert watcher.returncode == 0


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, None])
def test_a_workspace_dies_with_its_process_however_it_ends(ending):
    code = (
        "import sys; from scaletoolkit.machine import processes; folder = processes.workspace('test')\n"
        "(folder / 'file').write_text('x'); print(folder, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as owner:
        folder = Path(owner.stdout.readline().strip())
        assert folder.exists()
        if ending:
            os.kill(owner.pid, ending)
        else:
            owner.stdin.close()
    assert gone(folder)
