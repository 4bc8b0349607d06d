"""Ranks that talk to each other, started through torchrun. Labs 03 to 05."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from datetime import timedelta
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scaletoolkit.machine import hardware, interrupts, turns
from scaletoolkit.machine.ranks import failures
from scaletoolkit.machine.ranks.folder import Folder, RankError
from scaletoolkit.machine.ranks.job import Job, torchrun, write

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")


def setup_distributed(rank: int, world_size: int, timeout_s: float = 60) -> torch.device:
    """Join the group of ranks, with `hardware.backend`, and return this rank's torch device.

    timeout_s: at most so long may an exchange take; gloo's own limit is half an hour.
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


def choice(world_size: int) -> str:
    """Which backend and device that many ranks get on this machine: "gloo on cpu"."""
    return f"{hardware.backend(world_size)} on {hardware.device()}"


def launch(
    function: Callable[..., Result],
    world_size: int,
    timeout_s: float = 300,
    restarts: int = 0,
    **arguments: Any,
) -> list[Result]:
    """What function(rank, world_size, **arguments) returned on each rank: a list in rank order.

    Results travel as pickles: plain values or CPU tensors. Lines that a rank prints appear while it
    runs, on one thread. A failed rank ends the job or, with `restarts`, begins all ranks anew, that
    many times; after `timeout_s` the job is stopped. RankError says which rank failed, and how.
    """
    for name, value, least in (("world_size", world_size, 1), ("restarts", restarts, 0)):
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} must be a whole number, at least {least}, got {value!r}")
    detail = choice(world_size)
    with turns.turn("ranks"), interrupts.held_back() as check:
        job = Job(world_size, restarts)
        try:
            job.start(function, arguments)
            job.follow(detail, timeout_s, check)
            return results(job.folder.path, world_size)
        finally:
            job.stop()


def command(
    function: Callable[..., object],
    world_size: int,
    nodes: int,
    host: str,
    folder: str | Path,
    **arguments: Any,
) -> str:
    """What starts the same job on several nodes: a comment and a line, to be run on each of them.

    Writes the job to `folder`, which all nodes must see, for `results`. host: "name:port" of the
    first node. world_size is a multiple of `nodes`, else ValueError. Whoever reaches that port or
    the folder can run code as you: torchrun's agents unpickle what they read there.
    """
    if world_size % nodes:
        raise ValueError(f"{world_size} ranks cannot be spread evenly over {nodes} nodes")
    place = Folder(folder)
    write(place, function, arguments)
    words = torchrun(place, nodes, world_size // nodes, [f"--rdzv-endpoint={host}"])
    line = shlex.join(["torchrun", *words])
    return f"# Only in a network that you trust: {host} will ask for no password.\n{line}"


def results(folder: str | Path, world_size: int) -> list[Any]:
    """What the ranks of a finished job returned, in rank order.

    RankError where a rank has not finished, there is no job, or others may write to the folder.
    """
    place = Folder(folder)
    if not place.job.exists():
        raise RankError(f"{folder} holds no job")
    place.refuse_what_others_may_write()
    attempt = place.last_attempt()
    returned = sorted(place.results(attempt).items())
    if [rank for rank, _ in returned] != list(range(world_size)):
        raise failures.diagnose(place, world_size, attempt)
    return [result for _, result in returned]
