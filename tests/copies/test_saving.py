"""An executed notebook is written whole, where it may be, or refused before the lab runs."""

import os

import pytest

from scaletoolkit import lab
from scaletoolkit.copies.saving import Target


def test_a_new_file_and_an_old_one_appear_whole_with_their_rights(tmp_path):
    path = tmp_path / "x.ipynb"
    (tmp_path / "x.partial").write_text("a learner's own")
    with Target(path) as target:
        assert not path.exists()
        target.write("one")
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()
    path.chmod(0o640)
    with Target(path) as target:
        target.write("a – \ud800")
    assert path.read_text() == "a – \\ud800"
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.ipynb", "x.partial"]


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with Target(tmp_path / "link") as target:
        target.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_what_is_not_written_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), Target(tmp_path / "x"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("/dev/null", "it is a folder, a device or a pipe"),
        (".", "it is a folder, a device or a pipe"),
        ("none/x", "there is no folder"),
        ("x" * 300, "File name too long"),
        ("loop", "(?i)symlink loop|link to itself"),
        ("pipe", "it is a folder, a device or a pipe"),
    ],
)
def test_odd_places_are_a_sentence(tmp_path, place, why):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(lab.LabError, match=why):
        Target(tmp_path / place)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["loop", "pipe"]
