"""Ranks that talk to each other, started through torchrun. Labs 03 to 05."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Callable, Mapping
from datetime import timedelta
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scaletoolkit import lab
from scaletoolkit.machine import hardware, interrupts, turns
from scaletoolkit.machine.ranks import failures
from scaletoolkit.machine.ranks.folder import Folder, RankError
from scaletoolkit.machine.ranks.job import Job, torchrun, write

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")
# Nothing is looked up but `address`: a node's own name often means a loopback address (Debian).
NODE = """\
# Run this on each node, with the same Python and packages, where all nodes see the job's folder.
# Only in a network that you trust: {host} will ask for no password.
NODE=0  # this node's number; node 0 is {address}
export GLOO_SOCKET_IFNAME=eth0 NCCL_SOCKET_IFNAME=eth0  # its interface: `ip -br address`
torchrun --nnodes={nodes} --node-rank=$NODE {words}"""


def setup_distributed(rank: int, world_size: int, timeout_s: float = 600) -> torch.device:
    """Join the group of ranks and return this rank's torch device.

    NCCL carries what is on GPUs where every rank of the job has one of its own, gloo the rest:
    all ranks decide that together. timeout_s: at most so long may an exchange take, so also
    whatever one rank does alone meanwhile; gloo's own limit is half an hour. Where the group exists
    already, because another launcher has made it, that one stays.
    """
    import torch
    import torch.distributed as dist

    device = torch.device(hardware.device(int(os.environ.get("LOCAL_RANK", rank))))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if dist.is_initialized():
        return device
    join(device, rank, world_size, timedelta(seconds=timeout_s))
    return device


def join(device: torch.device, rank: int, world_size: int, limit: timedelta) -> None:
    """Meet the other ranks, agree on what carries messages, and form the group.

    One list of GPUs decides for all: what a rank sees of its machine may differ from rank to rank.
    """
    import torch.distributed as dist
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    store, rank, world_size = next(rendezvous("env://", rank, world_size, timeout=limit))
    store.set_timeout(limit)
    store.set(f"gpu-{rank}", hardware.gpu_id(str(device)))
    if rank == 0:
        gpus = [store.get(f"gpu-{peer}").decode() for peer in range(world_size)]
        store.set("backend", agreed(gpus))
    backend = store.get("backend").decode()
    bound = device if "nccl" in backend else None
    group = PrefixStore("group", store)
    dist.init_process_group(
        backend, store=group, rank=rank, world_size=world_size, timeout=limit, device_id=bound
    )


def own_device(device: torch.device) -> torch.device:
    """A rank's device where no other rank uses it, else the CPU.

    device: from `setup_distributed`. For shards and stages, whose exchanges gloo does not carry
    between GPUs. All ranks get the same kind, on one node as on many.
    """
    import torch
    import torch.distributed as dist

    return device if "nccl" in dist.get_backend_config() else torch.device("cpu")


def agreed(gpus: list[str]) -> str:
    """What carries messages between ranks with these GPUs, "" for none: NCCL takes one GPU each."""
    own = all(gpus) and len(set(gpus)) == len(gpus)
    return "cpu:gloo,cuda:nccl" if own else "gloo"


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

    What a rank writes appears while it runs, a line at a time; it has one thread. Results travel as
    pickles, tensors of GPUs come back on the CPU. A failed rank ends the job or, with `restarts`,
    begins all ranks anew, that many times; after `timeout_s` the job is stopped. RankError says
    which rank failed, and how.
    """
    for name, value, least in (("world_size", world_size, 1), ("restarts", restarts, 0)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} must be a whole number, at least {least}, got {value!r}")
    _refuse_what_cannot_be_called(function, arguments, {"timeout_s", "restarts"})
    detail = choice(world_size)
    with turns.turn("ranks"), interrupts.held_back() as check:
        job = Job(world_size, restarts)
        try:
            job.start(function, arguments)
            job.follow(detail, timeout_s, check)
            return results(job.folder.path, world_size)
        finally:
            job.stop()


def _refuse_what_cannot_be_called(
    function: Callable[..., object], arguments: Mapping[str, Any], taken: set[str]
) -> None:
    """Raise LabError where function(rank, world_size, **arguments) is no call, before it starts."""
    name = getattr(function, "__name__", repr(function))
    if not callable(function):
        raise lab.LabError(f"A job is a function of rank and world_size, got {function!r}")
    try:
        signature = inspect.signature(function)
    except ValueError:  # built in: it will say so itself
        return
    for parameter in list(signature.parameters)[2:]:
        if parameter in taken:
            remedy = "which ranks do not get: give it another name"
            raise lab.LabError(f"{name} has a parameter named {parameter}, {remedy}")
    try:
        signature.bind(0, 1, **arguments)
    except TypeError as error:
        call = ", ".join(["rank", "world_size", *(f"{key}=…" for key in arguments)])
        raise lab.LabError(f"{name}({call}) is no call of this function: {error}") from error


def command(
    function: Callable[..., object],
    world_size: int,
    nodes: int,
    host: str,
    folder: str | Path,
    **arguments: Any,
) -> str:
    """What starts the same job on several nodes: comments and lines, to be run on each of them.

    Writes the job to `folder`, which all nodes must see, for `results`. host: "name:port" of node
    0. world_size is a multiple of `nodes`, else ValueError. Whoever reaches that port or the folder
    can run code as you: torchrun's agents unpickle what they read there.
    """
    if nodes < 1 or world_size < 1 or world_size % nodes:
        raise ValueError(f"{world_size} ranks cannot be spread evenly over {nodes} nodes")
    address, _, port = host.rpartition(":")
    if not (address and port.isdigit()):
        raise ValueError(f"host must be a name and a port, as first:29400, got {host!r}")
    _refuse_what_cannot_be_called(function, arguments, {"nodes", "host", "folder"})
    place = Folder(folder)
    write(place, function, arguments)
    meeting = [f"--master-addr={address}", f"--master-port={port}", "--tee=3"]
    words = shlex.join(torchrun(place, world_size // nodes, meeting))
    return NODE.format(nodes=nodes, address=address, host=host, words=words)


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
