"""What must not outlive this process does not, however this process ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import __main__
from scaletoolkit.machine import processes

ENDINGS = pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, None])

# A parent that says where its workspace is and what its child's number is, then waits.
PARENT = """
import sys
from scaletoolkit.machine import processes
folder = processes.workspace("test")
(folder / "file").write_text("x")
child = processes.Child(["-c", {child!r}])
print(folder, child.pid, child.stdout.readline().strip(), flush=True)
sys.stdin.read()
"""
OBEDIENT = "import sys; print('there', flush=True); sys.stdin.read()"
DEAF = "import time; print('there', flush=True); time.sleep(60)"
WATCHING = """
import time
from scaletoolkit.machine import processes
processes.end_with(0, 7)
print("there", flush=True)
time.sleep(60)
"""
UNDER_GEVENT = "from gevent import monkey; monkey.patch_all()\n" + WATCHING.replace(
    "time.sleep(60)", "for tick in range(600): print(tick, flush=True); time.sleep(0.1)"
)


@pytest.fixture(autouse=True)
def new_record(monkeypatch):
    record = {"predictions": {}, "claims": {}, "checks": {}}
    monkeypatch.setitem(__main__.__dict__, "lab_record", record)
    return record


def eventually(holds, limit_s=10):
    deadline_s = time.monotonic() + limit_s
    while not holds() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return holds()


def started(code):
    """A child that runs this code, once it has said that it is there."""
    child = processes.Child(["-c", code])
    assert child.stdout.readline() == "there\n"
    return child


def test_clean_up_removes_the_workspace_and_ends_its_keeper(new_record):
    folder = processes.workspace("test")
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "file").write_text("x")
    (keeper,) = new_record["workspaces"].values()
    processes.clean_up()
    assert not folder.exists()
    assert keeper.returncode == 0
    processes.clean_up()


def test_a_workspace_that_is_made_again_after_clean_up_goes_with_the_process():
    code = (
        "from scaletoolkit.machine import processes; folder = processes.workspace('test'); "
        "processes.clean_up(); folder.mkdir(); (folder / 'file').touch(); print(folder)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not Path(run.stdout.strip()).exists()


@ENDINGS
@pytest.mark.parametrize("child", [OBEDIENT, WATCHING])
def test_workspace_and_child_end_with_their_parent_however_it_ends(ending, child):
    command = [sys.executable, "-c", PARENT.format(child=child)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as parent:
        folder, child_pid, _ = parent.stdout.readline().split()
        assert Path(folder, "file").exists()
        if ending:
            os.kill(parent.pid, ending)
        else:
            parent.stdin.close()
    assert eventually(lambda: not Path(folder).exists())
    assert eventually(lambda: not psutil.pid_exists(int(child_pid)))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("kill", [os.kill, os.killpg])
def test_a_keeper_survives_what_a_logout_sends(sent, kill, new_record):
    folder = processes.workspace("test")
    (keeper,) = new_record["workspaces"].values()
    assert eventually(lambda: psutil.Process(keeper.pid).children())
    kill(keeper.pid, sent)
    time.sleep(0.2)
    assert keeper.poll() is None
    keeper.stdin.close()
    assert eventually(lambda: not folder.exists())
    processes.clean_up()


def test_the_folder_of_a_killed_keeper_goes_with_clean_up(new_record):
    folder = processes.workspace("test")
    (keeper,) = new_record["workspaces"].values()
    os.killpg(keeper.pid, signal.SIGKILL)
    processes.clean_up()
    assert not folder.exists()


def test_a_keeper_starts_its_command_when_told_and_says_how_it_ended(tmp_path):
    folder = tmp_path / "job"
    keeper = processes.keep(folder, ["sh", "-c", "echo line; echo trouble >&2; exit 3"])
    (folder / "input").write_text("x")
    keeper.stdin.write(b"start\n")
    keeper.stdin.flush()
    assert eventually(lambda: (folder / "exit").exists() and (folder / "exit").read_text())
    assert (folder / "exit").read_text() == "3\n"
    assert (folder / "log").read_text() == "line\ntrouble\n"
    keeper.stdin.close()
    assert keeper.wait(10) == 0
    assert not folder.exists()


def test_a_command_that_was_never_told_to_start_does_not(tmp_path):
    folder = tmp_path / "job"
    keeper = processes.keep(folder, ["touch", str(tmp_path / "ran")])
    keeper.stdin.close()
    assert keeper.wait(10) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_signal_to_the_group_ends_the_command_and_not_its_keeper(tmp_path):
    folder = tmp_path / "job"
    keeper = processes.keep(folder, ["sh", "-c", "echo there; sleep 60"])
    keeper.stdin.write(b"start\n")
    keeper.stdin.flush()
    log = folder / "log"
    assert eventually(lambda: log.exists() and log.read_text() == "there\n")
    os.killpg(keeper.pid, signal.SIGTERM)
    assert eventually(lambda: (folder / "exit").exists())
    assert keeper.poll() is None
    keeper.stdin.close()
    assert keeper.wait(10) == 0


def test_of_a_child_that_writes_much_the_end_is_kept():
    child = started("import sys; print('there', flush=True); sys.stderr.write('x' * 2**21 + 'end')")
    said = child.end()
    assert len(said) == processes.LAST_BYTES
    assert said.endswith("xend")


def test_a_child_speaks_and_is_told():
    child = processes.Child(
        ["-c", "import sys; print(input()); print('why', file=sys.stderr); sys.stdin.read()"]
    )
    child.tell("hello")
    assert child.stdout.readline() == "hello\n"
    assert eventually(lambda: child.said() == "why")
    assert child.status is None
    assert child.end() == "why"
    assert child.status == 0
    assert child.end() == ""
    assert child.said() == ""


def test_a_child_gets_its_environment():
    child = processes.Child(["-c", "import os; print(os.environ['NAME'])"], {"NAME": "value"})
    assert child.stdout.readline() == "value\n"
    child.end()


def test_a_child_that_ends_by_itself_leaves_what_it_said():
    child = processes.Child(["-c", "raise SystemExit('no model')"])
    assert child.stdout.readline() == ""
    assert eventually(lambda: child.status == 1)
    with pytest.raises(BrokenPipeError):
        child.tell("hello")
    assert child.end() == "no model"


def test_a_child_that_does_not_listen_is_killed():
    child = started(DEAF)
    assert child.end(patience_s=0.2) == ""
    assert child.status == -signal.SIGKILL


def test_what_a_child_started_goes_with_it():
    child = processes.Child(
        ["-c", "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"]
    )
    grandchild = int(child.stdout.readline())
    child.end()
    assert eventually(lambda: not psutil.pid_exists(grandchild))


@pytest.mark.parametrize("code", [WATCHING, UNDER_GEVENT], ids=["plain", "gevent"])
def test_a_process_ends_with_the_pipe_and_the_status_it_was_given(code):
    child = started(code)
    child.tell("what comes through the pipe is thrown away")
    if code is UNDER_GEVENT:
        assert [child.stdout.readline() for _ in range(3)] == ["0\n", "1\n", "2\n"]
    assert child.status is None
    assert child.end() == ""
    assert child.status == 7
