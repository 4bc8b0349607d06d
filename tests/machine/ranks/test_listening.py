"""No port of ranks or workers is open beyond loopback, and no stranger's pickle is read."""

import os
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from tools import listeners

from scaletoolkit.machine import ranks

STRANGER = Path(listeners.__file__).with_name("stranger.py")
NOBODY = 65534
SILENCE_S = 7  # torchrun's agent reads its store every five seconds


def joins(rank, world_size):
    """Meet twice in each way that a cell may join the group, fail once: a restart meets anew."""
    import torch
    import torch.distributed as dist

    for join in [ranks.setup_distributed, by_hand, by_environment] * 2:
        join(rank, world_size)
        total = torch.ones(1)
        dist.all_reduce(total)
        dist.barrier()
        time.sleep(0.3)
        dist.destroy_process_group()
    if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0" and rank == 1:
        raise RuntimeError("once")
    return total.item()


def by_hand(rank, world_size):
    """As lab 03 writes it."""
    import torch.distributed as dist

    limit = timedelta(seconds=60)
    dist.init_process_group("gloo", rank=rank, world_size=world_size, timeout=limit)


def by_environment(rank, world_size):
    """As torch's own tutorials write it."""
    import torch.distributed as dist

    dist.init_process_group("gloo")


def test_ranks_listen_on_loopback_only_also_after_a_restart():
    with listeners.watched(os.getpid()) as places:
        assert ranks.launch(joins, 2, restarts=1) == [2.0, 2.0]
    assert len(places) >= 2, "gloo itself listens, so the test has not looked"
    assert listeners.beyond_loopback(places) == []


def test_a_pool_listens_nowhere():
    with listeners.watched(os.getpid()) as places, ranks.Pool(2) as pool:
        pool.map(time.sleep, [0.2] * 4)
    assert places == set()


def test_what_listens_is_seen():
    with socket.create_server(("0.0.0.0", 0)) as server:
        place = server.getsockname()
        assert place in listeners.listeners(os.getpid())
        assert listeners.beyond_loopback([place, ("::1", 1)]) == [place]


def stays(rank, world_size, folder):
    """Say that the group has met, then wait until it has been attacked."""
    import torch
    import torch.distributed as dist

    ranks.setup_distributed(rank, world_size)
    total = torch.ones(1)
    dist.all_reduce(total)
    (folder / f"met-{rank}").touch()
    while not (folder / "attacked").exists():
        time.sleep(0.1)
    time.sleep(SILENCE_S)
    return total.item()


def addresses():
    """Every address of this machine."""
    names = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)]
    return {"127.0.0.1", "::1", *names}


def attack(folder, outcome):
    """Once the ranks have met, let a stranger try every port of theirs at every address."""
    deadline_s = time.monotonic() + 60
    while len(list(folder.glob("met-*"))) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.1)
    ports = {port for _, port in listeners.listeners(os.getpid())}
    places = [f"{address}:{port}" for address in addresses() for port in ports]
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    command = [python, "-", str(folder / "mark"), *places]
    try:
        with STRANGER.open() as program:
            stranger = subprocess.run(
                command, stdin=program, capture_output=True, text=True, **user
            )
        outcome.append((len(ports), stranger.stdout.strip(), stranger.stderr))
    finally:
        (folder / "attacked").touch()


def test_the_stranger_gets_into_a_store_that_has_no_password(tmp_path):
    import torch.distributed as dist

    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    store.set("key", "value")
    command = [sys.executable, STRANGER, tmp_path / "mark", f"127.0.0.1:{store.port}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(said) >= 1
    assert store.get("key") != b"value"


def test_a_stranger_finds_no_store_and_runs_nothing(tmp_path):
    outcome = []
    attacker = threading.Thread(target=attack, args=(tmp_path, outcome))
    attacker.start()
    assert ranks.launch(stays, 2, folder=tmp_path) == [2.0, 2.0]
    attacker.join()
    [(ports, changed, trouble)] = outcome
    assert ports >= 2
    assert (changed, trouble) == ("0", "")
    assert not (tmp_path / "mark").exists()
