"""Of ranks that stand still, the one that keeps the others waiting is named, in any shape."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from tools import hanging

from scaletoolkit.machine.ranks import failures, hangs, job
from scaletoolkit.machine.ranks.folder import Folder

LIMIT_S = 40
EACH_OTHER = "wait for each other, their exchanges do not fit together:"
EXPECTED = {
    "rank_that_sleeps": ["rank 1 kept the others waiting:", "rank 1 at", "in sleeps: time.sleep"],
    "rank_that_spins": ["rank 2 kept the others waiting:", "in spins:"],
    "pipeline_whose_middle_sleeps": [
        "rank 1 kept the others waiting:",
        "rank 2 waits in recv for rank 1, at",
    ],
    "groups_with_unlike_traffic": [
        "rank 1 kept the others waiting:",
        "rank 2 waits in barrier, at",
    ],
    "both_receive_first": [
        f"ranks 0, 1 {EACH_OTHER}",
        "rank 0 waits in recv for rank 1, at",
        "rank 1 waits in recv for rank 0, at",
    ],
    "barrier_of_rank_0_alone": [
        f"ranks 0, 1 {EACH_OTHER}",
        "rank 0 waits in new_group, at",
        "rank 1 waits in all_reduce, at",
    ],
    "rank_that_never_joins": [
        "rank 1 kept the others waiting:",
        "rank 0 waits in setup_distributed, at",
    ],
    "exchange_that_aborts": ["rank 1 kept the others waiting:", "rank 2 waits in barrier, at"],
    "rank_that_is_stopped": [
        "rank 1 gave no sign any more: stopped, or",
        "in rank_that_is_stopped:",
    ],
    "backward_of_others": ["rank 2 kept the others waiting:", "rank 0 waits in backward, at"],
    "wait_for_what_was_begun": ["rank 0 kept the others waiting:", "rank 1 waits in wait, at"],
    "wait_behind_a_wait": ["rank 0 kept the others waiting:", "rank 2 waits in recv for rank 1,"],
    "group_that_one_does_not_make": [
        "ranks 1, 2 kept the others waiting:",
        "rank 0 waits in new_group, at",
    ],
}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """{shape: its folder}; every shape stands still at the same time, in its own processes."""
    home = tmp_path_factory.mktemp("hanging")
    folders = {name: Folder(home / name) for name in hanging.SHAPES}
    for name, (shape, _) in hanging.SHAPES.items():
        job.write(folders[name], shape, {})
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TORCHELASTIC_RESTART_COUNT": "0",
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
    }
    templates = [
        subprocess.Popen(
            [sys.executable, hanging.__file__, str(rank), str(home)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
        for rank in range(4)
    ]
    yield folders
    for template in templates:
        os.killpg(template.pid, signal.SIGKILL)
        template.communicate()


def diagnosis(folder, world_size):
    """What a launcher would say now."""
    if folder.path.name == "exchange_that_aborts":
        return after_the_abort(folder, world_size)
    return failures.hang(folder, world_size, 0, now_s=time.time())


def after_the_abort(folder, world_size):
    """What is said once all but rank 1 have aborted, and torchrun has noted and ended the job."""
    pids = {rank: state["pid"] for rank, state in folder.states(0).items()}
    if len(pids) < world_size or any(psutil.pid_exists(pids[rank]) for rank in (0, 2)):
        return ""
    folder.log.write_text("".join(f"exitcode : -6 (pid: {pids[rank]})\n" for rank in (0, 2)))
    (folder.path / "stopped-0-1").write_text("its stack")
    return str(failures.diagnose(folder, world_size, 0))


@pytest.mark.parametrize("shape", hanging.SHAPES)
def test_the_right_rank_is_named(shape, jobs):
    deadline_s = time.monotonic() + LIMIT_S
    said = ""
    while not all(words in said for words in EXPECTED[shape]) and time.monotonic() < deadline_s:
        time.sleep(0.2)
        said = diagnosis(jobs[shape], hanging.SHAPES[shape][1])
    assert [words for words in EXPECTED[shape] if words not in said] == [], said


def test_ranks_that_have_returned_and_do_not_end_are_told_from_those_at_work():
    place = {"where": "its start", "wait": None, "groups": {}, "still_s": 3}
    states = {0: place, 1: place}
    said, _ = hangs.told(hangs.Ranks(2, states, finished=[0, 1]))
    assert said.startswith("Every rank has returned, but one does not end: a thread or a process")
    said, _ = hangs.told(hangs.Ranks(2, states, finished=[0]))
    assert said.endswith("each is still at work:\n  rank 1 at its start")
