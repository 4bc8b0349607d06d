"""Jobs that stand still, each in its own way: `machine/ranks/test_hangs.py` has them told apart.

`python hanging.py RANK FOLDER` imports torch once and is that rank in every job below FOLDER.
"""

import importlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

FOREVER_S = 600


def sleeps():
    """The accident, whose line a diagnosis must name."""
    time.sleep(FOREVER_S)


def spins():
    """Another accident: a loop that never ends, but lets other threads run."""
    while True:
        pass


def joined(rank, world_size):
    """torch.distributed, of which this rank has joined the group."""
    import torch.distributed as dist

    from scaletoolkit.machine import ranks

    ranks.setup_distributed(rank, world_size)
    return dist


def summed(dist, group=None, times=1):
    """That many exchanges."""
    import torch

    total = torch.ones(2)
    for _ in range(times):
        dist.all_reduce(total, group=group)


def rank_that_sleeps(rank, world_size):
    dist = joined(rank, world_size)
    summed(dist, times=3)
    if rank == 1:
        sleeps()
    summed(dist)


def rank_that_spins(rank, world_size):
    dist = joined(rank, world_size)
    if rank == 2:
        spins()
    dist.barrier()


def pipeline_whose_middle_sleeps(rank, world_size):
    """Each stage receives from the one before and sends to the next, batch after batch."""
    import torch

    dist = joined(rank, world_size)
    batch = torch.ones(2)
    for number in range(5):
        if rank > 0:
            dist.recv(batch, src=rank - 1)
        if rank == 1 and number == 2:
            sleeps()
        if rank < world_size - 1:
            dist.send(batch, dst=rank + 1)
    dist.barrier()


def groups_with_unlike_traffic(rank, world_size):
    """Two groups of two, the second of which has long been through when rank 1 sleeps."""
    dist = joined(rank, world_size)
    pairs = [dist.new_group([0, 1]), dist.new_group([2, 3])]
    summed(dist, pairs[rank // 2], times=2 + 20 * (rank // 2))
    if rank == 1:
        sleeps()
    summed(dist, pairs[rank // 2])
    dist.barrier()


def both_receive_first(rank, world_size):
    import torch

    dist = joined(rank, world_size)
    dist.recv(torch.ones(2), src=1 - rank)
    dist.send(torch.ones(2), dst=1 - rank)


def barrier_of_rank_0_alone(rank, world_size):
    dist = joined(rank, world_size)
    summed(dist)
    if rank == 0:
        dist.barrier(dist.new_group([0, 1]))
    summed(dist)


def rank_that_never_joins(rank, world_size):
    if rank == 1:
        sleeps()
    joined(rank, world_size)


def exchange_that_aborts(rank, world_size):
    """What NCCL does on GPUs: who waited too long ends itself with a signal, and raises nothing."""
    dist = joined(rank, world_size)
    if rank == 1:
        sleeps()
    threading.Timer(2, os.abort).start()
    dist.barrier()


def rank_that_is_stopped(rank, world_size):
    dist = joined(rank, world_size)
    if rank == 1:
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGSTOP)
    dist.barrier()


def backward_of_others(rank, world_size):
    """DDP exchanges inside backward, where no line of a rank's own shows it."""
    import torch
    from torch.nn.parallel import DistributedDataParallel

    joined(rank, world_size)
    model = DistributedDataParallel(torch.nn.Linear(4, 1))
    for step in range(3):
        if (rank, step) == (2, 2):
            sleeps()
        model(torch.ones(2, 4)).sum().backward()


def wait_for_what_was_begun(rank, world_size):
    """An exchange that goes on beside other work, and is waited for later."""
    import torch

    dist = joined(rank, world_size)
    if rank == 0:
        sleeps()
    work = dist.all_reduce(torch.ones(2), async_op=True)
    work.wait()


def wait_behind_a_wait(rank, world_size):
    """Rank 2 waits for rank 1, who waits for rank 0."""
    import torch

    dist = joined(rank, world_size)
    if rank == 2:
        dist.recv(torch.ones(2), src=1)
    if rank == 0:
        sleeps()
    dist.barrier()


def group_that_one_does_not_make(rank, world_size):
    dist = joined(rank, world_size)
    if rank == 0:
        dist.new_group([0, 1])
    sleeps()


RANKS = {groups_with_unlike_traffic: 4, both_receive_first: 2, barrier_of_rank_0_alone: 2}
SHAPES = {
    shape.__name__: (shape, RANKS.get(shape, 3))
    for shape in (
        rank_that_sleeps,
        rank_that_spins,
        pipeline_whose_middle_sleeps,
        groups_with_unlike_traffic,
        both_receive_first,
        barrier_of_rank_0_alone,
        rank_that_never_joins,
        exchange_that_aborts,
        rank_that_is_stopped,
        backward_of_others,
        wait_for_what_was_begun,
        wait_behind_a_wait,
        group_that_one_does_not_make,
    )
}


def main(number, folder):
    """Be rank `number` of every job, each in a process of its own."""
    for module in ("torch", "torch.distributed", "torch.nn.parallel"):
        importlib.import_module(module)  # once, for all the processes below

    from scaletoolkit.machine.ranks import rank
    from scaletoolkit.machine.ranks.folder import Folder

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends is gone, no zombie
    for name, (_, world_size) in SHAPES.items():
        if number < world_size and os.fork() == 0:
            place = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": world_size}
            os.environ.update({key: str(value) for key, value in place.items()})
            rank.main(Folder(folder / name), launched=True)
            os._exit(0)
    time.sleep(FOREVER_S)


if __name__ == "__main__":
    from tools import hanging

    hanging.main(int(sys.argv[1]), Path(sys.argv[2]))
