"""Real ranks through torchrun: results, lines, and failures that name the right rank.

SCALETOOLKIT_FAULTS=30 lets every fault happen at thirty moments instead of one: a soak.
"""

import atexit
import fcntl
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

from scaletoolkit import lab
from scaletoolkit.machine import hardware, interrupts, ranks

FAULTS = int(os.environ.get("SCALETOOLKIT_FAULTS", "1"))
STEPS = 20

at_many_moments = pytest.mark.parametrize("moment", range(FAULTS))


def drawn(moment, world_size):
    """A rank and a step for a fault, drawn from the number of the moment."""
    draw = random.Random(moment)
    return draw.randrange(world_size), draw.randrange(STEPS)


def exchange(rank, world_size, steps=STEPS, fault=None, at=(1, 1)):
    """Add up over all ranks, `steps` times; `fault()` happens on rank at[0] in step at[1]."""
    import torch
    import torch.distributed as dist

    ranks.setup_distributed(rank, world_size)
    total = torch.ones(2)
    for step in range(steps):
        if fault and (rank, step) == at:
            fault()
        dist.all_reduce(total)
        if rank == 0:
            print(f"step {step}: {total[0].item():g}", end="" if step == steps - 1 else "\n")
    return rank, total[0].item()


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path_factory, monkeypatch):
    """What this test's jobs write lies in a folder of its own, so leftovers are its own too."""
    folder = tmp_path_factory.mktemp("jobs")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))


