"""A file is the old one or the new one, at every moment; and what is no file gets a sentence."""

import os
import signal
import subprocess
import sys

import pytest

from scaletoolkit import lab
from scaletoolkit.machine import files

WRITES = """
import sys
from pathlib import Path
from scaletoolkit.machine import files, folders
def stop(path):
    print("about to replace", flush=True)
    sys.stdin.read()
Path.replace = lambda self, other: stop(other)
files.replace(Path(sys.argv[1]), b"new")
"""


def test_it_is_replaced_and_nothing_lies_about(tmp_path):
    path = tmp_path / "new" / "folder" / "file.yaml"
    files.replace(path, b"old")
    files.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]
    path.chmod(0o640)
    path.with_name("link").symlink_to(path)
    files.replace(path.with_name("link"), b"newer")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"newer", 0o640)
    assert path.with_name("link").is_symlink()


def test_a_killed_writer_leaves_the_old_one_and_the_next_tidies_up(tmp_path):
    path = tmp_path / "file.yaml"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", WRITES, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"about to replace\n"
        writer.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) > 1
    files.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(lab.LabError, match="cannot be written: "):
        files.replace(tmp_path / "file" / "inside", b"")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("/dev/null", "it is a folder, a device or a pipe"),
        (".", "it is a folder, a device or a pipe"),
        ("none/x", "there is no folder"),
        ("x" * 300, "file name too long"),
        ("loop", "(?i)symlink loop|link to itself"),
        ("pipe", "it is a folder, a device or a pipe"),
    ],
)
def test_what_could_not_be_written_later_is_said_before(tmp_path, place, why):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(lab.LabError, match=why):
        files.place(tmp_path / place)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["loop", "pipe"]


def test_what_cannot_be_read_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(lab.LabError, match="it is no regular file"):
            files.read(path, "usage")
    for path in (tmp_path, tmp_path / "none", "a\0b"):
        with pytest.raises(lab.LabError, match=r"The usage file .* cannot be read: "):
            files.read(path, "usage")


def test_tables_as_spreadsheets_write_them():
    assert files.text("é".encode()) == files.text("\ufeffé".encode()) == "é"
    assert files.text("é".encode("utf-16")) == "é"
    assert files.text(b"\xff") == "\ufffd"
