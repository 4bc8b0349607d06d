"""The data beforehand, said in one sentence."""

import re

from tools.course import call

from scaletoolkit.lab import profile


def test_the_data_is_made_once_and_where_it_is_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALETOOLKIT_PROFILE", "ci")
    monkeypatch.setenv("SCALETOOLKIT_DATA", str(tmp_path))
    monkeypatch.setitem(profile.PROFILES, "ci", 1000)
    status, said, _ = call("prepare")
    assert status == 0
    assert re.fullmatch(rf"The events are ready in {tmp_path}/events-ci: [\d.]+ kB\.\n", said)
    made = (tmp_path / "events-ci").stat().st_ino
    assert call("prepare")[1] == said
    assert (tmp_path / "events-ci").stat().st_ino == made


def test_a_data_folder_that_cannot_be_written_is_one_sentence(monkeypatch):
    monkeypatch.setenv("SCALETOOLKIT_DATA", "/dev/null")
    status, _, complaint = call("prepare")
    assert status == 2
    assert complaint.startswith("The events cannot be read or written at /dev/null")
    assert complaint.count("\n") == 1
