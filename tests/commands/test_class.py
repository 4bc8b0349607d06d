"""The command `class`: what it takes, and what it says where it cannot."""

from argparse import ArgumentParser

import pytest
from tools import handed_in
from tools.course import call

from scaletoolkit.classes import readable, walls
from scaletoolkit.classes.remote import Bounds
from scaletoolkit.classes.submissions import Submission
from scaletoolkit.commands import classes
from scaletoolkit.commands._finder import about
from scaletoolkit.commands.classes import grade


@pytest.fixture
def folder(tmp_path):
    """A class of one, who has answered one exercise."""
    folder = tmp_path / "handed in"
    folder.mkdir()
    (folder / "ada.ipynb").write_text(handed_in.Copy().right("0.1").text(), encoding="utf-8")
    return folder


def test_each_of_its_commands_is_a_file_with_a_help(capsys):
    for name, text in about(classes).items():
        with pytest.raises(SystemExit) as left:
            call("class", name, "--help")
        assert left.value.code == 0
        assert text.endswith((".", "?"))


def test_the_help_says_what_stays_open():
    parser = ArgumentParser()
    grade.command(parser)
    assert walls.STAYS_OPEN in " ".join(parser.format_help().split())


def test_without_a_folder_or_with_an_empty_one_it_says_so(tmp_path):
    assert call("class", "grade", str(tmp_path / "no"))[::2] == (
        2,
        f"There is no folder {str(tmp_path / 'no')!r}.\n",
    )
    assert call("class", "grade", str(tmp_path))[::2] == (2, f"There is no file in {tmp_path}.\n")
    assert not tmp_path.with_name(f"{tmp_path.name}-graded").exists()


def test_grades_do_not_go_into_what_is_graded(folder):
    status, _, error = call("class", "grade", str(folder), "--to", str(folder / "grades"))
    assert status == 2
    assert error.startswith("The grades cannot lie in the folder that is graded")


def test_one_file_never_takes_the_grades_of_the_others_along(capsys):
    strange = Submission("ada.ipynb", ["no cell"], "00", "")
    one = grade._said(strange, "", Bounds())
    assert one.path == "ada.ipynb"
    assert one.notes == ("It could not be graded: that ended in AttributeError. Please report it.",)
    assert "ada.ipynb  It could not be graded" in capsys.readouterr().out


def test_a_lab_that_is_none_is_a_sentence(folder):
    assert call("class", "grade", str(folder), "--lab", "77")[::2][0] == 2


@pytest.mark.skipif(walls.landlock() < 1, reason="no Landlock here")
def test_grades_go_where_one_says_and_again(folder, tmp_path):
    for _ in range(2):
        status, said, error = call("class", "grade", str(folder), "--to", str(tmp_path / "to"))
        assert (status, error) == (0, "")
        assert "1 of 4  ada.ipynb" in said
        assert {path.name for path in (tmp_path / "to").iterdir()} == {"grades.csv", "pages"}


def test_where_a_wall_is_missing_nothing_runs_without_trust(folder, monkeypatch):
    monkeypatch.setattr(readable, "folders", lambda: {"/": True})  # so that files are open
    status, said, error = call("class", "grade", str(folder))
    assert (status, said) == (2, "")
    assert error.startswith("This machine cannot close answers in: files")
    assert "`--trust`" in error
    assert not folder.with_name("handed in-graded").exists()
    status, said, _ = call("class", "grade", str(folder), "--trust")
    assert status == 0
    assert "Open to them, as you trust them: files" in said
    assert "1 of 4  ada.ipynb" in said
