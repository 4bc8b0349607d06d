"""How gradients travel: what a step waits for, and what a slower network would cost. Lab 03.

DDP calls a hook for each bucket of gradients as soon as it is full, while backward still computes
the next. The hook here measures real exchanges and can slow them down.
"""

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.futures import Future
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from scaletoolkit.machine import measure


class Exchange:
    """Averages DDP's buckets of gradients: `ddp.register_comm_hook(None, exchange.hook)`.

    dtype: what gradients travel as; None: as they are. bytes_per_s: *emulates* a link that slow:
    after the real exchange one wire keeps each bucket, while computing goes on. buckets,
    size_bytes: what this rank has handed over; last_ready_s: when the last bucket was full.
    """

    def __init__(self, dtype: torch.dtype | None = None, bytes_per_s: float | None = None) -> None:
        self.dtype = dtype
        self.bytes_per_s = bytes_per_s
        self.buckets = 0
        self.size_bytes = 0
        self.last_ready_s = 0.0
        self._wire: queue.SimpleQueue[tuple[dist.Work, Tensor, Tensor, Future[Tensor]]]
        self._wire = queue.SimpleQueue()
        threading.Thread(target=self._carry, daemon=True).start()

    def hook(
        self,
        state: object,
        bucket: dist.GradBucket,  # type: ignore[name-defined]  # torch does not re-export it
    ) -> Future[Tensor]:
        """Begin to average a full bucket over all ranks: a future of the averaged gradients."""
        gradients = bucket.buffer()
        sent = gradients.to(self.dtype) if self.dtype else gradients
        sent.div_(dist.get_world_size())
        self.buckets += 1
        self.size_bytes += sent.nbytes
        self.last_ready_s = time.perf_counter()
        done: Future[Tensor] = Future()
        self._wire.put((dist.all_reduce(sent, async_op=True), sent, gradients, done))
        return done

    def _carry(self) -> None:
        """The wire: one bucket after the other, for ever."""
        while True:
            work, sent, gradients, done = self._wire.get()
            work.wait()
            if sent.is_cuda:
                torch.cuda.synchronize(sent.device)  # there, wait only orders the GPU's own work
            if self.bytes_per_s:
                time.sleep(sent.nbytes / self.bytes_per_s)
            done.set_result(gradients if sent is gradients else gradients.copy_(sent))


def timed_step(
    ddp: DistributedDataParallel,
    optimizer: Optimizer,
    images: Tensor,
    labels: Tensor,
    exchange: Exchange,
) -> dict[str, float]:
    """Seconds of the parts of one step: a dict of forward, backward, wait and update.

    exchange: the hook of `ddp`. `backward` ends when this rank's last bucket is full.
    """
    optimizer.zero_grad()
    begun_s = time.perf_counter()
    loss = cross_entropy(ddp(images), labels)
    forward_s = time.perf_counter()
    loss.backward()
    averaged_s = time.perf_counter()
    optimizer.step()
    return {
        "forward": forward_s - begun_s,
        "backward": exchange.last_ready_s - forward_s,
        "wait": averaged_s - exchange.last_ready_s,
        "update": time.perf_counter() - averaged_s,
    }


def step_seconds(
    model: nn.Module, ddp: DistributedDataParallel, images: Tensor, labels: Tensor, repeats: int = 7
) -> dict[str, float]:
    """The fewest seconds of a step in each of three set-ups: {name: seconds}.

    `one rank`: rank 0 computes the whole batch with `model`, which has weights of its own.
    `strong`: each rank computes its share of the batch. `weak`: each rank computes a whole batch.
    """
    rank = dist.get_rank()
    share = slice(rank, None, dist.get_world_size())
    shared = (images[share], labels[share])
    tasks: dict[str, Callable[[], object]] = {
        "one rank": lambda: None if rank else _step(model, images, labels),
        "strong": lambda: _step(ddp, *shared),
        "weak": lambda: _step(ddp, images, labels),
    }
    return fastest(tasks, repeats)


def _step(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Plain gradient descent, without an optimizer's own costs."""
    model.zero_grad()
    cross_entropy(model(images), labels).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.sub_(0.01 * parameter.grad)


def step_parts(
    ddp: DistributedDataParallel, images: Tensor, labels: Tensor, repeats: int = 7
) -> dict[str, float]:
    """The fewest seconds of each part of a step (see `timed_step`): a dict.

    DDP takes one hook: `ddp` must not have one yet, and keeps this one.
    """
    exchange = Exchange()
    ddp.register_comm_hook(None, exchange.hook)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.01)
    steps = [timed_step(ddp, optimizer, images, labels, exchange) for _ in range(repeats)]
    return {part: min(step[part] for step in steps) for part in steps[0]}


def four_batches(
    ddp: DistributedDataParallel,
    exchange: Exchange,
    images: Tensor,
    labels: Tensor,
    silent: int = 0,
    repeats: int = 3,
) -> tuple[float, int]:
    """Forward and backward on four batches: (fewest seconds, bytes sent).

    The first `silent` of them send nothing; the next sends the sum of their gradients and its own.
    `exchange` becomes the hook of `ddp`, which must not have one yet.
    """
    ddp.register_comm_hook(None, exchange.hook)

    def four() -> None:
        for number in range(4):
            with ddp.no_sync() if number < silent else nullcontext():
                cross_entropy(ddp(images), labels).backward()

    seconds = fastest({"four": four}, repeats)["four"]
    return seconds, exchange.size_bytes // repeats


def fastest(tasks: dict[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """The fewest seconds, until the last rank has ended, of tasks that all ranks run together.

    {name: seconds}. Tasks take turns, `repeats` times each, so that a busy moment hits all of them.
    """

    def together(name: str) -> None:
        tasks[name]()
        dist.barrier()

    dist.barrier()
    return measure.fastest(together, tasks, repeats)


def all_reduce_seconds(
    sizes: Sequence[int], device: torch.device | str = "cpu", repeats: int = 9
) -> list[float]:
    """The fewest seconds of an all-reduce over all ranks, for each of the sizes in bytes."""
    vectors = {size: torch.zeros(max(1, size // 4), device=device) for size in sizes}
    seconds = dict.fromkeys(sizes, math.inf)
    for _ in range(repeats):
        for size, vector in vectors.items():
            dist.barrier()
            begun_s = time.perf_counter()
            dist.all_reduce(vector)
            vector[0].item()  # on a GPU the call returns before the work is done
            seconds[size] = min(seconds[size], time.perf_counter() - begun_s)
    return list(seconds.values())


def ring_seconds(size_bytes: float, world_size: int, latency_s: float, bytes_per_s: float) -> float:
    """Seconds of a ring all-reduce: 2(p−1) messages one after the other, each of size/p bytes.

    Source: P. Patarasuk and X. Yuan, J. Parallel Distrib. Comput. 69(2), 2009.
    """
    return 2 * (world_size - 1) * (latency_s + size_bytes / world_size / bytes_per_s)
