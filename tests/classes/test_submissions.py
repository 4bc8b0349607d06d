"""Files of any kind become rows: what is read, what is not, and why."""

import json
import os
from pathlib import Path

import pytest
from tools import handed_in, notebooks

from scaletoolkit import lab
from scaletoolkit.classes import submissions
from scaletoolkit.classes.submissions import read
from scaletoolkit.lab.exercises.answers import time_limit


def written(path, notebook):
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return read(path, path.name)


def test_links_pipes_and_unreadable_files_are_not_followed(tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_text(handed_in.Copy().text())
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "link.ipynb").symlink_to(secret)
    (folder / "folder.ipynb").symlink_to(tmp_path)
    (folder / "broken.ipynb").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.ipynb")
    found = {one.path: one for one in submissions.submissions(folder)}
    assert {*found} == {"link.ipynb", "folder.ipynb", "broken.ipynb", "pipe.ipynb"}
    assert all(one.problem and not one.cells for one in found.values())
    assert found["link.ipynb"].problem == "The file is a link, which is not followed."


def test_hidden_files_and_checkpoints_are_no_submissions(tmp_path):
    for name in (".ipynb_checkpoints/a.ipynb", ".DS_Store", "ada/00.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert [one.path for one in submissions.submissions(tmp_path)] == ["ada/00.ipynb"]


def test_a_folder_that_cannot_be_read_is_a_row(tmp_path, monkeypatch):
    (tmp_path / "ada.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    for _ in range(20):  # its path is longer than the system takes
        Path("x" * 250).mkdir()
        os.chdir("x" * 250)
    first, deep = submissions.submissions(tmp_path)
    assert first.path == "ada.ipynb"
    assert deep.path.startswith("x" * 250)
    assert "cannot be read" in deep.problem


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(lab.LabError, match="There is no file in"):
        submissions.submissions(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b'{"cells": 5}', b'{"cells": [5]}', b"\xff\xfe\x00", b"[" * 10**6,
     b'{"cells": [{"cell_type": "code", "source": 5}]}', b'{"cells": [], "metadata": {}}',
     b'{"cells": [{"cell_type": "code", "source": ""}], "metadata": 5}', b"1" * 5000],
)  # fmt: skip
def test_what_is_no_notebook_is_a_sentence(content, tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    one = read(path, "x.ipynb")
    assert one.cells == []
    assert one.problem.endswith(".")


def test_outputs_are_left_out_before_a_large_notebook_is_read(tmp_path):
    tricky = 'x = "\\"outputs\\": [1, 2]"  # ]}'
    outputs = [notebooks.stream(["x\n"] * 500_000), notebooks.shown("a/b", {"outputs": [["]"]]})]
    cells = [notebooks.code("a", tricky, outputs), notebooks.code("b", "y = 2")]
    for path in (tmp_path / "small.ipynb", tmp_path / "large.ipynb"):
        one = written(path, notebooks.notebook(*cells))
        assert [cell.source for cell in one.cells] == [tricky, "y = 2"]
        cells[1].outputs.append(notebooks.stream("y" * submissions.LARGEST_CODE_BYTES))
    assert path.stat().st_size > submissions.LARGEST_CODE_BYTES


@pytest.mark.parametrize("end", [b"", b"\\", b'\\"'])
def test_a_text_that_never_ends_takes_no_time(end, tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_bytes(b'{"cells": "' + b'\\"' * submissions.LARGEST_CODE_BYTES + end)
    with time_limit(20):
        assert read(path, "x.ipynb").problem


def test_too_much_code_is_not_read(tmp_path):
    huge = [notebooks.code("a", "x" * (submissions.LONGEST_CELL + 1))]
    assert "letters: too many" in written(tmp_path / "a.ipynb", notebooks.notebook(*huge)).problem
    many = [notebooks.code(str(n), "x" * 100_000) for n in range(60)]
    assert "bytes: too many" in written(tmp_path / "b.ipynb", notebooks.notebook(*many)).problem


def test_halves_of_characters_are_replaced(tmp_path):
    one = written(tmp_path / "a.ipynb", notebooks.notebook(notebooks.code("a", "x = '\ud83d'")))
    assert one.cells[0].source == "x = '\ufffd'"
