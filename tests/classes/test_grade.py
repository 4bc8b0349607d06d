"""A class of forty: grades as truth, attacks refused, nothing left behind."""

import csv
import io
import re
import resource
import subprocess
import sys
import threading
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import psutil
import pytest
from tools import handed_in

from scaletoolkit.classes import walls
from scaletoolkit.classes.sheets import page_name

pytestmark = pytest.mark.skipif(
    walls.landlock() < 1,
    reason="this machine has no walls (Landlock and seccomp of Linux): answers cannot be closed in",
)


class Class:
    """A class that was graded by the command: what was said, the rows, what it took."""

    def __init__(self, root):
        self.folder = root / "handed-in"
        self.folder.mkdir()
        self.marker = root / "was-here"
        secret = root / "secret.txt"
        secret.write_text(handed_in.SECRET)
        self.truth = handed_in.write(self.folder, str(secret), str(self.marker))
        self.before = snapshot(self.folder)
        self.processes = {}
        self.peak_bytes = 0
        cpu_s = children_cpu_s()
        command = [sys.executable, "-m", "scaletoolkit", "class", "grade", str(self.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            watch = threading.Thread(target=self.watch, args=(run,))
            watch.start()
            self.said = run.stdout.read()
        watch.join()
        assert run.returncode == 0
        self.cpu_s = children_cpu_s() - cpu_s
        self.graded = root / "handed-in-graded"
        text = (self.graded / "grades.csv").read_text("utf-8-sig")
        self.rows = {row["file"]: row for row in csv.DictReader(io.StringIO(text))}

    def watch(self, run):
        """Note the processes of a run while it lasts, and how much memory they have together."""
        while run.poll() is None:
            with suppress(psutil.Error, OSError):
                boxes = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
                family = [psutil.Process(int(pid)) for pid in [run.pid, *boxes]]
                self.processes |= {process.pid: process for process in family}
                bytes_now = sum(process.memory_info().rss for process in family)
                self.peak_bytes = max(self.peak_bytes, bytes_now)
            threading.Event().wait(0.05)

    def page(self, name):
        """The page of a submission."""
        return (self.graded / "pages" / page_name(name)).read_text("utf-8")


def children_cpu_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def snapshot(folder):
    """{file: (size, when it was changed)} of a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    return Class(tmp_path_factory.mktemp("class"))


def test_every_file_has_a_row_and_a_page(graded):
    assert len(graded.truth) >= 40
    assert {*graded.rows} == {*graded.truth}
    pages = {path.name for path in (graded.graded / "pages").iterdir()}
    assert pages == {page_name(name) for name in graded.truth}
    assert len(pages) == len(graded.truth)


def test_the_grades_are_the_truth(graded):
    found = {
        name: tuple(exercise for exercise in handed_in.ALL if row[exercise] == "1")
        for name, row in graded.rows.items()
    }
    assert found == {name: right or () for name, right in graded.truth.items()}
    assert all(int(row["passed"]) == len(found[name]) for name, row in graded.rows.items())


def test_what_is_no_notebook_has_a_note_and_no_points(graded):
    for name, right in graded.truth.items():
        row = graded.rows[name]
        assert (row["0.1"] == "") == (right is None)
        assert right is not None or row["notes"]


def test_nothing_was_read_written_or_left(graded):
    assert not graded.marker.exists()
    assert snapshot(graded.folder) == graded.before
    assert {path.name for path in graded.graded.iterdir()} == {"grades.csv", "pages"}
    outputs = [graded.said, *map(graded.page, graded.truth), *map(str, graded.rows.values())]
    assert [text for text in outputs if handed_in.SECRET in text] == []
    assert len(graded.processes) > 10
    assert [one for one in graded.processes.values() if one.is_running()] == []


def test_what_a_class_takes(graded):
    assert graded.cpu_s <= 60
    assert graded.peak_bytes <= 500e6


def test_the_walls_are_named_and_what_ran_into_them(graded):
    first = graded.said.splitlines()[0]
    assert first == "Closed to answers: files, network, programs, processes."
    for name in ("forks", "opens_a_socket", "starts_a_process", "reads_a_file", "kills_its_judge"):
        assert "which are closed to answers" in graded.rows[f"{name}.ipynb"]["notes"]


def test_guesses_and_decisions_are_text_in_table_and_page(graded):
    name = "words_in_guesses_and_decision.ipynb"
    row = graded.rows[name]
    assert row["Speed-up of the report with 8 workers?"] == "3.5"
    assert row["Eight times the cores: how many times sooner?"] == ""
    assert row["decision"] == "<script>alert(1)</script> =1+1"
    assert row["words"] == "2"
    page = graded.page(name)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_page_names_the_misconception_and_asks_for_nothing_from_outside(graded):
    page = graded.page("misconceptions.ipynb")
    assert "This is what comes out when the speed-up is not divided by n." in page
    assert not re.search(r"https?:|src=|href=|<script", page)


def test_pages_are_whole_html(graded):
    for name in graded.truth:
        opened = Opened()
        opened.feed(graded.page(name))
        assert opened.stack == []


class Opened(HTMLParser):
    """Follows which elements are open; raises where another one is closed than the last."""

    def __init__(self):
        super().__init__()
        self.stack = []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag
