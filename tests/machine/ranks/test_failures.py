"""The first cause among many failures, from the marks that ranks leave."""

import json
import os

import pytest

from scaletoolkit.machine.ranks import failures
from scaletoolkit.machine.ranks.folder import Folder


class Written:
    """A job's folder after an attempt, with the marks written by hand."""

    def __init__(self, path):
        self.path = path
        self.job = Folder(path)

    def mark(self, name, rank, content="", attempt=0):
        (self.path / f"{name}-{attempt}-{rank}").write_text(content)

    def state(self, rank, collectives=3, where="cell, line 1, in f: g()"):
        seen = {"pid": 100 + rank, "collectives": collectives, "where": where}
        self.mark("state", rank, json.dumps(seen))

    def failure(self, rank, time_ns, message, echo=False):
        values = {"time_ns": time_ns, "type": "ValueError", "message": message, "echo": echo}
        self.mark(
            "failure", rank, json.dumps(values | {"lines": ["cell, line 2"], "traceback": "T"})
        )

    def diagnosis(self, world_size=2):
        return str(failures.diagnose(self.job, world_size, 0))


@pytest.fixture
def folder(tmp_path):
    return Written(tmp_path)


def test_the_first_that_raised_is_named_and_echoes_are_not(folder):
    for rank in range(3):
        folder.state(rank)
    folder.failure(0, 1, "connection lost", echo=True)
    folder.failure(1, 3, "late")
    folder.failure(2, 2, "early")
    assert folder.diagnosis(3) == "rank 2 raised ValueError: early\n  cell, line 2"


def test_a_rank_that_left_no_mark_was_killed_and_those_that_were_stopped_were_not(folder):
    for rank in range(3):
        folder.state(rank)
    folder.failure(0, 1, "connection lost", echo=True)
    folder.mark("stopped", 1, "stack")
    log = "failed (exitcode: -11) local_rank: 2 (pid: 102) of binary: python"
    folder.job.log.write_text(log)
    assert folder.diagnosis(3) == "rank 2 was killed by signal 11 (SIGSEGV)"


@pytest.mark.parametrize(
    ("code", "words"),
    [(13, "ended with exit code 13 and raised nothing"), (None, "ended without returning")],
)
def test_a_rank_that_left_by_itself(folder, code, words):
    folder.state(0)
    folder.mark("result", 0)
    folder.state(1)
    if code:
        folder.job.log.write_text(f"  exitcode  : {code} (pid: 101)")
    assert words in folder.diagnosis()


def test_a_silent_rank_with_fewest_exchanges_hung(folder):
    folder.state(0, collectives=5)
    folder.state(1, collectives=4, where="cell, line 9, in f: sleep()")
    folder.failure(0, 1, "Timed out waiting", echo=True)
    folder.mark("stopped", 1, "stack")
    expected = "rank 1 hung, and the others wait for it:\n  rank 1 at cell, line 9, in f: sleep()"
    assert folder.diagnosis() == expected


def test_ranks_that_wait_for_nobody_are_still_at_work(folder):
    folder.state(0)
    folder.state(1)
    said = failures.held_up(folder.job.states(0), {0, 1})
    assert said.startswith("No rank waits for another; each is still at work:\n  rank 0 at cell")


def test_a_rank_that_gives_no_sign_is_said_to(folder):
    folder.state(0)
    folder.state(1)
    os.utime(folder.path / "state-0-1", (0, 0))
    states = folder.job.states(0)
    assert states[1]["where"].endswith("(and has given no sign since)")
    assert states[0]["where"] == "cell, line 1, in f: g()"


def test_ranks_that_never_began_leave_the_launcher_s_last_words(folder):
    folder.state(0)
    folder.mark("stopped", 0, "stack")
    folder.job.log.write_text("line\n" * 9 + "no space left on device\n")
    assert folder.diagnosis().startswith("rank 1 never began; torchrun's last lines:")
    assert folder.diagnosis().endswith("no space left on device")


def test_only_the_newest_attempt_counts(folder):
    folder.state(0)
    folder.mark("state", 0, "{}", attempt=2)
    assert folder.job.last_attempt() == 2
