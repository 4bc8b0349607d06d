"""A lab for a learner: made once, never overwritten."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress

import psutil
from tools.course import CELLS, at, call, changed, checkout, in_clone


def test_a_copy_is_made_with_what_lies_beside_the_lab(course):
    status, said, _ = call("start", "0")
    assert (status, said) == (
        0,
        "my/00_small.ipynb is your copy of lab 00; git does not see it.\n",
    )
    assert course.source("predict-size") == 'guess = lab.predict("How small?", ..., "×")'
    assert [cell.id for cell in course.read().cells] == [cell.id for cell in CELLS]
    assert (course.copy.parent / "beside.csv").read_text() == "1"
    assert "recorded" not in course.copy.read_text()


def test_a_copy_that_is_there_stays_as_it_is(course):
    call("start", "00")
    course.edit(measure="size = 5")
    (course.copy.parent / "beside.csv").write_text("mine")
    before = course.copy.read_bytes()
    assert call("start", "00")[1] == "my/00_small.ipynb is as you left it.\n"
    course.publish(changed("setup", "size = 4"))
    assert "`python -m scaletoolkit update 00` brings what is new there" in call("start", "00")[1]
    course.copy.unlink()
    said = call("start", "00")[1]
    assert said.startswith("beside.csv: differs from the course's: theirs is beside-new.csv.\n")
    assert course.copy.read_bytes() != before
    assert (course.copy.parent / "beside.csv").read_text() == "mine"


def test_without_a_number_it_is_the_lab_that_was_saved_last_or_the_first(course):
    text = course.lab.read_text()
    course.lab.with_name("01_other.ipynb").write_text(text)
    assert "00_small" in call("start")[1]
    assert "01_other" in call("start", "01")[1]
    os.utime(course.copy, (time.time() - 9,) * 2)
    assert "01_other" in call("start")[1]
    course.edit()
    assert "00_small" in call("start")[1]


def test_the_copy_of_a_lab_that_the_course_has_renamed_is_found(course):
    call("start", "00")
    course.edit(measure="size = 5")
    course.lab = course.lab.rename(course.lab.with_name("00_tiny.ipynb"))
    assert "my/00_small.ipynb is as you left it." in call("start", "00")[1]
    assert "my/00_small.ipynb is as you left it." in call("start", "00_small")[1]
    assert "my/00_small.ipynb has all that the course has" in call("update")[1]
    assert "begun" in call("list")[1]
    assert course.source("measure") == "size = 5"
    assert not course.copy.with_name("00_tiny.ipynb").exists()


def test_the_copy_of_a_lab_that_the_course_has_removed_is_named_and_stays(course):
    call("start", "00")
    before = course.copy.read_bytes()
    course.lab.rename(course.lab.with_name("01_other.ipynb"))
    words = "my/00_small.ipynb: the course no longer has this lab; it stays as it is.\n"
    assert call("list")[1].endswith(words)
    assert call("update")[1].startswith(words)
    assert call("reset", "00")[0] == 2
    assert course.copy.read_bytes() == before


def test_a_file_in_the_place_of_the_learners_folder_is_a_sentence(course):
    course.copy.parent.write_text("mine")
    status, said, complaint = call("start", "00")
    assert (status, said) == (2, "")
    assert complaint.endswith("cannot be written: my is a file; move it away.\n")
    assert course.copy.parent.read_text() == "mine"


def test_only_labs_of_the_course_can_be_started(course):
    status, _, complaint = call("start", "77")
    assert (status, complaint) == (2, "There is no lab '77'; there are 00.\n")


def running(process, folder):
    """What the JupyterLab that this process has become says of itself, once it answers."""
    for _ in range(600):
        for file in folder.glob("jpserver-*.json"):
            server = json.loads(file.read_text())
            address = f"{server['url']}api?token={server['token']}"
            # Its file is there a moment before it listens.
            with suppress(urllib.error.URLError), urllib.request.urlopen(address):
                return server
        assert process.poll() is None
        time.sleep(0.1)
    raise TimeoutError("no JupyterLab within a minute")


def test_it_opens_in_jupyterlab_on_loopback_without_news_and_only_one(tmp_path, monkeypatch):
    _, clone = checkout(tmp_path)
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("BROWSER", "true")
    command = [sys.executable, "-m", "scaletoolkit", "start", "00", "--open"]
    process = subprocess.Popen(
        command, cwd="/", env=at(clone), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        server = running(process, tmp_path / "JUPYTER_RUNTIME_DIR")
        assert (server["pid"], server["hostname"]) == (process.pid, "127.0.0.1")
        assert server["root_dir"] == str(clone)
        options = " ".join(psutil.Process(process.pid).cmdline())
        for words in ("news_url=None", "NeverCheckForUpdate", "/lab/tree/my/00_start_here.ipynb"):
            assert words in options
        said = in_clone(clone, "start", "01", "--open")
        assert "JupyterLab runs already; it opens the lab at http://127.0.0.1:" in said
    finally:
        process.terminate()
        process.wait(30)
