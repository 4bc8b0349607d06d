"""Real ranks through torchrun: results, lines, and failures that name the right rank."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from scaletoolkit import measure, ranks


def exchange(rank, world_size, steps=3, fault=None, at=(1, 1)):
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
            print(f"step {step}: {total[0].item():g}")
    return rank, total[0].item()


def leftovers():
    """Folders of jobs, and processes that mention one."""
    found = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True)
    processes = [line for line in found.stdout.splitlines() if "scaletoolkit-ranks-" in line]
    return processes + list(Path("/tmp").glob("scaletoolkit-ranks-*"))


def failure(world_size=2, timeout_s=60, **arguments):
    with pytest.raises(ranks.RankError) as caught:
        ranks.launch(exchange, world_size, timeout_s, **arguments)
    assert leftovers() == []
    return caught.value


def test_results_come_in_rank_order_and_lines_carry_their_rank(capsys):
    assert ranks.launch(exchange, 3, steps=2) == [(0, 9.0), (1, 9.0), (2, 9.0)]
    choice, *lines = capsys.readouterr().out.splitlines()
    assert choice == f"3 ranks, started by torchrun: {measure.backend(3)} on {measure.device()}"
    assert lines == ["rank 0 │ step 0: 3", "rank 0 │ step 1: 9"]
    assert leftovers() == []


def test_a_rank_that_raises_is_named_with_its_line():
    def fault():
        raise KeyError("label")

    error = failure(fault=fault)
    first, *lines = str(error).splitlines()
    assert first == "rank 1 raised KeyError: 'label'"
    assert lines[-1].endswith('in fault: raise KeyError("label")')
    assert error.traceback.startswith("Traceback")


def test_a_rank_that_hangs_is_named_with_where_it_stands():
    error = failure(3, 20, fault=lambda: time.sleep(600), at=(2, 1))
    assert str(error).startswith("Not done after 20 s. rank 2 hung, and the others wait for it:")
    assert "in <lambda>: error = failure(3, 20, fault=lambda: time.sleep(600)" in str(error)


def test_a_killed_rank_is_named():
    error = failure(fault=lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert str(error) == "rank 1 was killed by signal 9 (SIGKILL)"


def test_a_rank_that_takes_fewer_steps_is_named():
    def job(rank, world_size):
        return exchange(rank, world_size, steps=2 if rank == 1 else 3)

    with pytest.raises(ranks.RankError, match="rank 1 had already finished when rank 0 asked"):
        ranks.launch(job, 2)


def test_a_restart_recovers_and_says_why(capsys):
    def job(rank, world_size):
        first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        fault = (lambda: os.kill(os.getpid(), signal.SIGKILL)) if first else None
        return exchange(rank, world_size, fault=fault)

    assert ranks.launch(job, 2, restarts=1) == [(0, 8.0), (1, 8.0)]
    said = capsys.readouterr().out
    assert "rank 1 was killed by signal 9 (SIGKILL)\nRestart 1 of 1" in said
    assert leftovers() == []


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_nothing_outlives_the_process_that_launched(sent, tmp_path):
    program = f"""
import time
from pathlib import Path
from scaletoolkit import ranks
def job(rank, world_size):
    Path(r"{tmp_path}", str(rank)).touch()
    time.sleep(600)
ranks.launch(job, 2)
"""
    launcher = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    eventually(lambda: len(list(tmp_path.iterdir())) == 2)
    launcher.send_signal(sent)
    launcher.wait(20)
    eventually(lambda: leftovers() == [])


def eventually(holds, limit_s=40):
    deadline = time.monotonic() + limit_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert holds()


def test_a_job_needs_a_rank_and_nodes_share_them_evenly(tmp_path):
    with pytest.raises(ValueError, match="world_size must be at least 1, got 0"):
        ranks.launch(exchange, 0)
    with pytest.raises(ValueError, match="3 ranks cannot be spread evenly over 2 nodes"):
        ranks.command(exchange, 3, nodes=2, host="a:1", folder=tmp_path)


@contextmanager
def network_namespaces(names):
    """Two machines' worth of network: a namespace each, joined by a cable. Needs root on Linux."""
    ends = [f"{name}-e"[-15:] for name in names]
    try:
        for name in names:
            run("ip", "netns", "add", name)
        run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for number, (name, end) in enumerate(zip(names, ends, strict=True), 1):
            run("ip", "link", "set", end, "netns", name)
            run("ip", "-n", name, "addr", "add", f"10.213.7.{number}/24", "dev", end)
            run("ip", "-n", name, "link", "set", end, "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield [(["ip", "netns", "exec", name], end) for name, end in zip(names, ends, strict=True)]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def two_nodes():
    """[(words before a command, its address, its interface)] of two nodes, real where possible."""
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("ip"):
        names = [f"stk{os.getpid()}{letter}" for letter in "ab"]
        with network_namespaces(names) as nodes:
            yield [(words, f"10.213.7.{n}", end) for n, (words, end) in enumerate(nodes, 1)]
    else:
        yield [([], "127.0.0.1", "lo"), ([], "127.0.0.2", "lo")]


def test_two_nodes_compute_the_same_as_one(tmp_path):
    def job(rank, world_size):
        return exchange(rank, world_size, steps=4), os.environ["GROUP_RANK"]

    line = ranks.command(job, 2, nodes=2, host="10.213.7.1:29400", folder=tmp_path / "job")
    agents = []
    with two_nodes() as nodes:
        for words, address, interface in nodes:
            place = {
                "PET_LOCAL_ADDR": address,
                "PET_RDZV_CONF": f"is_host={address == nodes[0][1]}".lower(),
                "GLOO_SOCKET_IFNAME": interface,
                "RES_OPTIONS": "attempts:1 timeout:1",  # no name server answers in there
            }
            command = line.replace("10.213.7.1", nodes[0][1]).split()[1:]
            agents.append(
                subprocess.Popen(
                    [*words, sys.executable, "-m", "torch.distributed.run", *command],
                    env=os.environ | place | {"PYTHONPATH": os.pathsep.join(sys.path)},
                    stderr=subprocess.DEVNULL,
                )
            )
        assert [agent.wait(90) for agent in agents] == [0, 0]
    found = ranks.results(tmp_path / "job", 2)
    assert {node for _, node in found} == {"0", "1"}
    assert [result for result, _ in found] == ranks.launch(exchange, 2, steps=4)


def test_a_pool_runs_functions_of_a_cell_in_order():
    offset = 10
    with ranks.Pool(2) as pool:
        assert pool.map(lambda x: x + offset, range(5)) == [10, 11, 12, 13, 14]
