"""Processes of one machine measure one after the other, in the order in which they came."""

import os
import pty
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from scaletoolkit import lab
from scaletoolkit.machine import measure, ranks, turns

MEASURE = """
import sys, time
from scaletoolkit.machine import turns
print("asks", flush=True)
with turns.turn("test"):
    print(time.monotonic(), flush=True)
    sys.stdin.readline()
    print(time.monotonic(), flush=True)
"""


class Learner:
    """A process that measures until it is told to stop."""

    def __init__(self, folder):
        self.screen, screen = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", MEASURE],
            env=os.environ | {turns.VARIABLE: str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=screen,
            text=True,
        )
        os.close(screen)
        assert self.process.stdout.readline() == "asks\n"
        self.began_s = None

    def begins(self):
        self.began_s = float(self.process.stdout.readline())
        return self.began_s

    def ends(self):
        """Stop measuring: when it had stopped."""
        output, _ = self.process.communicate("\n")
        return float(output)

    def kill(self, sent):
        self.process.send_signal(sent)
        self.process.communicate()

    def seen(self, words):
        """Wait until the words stand on the learner's screen."""
        shown = ""
        while words not in shown:
            shown += os.read(self.screen, 1000).decode()
        return True


@pytest.fixture
def learner(tmp_path):
    """A function that starts a learner who has asked for a turn and waits, or measures."""
    learners = []

    def start():
        tickets = len(list(tmp_path.iterdir()))
        learners.append(Learner(tmp_path))
        while len([path for path in tmp_path.iterdir() if path.name[0] != "."]) == tickets:
            time.sleep(0.01)
        return learners[-1]

    yield start
    for each in learners:
        each.process.kill()
        each.process.communicate()
        os.close(each.screen)


def test_one_after_the_other_in_order_and_each_says_where_it_stands(learner, tmp_path):
    first = learner()
    assert first.begins()
    second = learner()
    third = learner()
    assert second.seen("first in line, about 10 s")
    assert third.seen("second in line, about 20 s")
    assert first.ends() < second.begins()
    assert third.seen("first in line")
    assert second.ends() < third.begins()
    third.ends()
    assert list(tmp_path.iterdir()) == []


def test_nobody_measures_beside_another_however_many_ask_at_once(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        learners = list(threads.map(Learner, [tmp_path] * 8))
        begun = threads.map(lambda each: (each.begins(), each.ends()), learners)
        turns_s = sorted(begun)
    for each in learners:
        os.close(each.screen)
    assert all(end_s < next_s for (_, end_s), (next_s, _) in pairwise(turns_s))
    assert len(turns_s) == 8


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_who_is_killed_or_interrupted_holds_nobody_up(sent, learner, tmp_path):
    first = learner()
    assert first.begins()
    second = learner()
    third = learner()
    assert third.seen("second in line")
    second.kill(sent)
    assert third.seen("first in line")
    first.kill(sent)
    assert third.begins()
    third.ends()
    assert list(tmp_path.iterdir()) == []


def test_what_is_measured_inside_has_the_same_turn(monkeypatch, tmp_path):
    monkeypatch.setenv(turns.VARIABLE, str(tmp_path))

    def measured_in_a_worker(_):
        return measure.fastest(abs, [1])

    with ranks.Pool(1) as pool:
        for _ in range(2):
            measure.fastest(lambda number: pool.map(measured_in_a_worker, [number]), [1], 1)
        with turns.turn("outer"), turns.turn("inner"):
            assert len(list(tmp_path.iterdir())) == 1
            assert ranks.launch(lambda rank, world_size: measure.fastest(abs, [1]).keys() == {1}, 1)
    assert list(tmp_path.iterdir()) == []
    assert os.environ[turns.VARIABLE] == str(tmp_path)


@pytest.mark.parametrize("name", ["none", "file/inside"])
def test_a_folder_that_cannot_be_used_is_a_sentence(name, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv(turns.VARIABLE, str(tmp_path / name))
    with pytest.raises(lab.LabError, match="SCALETOOLKIT_TURNS names a folder that cannot"):
        measure.fastest(abs, [1])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_a_sentence(monkeypatch, tmp_path):
    tmp_path.chmod(0o333)
    monkeypatch.setenv(turns.VARIABLE, str(tmp_path))
    with pytest.raises(lab.LabError, match="names a folder that cannot be used"), turns.turn("a"):
        pass


def test_what_was_killed_before_its_ticket_was_seen_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv(turns.VARIABLE, str(tmp_path))
    for name in (".turn-old", ".turn-new"):
        (tmp_path / name).touch()
    os.utime(tmp_path / ".turn-old", (0, 0))
    with turns.turn("a"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".turn-new"]


def test_an_error_of_what_is_measured_stays_what_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv(turns.VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError):
        measure.fastest(open, [tmp_path / "none"])
    assert list(tmp_path.iterdir()) == []
