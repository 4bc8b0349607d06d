"""One function on several processes: a pool, or ranks that talk to each other. Ground.

`Pool` (lab 00) hands out independent pieces of work. `launch` (labs 03 to 05) starts real ranks
through torchrun, so what runs in a cell runs unchanged on many GPUs and machines (`command`).
Beside this file: `job` starts and ends torchrun, `main` is what each rank runs, `failures` finds
out which rank failed first.
"""

import multiprocessing
import os
import pickle
import shlex
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from numbers import Integral
from pathlib import Path

import cloudpickle

from scaletoolkit.ranks import failures
from scaletoolkit.ranks.failures import RankError
from scaletoolkit.ranks.job import Job, interrupts_held_back, torchrun, write

__all__ = ["Pool", "RankError", "choice", "command", "launch", "results", "setup_distributed"]


def setup_distributed(rank, world_size, timeout_s=60):
    """Join the group of ranks and return this rank's torch device.

    NCCL where every rank of this machine has a GPU of its own, else gloo. `timeout_s` limits every
    exchange; gloo's own limit is half an hour.
    """
    import torch
    import torch.distributed as dist

    from scaletoolkit import measure

    device = torch.device(measure.device(int(os.environ.get("LOCAL_RANK", rank))))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = measure.backend(int(os.environ.get("LOCAL_WORLD_SIZE", world_size)))
    limit = timedelta(seconds=timeout_s)
    dist.init_process_group(backend, rank=rank, world_size=world_size, timeout=limit)
    return device


def choice(world_size):
    """Which backend and device that many ranks get on this machine: "gloo on cpu"."""
    from scaletoolkit import measure

    return f"{measure.backend(world_size)} on {measure.device()}"


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


class Pool:
    """A pool of worker processes that runs functions defined in a notebook's cells.

    Use it as a context manager. Workers end with this process, however it ends: each waits in a
    thread for its parent.
    """

    def __init__(self, world_size):
        if world_size < 1:
            raise ValueError(f"a pool needs at least 1 worker, got {world_size}")
        self._executor = ProcessPoolExecutor(
            world_size, multiprocessing.get_context("spawn"), initializer=_end_with_parent
        )
        list(self._executor.map(_nap, range(world_size)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the workers; work that has not begun is dropped."""
        self._executor.shutdown(cancel_futures=True)

    def map(self, function, items):
        """function(item) for every item, in order, each on the next free worker: a list."""
        return list(self.stream(function, items))

    def stream(self, function, items):
        """The same as `map`, one result at a time as they come due."""
        packed = cloudpickle.dumps(function)
        futures = [self._executor.submit(_call, packed, item) for item in items]
        return (future.result() for future in futures)


def _call(packed, item):
    return cloudpickle.loads(packed)(item)


def _nap(_):
    threading.Event().wait(0.05)


def _end_with_parent():
    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
