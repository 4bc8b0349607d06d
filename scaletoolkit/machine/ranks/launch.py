"""Ranks that talk to each other, started through torchrun. Labs 03 to 05."""

import os
import pickle
import shlex
import tempfile
from datetime import timedelta
from numbers import Integral
from pathlib import Path

from scaletoolkit.machine import hardware
from scaletoolkit.machine.ranks import failures
from scaletoolkit.machine.ranks.job import Job, interrupts_held_back, torchrun, write


def setup_distributed(rank, world_size, timeout_s=60):
    """Join the group of ranks and return this rank's torch device.

    NCCL where every rank of this machine has a GPU of its own, else gloo. `timeout_s` limits every
    exchange; gloo's own limit is half an hour.
    """
    import torch
    import torch.distributed as dist

    device = torch.device(hardware.device(int(os.environ.get("LOCAL_RANK", rank))))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = hardware.backend(int(os.environ.get("LOCAL_WORLD_SIZE", world_size)))
    limit = timedelta(seconds=timeout_s)
    dist.init_process_group(backend, rank=rank, world_size=world_size, timeout=limit)
    return device


def choice(world_size):
    """Which backend and device that many ranks get on this machine: "gloo on cpu"."""
    return f"{hardware.backend(world_size)} on {hardware.device()}"


def launch(function, world_size, timeout_s=300, restarts=0, **arguments):
    """What function(rank, world_size, **arguments) returned on each rank: a list in rank order.

    The function may stand in a notebook's cell; results travel as pickles, so return plain values
    or CPU tensors. Lines that a rank prints appear while it runs. Each rank computes on one thread.
    A failed rank ends the job or, with `restarts`, begins all ranks anew, that many times; after
    `timeout_s` the job is stopped. RankError says which rank failed, and how.
    """
    for name, value, least in (("world_size", world_size, 1), ("restarts", restarts, 0)):
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} must be a whole number, at least {least}, got {value!r}")
    with interrupts_held_back() as check:
        folder = Path(tempfile.mkdtemp(prefix="scaletoolkit-ranks-"))
        job = Job(folder, world_size, choice(world_size), restarts)
        try:
            job.start(function, arguments)
            job.follow(timeout_s, check)
            return results(folder, world_size)
        finally:
            job.stop()


def command(function, world_size, nodes, host, folder, **arguments):
    """The line that starts the same job on several nodes, to be run once on each of them.

    Writes the job to `folder`, which all nodes must see; `results(folder, world_size)` reads what
    comes back. host: "name:port" of the first node. world_size is a multiple of `nodes`.
    """
    if world_size % nodes:
        raise ValueError(f"{world_size} ranks cannot be spread evenly over {nodes} nodes")
    folder = Path(folder)
    write(folder, function, arguments)
    line = torchrun(folder, world_size // nodes, nodes, host)
    return shlex.join(["torchrun", *line])


def results(folder, world_size):
    """What the ranks of a finished job returned, in rank order."""
    attempt = failures.last_attempt(folder)
    found = failures.marks(folder, "result", attempt)
    if set(found) != set(range(world_size)):
        raise failures.diagnose(folder, world_size, attempt)
    return [pickle.loads(found[rank].read_bytes()) for rank in range(world_size)]