def leftovers():
    """Folders of jobs, and processes that mention one."""
    folder = tempfile.gettempdir()
    listed = subprocess.run(
        ["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True
    )
    processes = [line for line in listed.stdout.splitlines() if f"{folder}/scaletoolkit-" in line]
    return processes + list(Path(folder).glob("*"))


def failure(world_size=2, timeout_s=60, **arguments):
    with pytest.raises(ranks.RankError) as caught:
        ranks.launch(exchange, world_size, timeout_s, **arguments)
    assert leftovers() == []
    return caught.value


def test_results_come_in_rank_order_and_lines_carry_their_rank(capsys, monkeypatch):
    monkeypatch.setenv("PET_REDIRECTS", "3")  # another torchrun's option, around this job
    assert ranks.launch(exchange, 3, steps=2) == [(0, 9.0), (1, 9.0), (2, 9.0)]
    choice, *lines = capsys.readouterr().out.splitlines()
    assert choice == f"3 ranks, started by torchrun: {hardware.backend(3)} on {hardware.device()}"
    assert lines == ["rank 0 │ step 0: 3", "rank 0 │ step 1: 9"]
    assert leftovers() == []


def test_all_that_a_rank_writes_is_seen_and_a_cell_s_own_class_comes_back(capsys):
    class Own:
        """As a learner writes one in a cell."""

        def __init__(self, rank):
            self.rank = rank

    def job(rank, world_size):
        print("a – b", flush=True)
        subprocess.run(["echo", "a child"], stdout=sys.stdout, check=True)
        sys.stdout.buffer.write(b"bytes\n")
        warnings.warn("take care", stacklevel=1)
        logging.warning("logged")
        return Own(rank)

    [own] = ranks.launch(job, 1)
    assert isinstance(own, Own)
    assert own.rank == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[1:] == ["rank 0 │ a – b", "rank 0 │ a child", "rank 0 │ bytes"]
    assert "UserWarning: take care" in said.err
    assert "rank 0 │ WARNING:root:logged" in said.err.splitlines()


@at_many_moments
def test_a_rank_that_raises_is_named_with_its_line(moment):
    def fault():
        raise KeyError("label")

    at = drawn(moment, 3)
    error = failure(3, fault=fault, at=at)
    first, *lines = str(error).splitlines()
    assert first == f"rank {at[0]} raised KeyError: 'label'"
    assert lines[-1].endswith('in fault: raise KeyError("label")')
    assert error.traceback.startswith("Traceback")


@at_many_moments
def test_a_rank_that_hangs_is_named_with_where_it_stands(moment, monkeypatch, tmp_path):
    hangs = tmp_path / "hangs"
    clock = time.monotonic

    def fault():
        hangs.touch()
        time.sleep(600)

    def an_hour_later_soon_after_it_hangs():  # a busy machine may take long to come so far
        long = hangs.exists() and time.time() - hangs.stat().st_mtime > 4
        return clock() + 3600 * long

    monkeypatch.setattr(time, "monotonic", an_hour_later_soon_after_it_hangs)
    at = drawn(moment, 3)
    error = failure(3, 1800, fault=fault, at=at)
    first, cause, *waiting = str(error).splitlines()
    assert first == f"Not done after 1800 s. rank {at[0]} kept the others waiting:"
    assert cause.startswith(f"  rank {at[0]} at ")
    assert cause.endswith("in fault: time.sleep(600)")
    assert all("waits in all_reduce, at" in line for line in waiting)
    assert len(waiting) == 2


@at_many_moments
def test_a_killed_rank_is_named(moment):
    victim = moment % 2
    sent = [signal.SIGTERM, signal.SIGKILL][moment // 2 % 2]
    after_s = random.Random(moment).uniform(1, 6)
    killer = threading.Thread(target=kill_rank, args=(victim, sent, after_s))
    killer.start()
    error = failure(steps=10**6)
    killer.join()
    assert str(error) == f"rank {victim} was killed by signal {sent.value} ({sent.name})"


def kill_rank(rank, sent, after_s):
    """Send a rank a signal that long after it began: while it imports, joins or exchanges."""
    jobs = Path(tempfile.gettempdir())
    eventually(lambda: any(mark.read_text() for mark in jobs.glob(f"*/alive-0-{rank}")))
    time.sleep(after_s)
    [mark] = jobs.glob(f"*/alive-0-{rank}")
    os.kill(int(mark.read_text()), sent)


def test_a_rank_that_takes_fewer_steps_is_named():
    def job(rank, world_size):
        return exchange(rank, world_size, steps=2 if rank == 1 else 3)

    with pytest.raises(ranks.RankError, match="rank 1 had already finished when rank 0 asked"):
        ranks.launch(job, 2)


@at_many_moments
def test_a_restart_recovers_and_says_why(moment, capsys):
    at = drawn(moment, 2)

    def job(rank, world_size):
        first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        fault = (lambda: os.kill(os.getpid(), signal.SIGKILL)) if first else None
        return exchange(rank, world_size, fault=fault, at=at)

    total = 2.0**STEPS
    assert ranks.launch(job, 2, restarts=1) == [(0, total), (1, total)]
    said = capsys.readouterr().out
    assert f"rank {at[0]} was killed by signal 9 (SIGKILL)\nRestart 1 of 1" in said
    assert leftovers() == []


LAUNCHER = """
import time
from pathlib import Path
from scaletoolkit.machine import ranks
def job(rank, world_size):
    Path(r"{folder}", str(rank)).touch()
    time.sleep(600)
ranks.launch(job, 2)
"""


@at_many_moments
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_nothing_outlives_the_process_that_launched(sent, moment, tmp_path):
    program = [sys.executable, "-c", LAUNCHER.format(folder=tmp_path)]
    launcher = subprocess.Popen(program, stderr=subprocess.DEVNULL)
    if moment == 0:
        eventually(lambda: len(list(tmp_path.iterdir())) == 2)
    else:
        time.sleep(random.Random(moment).uniform(0, 8))
    launcher.send_signal(sent)
    try:
        launcher.wait(20)
    finally:
        launcher.kill()
    eventually(lambda: leftovers() == [])


def test_a_job_that_cannot_travel_is_a_sentence_and_leaves_nothing():
    with pytest.raises(ranks.RankError, match="cannot travel to its ranks: cannot pickle '_thread"):
        ranks.launch(exchange, 2, fault=threading.Lock())
    eventually(lambda: leftovers() == [])


def lock_is_held(rank, world_size):
    [alive] = Path(tempfile.gettempdir()).glob("*/alive-0-0")
    with alive.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_rank_holds_its_lock_while_it_runs():
    assert ranks.launch(lock_is_held, 1) == [True]


def runs(pid):
    """Whether there is such a process that has not ended, reaped or not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(listed.stdout.strip()) and not listed.stdout.strip().startswith("Z")


def test_what_a_rank_has_started_is_gone_after_the_launch():
    def job(rank, world_size):
        return subprocess.Popen(["sleep", "600"]).pid

    [pid] = ranks.launch(job, 1)
    eventually(lambda: not runs(pid), limit_s=5)


def test_a_stopped_rank_does_not_outlive_the_launch(tmp_path, monkeypatch):
    pid = tmp_path / "pid"
    clock = time.monotonic

    def job(rank, world_size):
        pid.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)

    def an_hour_later_once_it_has_stopped():
        return clock() + 3600 * (pid.exists() and time.time() - pid.stat().st_mtime > 6)

    monkeypatch.setattr(time, "monotonic", an_hour_later_once_it_has_stopped)
    with pytest.raises(ranks.RankError, match=r"Not done after 1800 s\. rank 0 gave no sign"):
        ranks.launch(job, 1, timeout_s=1800)
    monkeypatch.undo()
    eventually(lambda: not runs(int(pid.read_text())), limit_s=5)


def test_threads_that_go_on_in_torch_do_not_abort_a_rank_that_has_returned(capsys):
    def job(rank, world_size):
        import torch

        def spin():
            while True:
                torch.ones(100) + torch.ones(100)

        for _ in range(4):
            threading.Thread(target=spin, daemon=True).start()
        time.sleep(0.5)

    assert ranks.launch(job, 1, restarts=2) == [None]
    said = capsys.readouterr()
    assert "terminate called" not in said.err
    assert "Restart" not in said.out


def test_what_a_rank_owes_at_its_end_is_done(capsys):
    def late():
        time.sleep(0.5)
        print("a thread")

    def job(rank, world_size):
        atexit.register(print, "and the rest", end="")
        threading.Thread(target=late).start()

    assert ranks.launch(job, 1) == [None]
    assert capsys.readouterr().out.splitlines()[1:] == [
        "rank 0 │ a thread",
        "rank 0 │ and the rest",
    ]


def test_an_interrupt_waits_for_a_good_moment():
    reached = []

    def interrupted():
        with interrupts.held_back() as check:
            signal.raise_signal(signal.SIGINT)
            reached.append("the next line")
            check()
            reached.append("the line after the check")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == ["the next line"]
    with pytest.raises(KeyboardInterrupt):  # and outside an interrupt comes at once again
        signal.raise_signal(signal.SIGINT)


def eventually(holds, limit_s=40):
    deadline = time.monotonic() + limit_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert holds()


def test_a_job_needs_a_rank_and_nodes_share_them_evenly(tmp_path):
    for wrong in (0, True, 2.0):
        words = f"world_size must be a whole number, at least 1, got {wrong!r}"
        with pytest.raises(ValueError, match=words):
            ranks.launch(exchange, wrong)
    with pytest.raises(ValueError, match="restarts must be a whole number, at least 0, got None"):
        ranks.launch(exchange, 1, restarts=None)
    with pytest.raises(ValueError, match="3 ranks cannot be spread evenly over 2 nodes"):
        ranks.command(exchange, 3, nodes=2, host="a:1", folder=tmp_path)
    with pytest.raises(ValueError, match="2 ranks cannot be spread evenly over 0 nodes"):
        ranks.command(exchange, 2, nodes=0, host="a:1", folder=tmp_path)


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("train", {}, "a function of rank and world_size, got 'train'"),
        (lambda rank: 1, {}, "no call of this function: too many positional arguments"),
        (exchange, {"stepz": 3}, r"exchange\(rank, world_size, stepz=…\) is no call"),
        (lambda rank, world_size, data: 1, {}, "missing a required argument: 'data'"),
        (lambda rank, world_size, timeout_s=9: 1, {}, "has a parameter named timeout_s"),
    ],
)
def test_what_is_no_job_is_a_sentence_before_anything_starts(function, arguments, words):
    with pytest.raises(lab.LabError, match=words):
        ranks.launch(function, 2, **arguments)


@contextmanager
def network_namespaces(names, home):
    """Two machines' worth of network: a namespace each, joined by a cable. Needs root on Linux.

    Each has a host name of its own, which means a loopback address there, as Debian has it.
    """
    ends = [f"{name}-e"[-15:] for name in names]
    nodes = []
    try:
        for name in names:
            run("ip", "netns", "add", name)
        run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for number, (name, end) in enumerate(zip(names, ends, strict=True), 1):
            run("ip", "link", "set", end, "netns", name)
            run("ip", "-n", name, "addr", "add", f"10.213.7.{number}/24", "dev", end)
            run("ip", "-n", name, "link", "set", end, "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
            hosts = home / f"hosts-{name}"
            hosts.write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
            own = f'hostname {name} && mount --bind {hosts} /etc/hosts && exec "$@"'
            separate = ["unshare", "--uts", "--mount", "sh", "-c", own, "sh"]
            nodes.append((["ip", "netns", "exec", name, *separate], end))
        yield nodes
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def two_nodes(home):
    """The address of the first of two nodes, and for each (words before a command, interface).

    Real ones where possible.
    """
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("ip"):
        names = [f"stk{os.getpid()}{letter}" for letter in "ab"]
        with network_namespaces(names, home) as nodes:
            yield "10.213.7.1", nodes
    else:
        yield "127.0.0.1", [([], "lo"), ([], "lo")]


def test_two_nodes_compute_the_same_as_one(tmp_path):
    """The lines as they are printed, but for each node's number and interface."""

    def job(rank, world_size):
        return exchange(rank, world_size, steps=4), os.environ["GROUP_RANK"]

    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "RES_OPTIONS": "attempts:1 timeout:1",  # no name server answers in there
    }
    agents = []
    with two_nodes(tmp_path) as (address, nodes):
        text = ranks.command(job, 2, 2, f"{address}:29400", tmp_path / "job")
        for number, (words, interface) in enumerate(nodes):
            lines = text.replace("NODE=0", f"NODE={number}").replace("eth0", interface)
            command = [*words, "sh", "-c", lines]
            agents.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        assert [agent.wait(90) for agent in agents] == [0, 0]
    returned = ranks.results(tmp_path / "job", 2)
    assert {node for _, node in returned} == {"0", "1"}
    assert [result for result, _ in returned] == [(0, 2.0**4), (1, 2.0**4)]


def test_a_group_that_another_launcher_has_made_is_joined(monkeypatch):
    """As in Ray Train or Accelerate: nothing is asked of the environment."""
    import torch
    import torch.distributed as dist

    monkeypatch.delenv("MASTER_ADDR", raising=False)
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    group = dist.group.WORLD
    try:
        device = ranks.setup_distributed(0, 1)
        assert device == torch.device(hardware.device())
        assert dist.group.WORLD is group
    finally:
        dist.destroy_process_group()
