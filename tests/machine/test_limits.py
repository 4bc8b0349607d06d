import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from scaletoolkit.machine import limits

HOLD = "import time; held = b'x' * 60_000_000; time.sleep({})"
FOUR = """
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", {!r}]{}) for _ in range(4)]
print([child.wait() for child in children])
"""


def python(code):
    return [sys.executable, "-c", code]


def test_what_stays_inside_runs_to_its_end():
    outcome = limits.run_limited(python("print('done')"), 500e6)
    assert (outcome.over, outcome.status, outcome.said) == ("", 0, "done")


@pytest.mark.parametrize("leaving", ["", ", start_new_session=True"])
def test_children_are_counted_together_and_ended_together(leaving):
    four = FOUR.format(HOLD.format(30), leaving)
    outcome = limits.run_limited(python(four), 200e6)
    assert outcome.over == "memory"
    assert outcome.most_processes == 5
    assert not [p for p in psutil.process_iter(["cmdline"]) if HOLD.format(30) in str(p.info)]


def test_one_child_alone_is_within_the_same_limit():
    assert limits.run_limited(python(HOLD.format(0)), 200e6).over == ""


def test_cpu_seconds_and_time_are_limits_too():
    assert limits.run_limited(python("while True: pass"), 1e9, cpu_s=0.2).over == "cpu"
    assert (
        limits.run_limited(python("import time; time.sleep(60)"), 1e9, seconds=0.2).over == "time"
    )


def test_a_command_over_a_limit_was_ended_by_a_signal():
    outcome = limits.run_limited(["sleep", "60"], 1e9, seconds=0.2)
    assert (outcome.over, outcome.status) == ("time", -signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux keeps to cores")
def test_it_keeps_to_the_cores():
    core = min(os.sched_getaffinity(0))
    outcome = limits.run_limited(
        python("import os; print(os.sched_getaffinity(0))"), 1e9, cores=[core]
    )
    assert outcome.said == f"{{{core}}}"


def test_wrong_limits_and_programs_are_named():
    with pytest.raises(ValueError, match="memory_bytes must be more than 0, got 0"):
        limits.run_limited(python(""), 0)
    with pytest.raises(ValueError, match="at least the name of a program"):
        limits.run_limited([], 1e9)
    with pytest.raises(FileNotFoundError, match="no-such-program cannot be run: No such file"):
        limits.run_limited(["no-such-program"], 1e9)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux keeps to cores")
def test_a_core_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="core 9999 is none of those"):
        limits.run_limited(python(""), 1e9, cores=[9999])


def test_output_is_a_limit_too():
    endless = "while True: print('x' * 1000)"
    outcome = limits.run_limited(python(endless), 1e9, output_bytes=1e6, seconds=20)
    assert outcome.over == "output"


def test_a_killed_watcher_is_no_missing_program():
    with pytest.raises(ChildProcessError, match="the process that watches"):
        limits.run_limited(python("import os; os.kill(os.getppid(), 9)"), 1e9)


class Hidden(psutil.Process):
    """As another user's: root, who may run this test, is refused nothing."""

    def memory_full_info(self):
        raise psutil.AccessDenied


def test_the_seconds_count_of_processes_whose_memory_is_hidden():
    child = subprocess.Popen(python("sum(range(3_000_000))"))
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    group = limits.Group()
    group.members[child.pid] = Hidden(child.pid)
    group.look()
    child.wait()
    assert group.cpu_s[child.pid] > 0


def test_it_ends_with_a_killed_asker():
    call = f"limits.run_limited({python(HOLD.format(61))}, 1e9)"
    asker = subprocess.Popen(python(f"from scaletoolkit.machine import limits; {call}"))
    children = []
    while len(children) < 2:
        time.sleep(0.02)
        children = psutil.Process(asker.pid).children(recursive=True)
    os.kill(asker.pid, signal.SIGKILL)
    asker.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
