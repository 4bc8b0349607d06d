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

    def state(self, rank, exchanges=3, where="cell, line 1, in f: g()", wait=None):
        groups = {"0": {"exchanges": exchanges, "ranks": [0, 1]}}
        sign = {"pid": 100 + rank, "every_s": 0.5, "still_s": 5, "where": where, "wait": wait}
        self.mark("state", rank, json.dumps(sign | {"groups": groups}))

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
    folder.job.log.write_text(f"  exitcode  : {code} (pid: 101)" if code else "")
    assert words in folder.diagnosis()


ALL_REDUCE = {"exchange": "all_reduce", "group": "0", "peers": []}
LEFT_WAITING = "rank 1 kept the others waiting:\n  rank 1 at cell, line 9, in f: sleep()\n  rank 0"


def test_the_rank_that_complains_is_not_the_one_that_hung(folder):
    folder.state(0, wait=ALL_REDUCE)
    folder.state(1, where="cell, line 9, in f: sleep()")
    folder.failure(0, 1, "Timed out waiting", echo=True)
    folder.mark("stopped", 1, "stack")
    waits = "waits in all_reduce, at cell, line 1, in f: g()"
    assert folder.diagnosis() == f"{LEFT_WAITING} {waits}"


def test_where_no_stack_shows_an_exchange_the_one_behind_kept_the_others_waiting(folder):
    folder.state(0, exchanges=5)
    folder.state(1, exchanges=4, where="cell, line 9, in f: sleep()")
    assert failures.hang(folder.job, 2, 0, 0) == f"{LEFT_WAITING} at cell, line 1, in f: g()"


def test_ranks_that_wait_for_nobody_are_still_at_work(folder):
    folder.state(0)
    folder.state(1)
    said = failures.hang(folder.job, 2, 0, 0)
    assert said.startswith("No rank waits for another; each is still at work:\n  rank 0 at cell")


def test_a_rank_whose_signs_end_is_named_before_all_others(folder):
    folder.state(0, wait=ALL_REDUCE)
    folder.state(1, where="cell, line 9, in f: sleep()")
    os.utime(folder.path / "state-0-1", (0, 0))
    said = failures.hang(folder.job, 2, 0, 0)
    assert said.startswith("rank 1 gave no sign any more: stopped, or")
    folder.failure(0, 1, "Timed out waiting", echo=True)
    folder.job.log.write_text(
        "Unable to shutdown process 101 via 15, forcefully exiting via 9\n"
        "  exitcode  : -9 (pid: 101)  (SIGKILL)\n"
    )
    assert folder.diagnosis() == said


def test_a_hang_in_which_all_complain_shows_what_the_first_said(folder):
    for rank in (0, 1):
        folder.state(rank, wait=ALL_REDUCE)
        folder.failure(rank, rank, "8 vs 4 bytes", echo=True)
    said = folder.diagnosis()
    assert said.startswith("ranks 0, 1 wait for each other, their exchanges do not fit together:")
    assert "rank 0 raised ValueError: 8 vs 4 bytes" in said


def test_the_rank_that_was_told_to_end_is_named_not_those_that_torchrun_ended(folder):
    for rank in (0, 1):
        folder.state(rank)
        folder.mark("stopped", rank, "stack")
    folder.job.log.write_text(
        "Sending process 100 closing signal SIGTERM\n"
        "failed (exitcode: -15) local_rank: 1 (pid: 101) of binary: python\n"
        "  exitcode  : -15 (pid: 100)  (SIGTERM)\n"
    )
    assert folder.diagnosis() == "rank 1 was killed by signal 15 (SIGTERM)"


@pytest.mark.parametrize(
    ("log", "status", "name"),
    [("Received 15 death signal, shutting down", "1", "15 (SIGTERM)"), ("", "137", "9 (SIGKILL)")],
)
def test_the_end_of_torchrun_is_no_rank_s_fault(folder, log, status, name):
    folder.state(0)
    folder.failure(1, 1, "connection lost", echo=True)
    folder.job.log.write_text(log)
    folder.job.exit.write_text(status)
    assert folder.diagnosis() == f"torchrun was ended by signal {name}, and its ranks with it"


def test_an_abort_that_is_no_time_out_is_its_own_cause(folder):
    folder.state(0)
    folder.state(1)
    folder.job.log.write_text("failed (exitcode: -6) local_rank: 0 (pid: 100) of binary: python")
    folder.mark("stopped", 1, "stack")
    assert folder.diagnosis() == "rank 0 was killed by signal 6 (SIGABRT)"
    folder.mark("stderr", 0, "Watchdog caught collective operation timeout: WorkNCCL(")
    assert folder.diagnosis().startswith("rank 1 kept the others waiting:")


def test_a_job_that_still_runs_is_not_called_ended(folder):
    folder.state(0)
    folder.mark("result", 1)
    said = "no result yet of rank 0: still at work, or ended without a word in the last 4 s"
    assert folder.diagnosis() == said
    os.utime(folder.path / "state-0-0", (0, 0))
    assert folder.diagnosis() == "rank 0 ended without returning from its function"


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
