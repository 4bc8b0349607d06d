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

Moment = float | torch.cuda.Event


class Exchange:
    """Averages DDP's buckets of gradients: `ddp.register_comm_hook(None, exchange.hook)`.

    dtype: what gradients travel as; None: as they are. bytes_per_s: *emulates* a link that slow:
    after the real exchange one wire keeps each bucket, while computing goes on. buckets,
    size_bytes: what this rank has handed over; ready: when the last bucket was full, if one was.
    """

    def __init__(self, dtype: torch.dtype | None = None, bytes_per_s: float | None = None) -> None:
        self.dtype = dtype
        self.bytes_per_s = bytes_per_s
        self.buckets = 0
        self.size_bytes = 0
        self.ready: Moment | None = None
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
        self.ready = moment(gradients.device)
        # whoever waits for it on a GPU then waits in the GPU's own order
        done: Future[Tensor] = Future(devices=[gradients.device] if gradients.is_cuda else None)
        self._wire.put((dist.all_reduce(sent, async_op=True), sent, gradients, done))
        return done

    def _carry(self) -> None:
        """The wire: one bucket after the other, for ever."""
        while True:
            work, sent, gradients, done = self._wire.get()
            if sent.is_cuda:
                torch.cuda.set_device(sent.device)  # a thread begins on GPU 0
            work.wait()
            if sent.is_cuda:
                torch.cuda.synchronize()  # there, wait only orders the GPU's own work
            if self.bytes_per_s:
                time.sleep(sent.nbytes / self.bytes_per_s)
            done.set_result(gradients if sent is gradients else gradients.copy_(sent))


def moment(device: torch.device) -> Moment:
    """Now: in this process's seconds; or, on a GPU, when it comes to what it was given so far."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def seconds_between(first: Moment, last: Moment) -> float:
    """The seconds from one moment to a later one of the same device; waits until both are past."""
    if isinstance(first, float) and isinstance(last, float):
        return last - first
    assert isinstance(first, torch.cuda.Event)
    assert isinstance(last, torch.cuda.Event)
    last.synchronize()
    return first.elapsed_time(last) / 1e3


def timed_step(
    ddp: DistributedDataParallel,
    optimizer: Optimizer,
    images: Tensor,
    labels: Tensor,
    exchange: Exchange,
) -> dict[str, float]:
    """Seconds of the parts of one step: a dict of forward, backward, wait and update.

    exchange: the hook of `ddp`. `backward` ends when this rank's last bucket is full, `wait` when
    it has come back; without an exchange (`ddp.no_sync`) there is no wait.
    """
    optimizer.zero_grad()
    exchange.ready = None
    begun = moment(images.device)
    loss = cross_entropy(ddp(images), labels)
    forward = moment(images.device)
    loss.backward()
    averaged = moment(images.device)
    optimizer.step()
    updated = moment(images.device)
    ready = exchange.ready or averaged
    return {
        "forward": seconds_between(begun, forward),
        "backward": seconds_between(forward, ready),
        "wait": seconds_between(ready, averaged),
        "update": seconds_between(averaged, updated),
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
    ddp: DistributedDataParallel, images: Tensor, labels: Tensor, repeats: int = 9
) -> dict[str, dict[str, float]]:
    """The parts (see `timed_step`) of the median step in each of three set-ups: {name: parts}.

    `one rank`: rank 0 computes the whole batch; only rank 0 has it. `nothing sent`: each rank its
    share, and nobody averages. `averaged`: the same with the exchange. They take turns. DDP takes
    one hook: `ddp` must not have one yet, and keeps this one.
    """
    rank = dist.get_rank()
    share = slice(rank, None, dist.get_world_size())
    whole = None if rank else (images, labels)
    shared = (images[share], labels[share])
    setups = {"one rank": whole, "nothing sent": shared, "averaged": shared}
    exchange = Exchange()
    ddp.register_comm_hook(None, exchange.hook)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.0)  # a rank alone must not walk away
    for _ in range(2):  # after its first step DDP packs its buckets anew, on all ranks together
        timed_step(ddp, optimizer, *shared, exchange)
    steps: dict[str, list[dict[str, float]]] = {name: [] for name in setups}
    for _ in range(repeats):
        for name, batch in setups.items():
            dist.barrier()
            if batch is not None:
                with nullcontext() if name == "averaged" else ddp.no_sync():
                    steps[name].append(timed_step(ddp, optimizer, *batch, exchange))
    return {name: _median_step(parts) for name, parts in steps.items() if parts}


def _median_step(steps: list[dict[str, float]]) -> dict[str, float]:
    """The step whose seconds are in the middle, whole: parts of different steps do not add up."""
    return sorted(steps, key=lambda parts: sum(parts.values()))[len(steps) // 2]


def four_batches(
    ddp: DistributedDataParallel,
    exchange: Exchange,
    images: Tensor,
    labels: Tensor,
    silent: int = 0,
    repeats: int = 3,
) -> tuple[float, int]:
    """Forward and backward on four batches: (fewest seconds, bytes sent).

    The first `silent` of them send nothing; the next sends the mean of their gradients and its own.
    `exchange` becomes the hook of `ddp`, which must not have one yet.
    """
    ddp.register_comm_hook(None, exchange.hook)
    together = min(silent + 1, 4)

    def four() -> None:
        ddp.zero_grad()
        for number in range(4):
            with ddp.no_sync() if number < silent else nullcontext():
                (cross_entropy(ddp(images), labels) / together).backward()

    seconds = fastest({"four": four}, repeats)["four"]
    return seconds, exchange.size_bytes // repeats


def fastest(tasks: dict[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """The fewest seconds, until the last rank has ended, of tasks that all ranks run together.

    {name: seconds}. Tasks take turns, `repeats` times each, so that a busy moment hits all of them.
    """

    def together(name: str) -> None:
        tasks[name]()
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()  # a GPU's work is queued, not done
        dist.barrier()

    dist.barrier()
    return measure.fastest(together, tasks, repeats)


def all_reduce_seconds(
    sizes: Sequence[int],
    device: torch.device | str = "cpu",
    repeats: int = 9,
    group: dist.ProcessGroup | None = None,
) -> list[float]:
    """The fewest seconds of an all-reduce over all ranks, for each of the sizes in bytes.

    group: the ranks that take part; None is all of them.
    """
    vectors = {size: torch.zeros(max(1, size // 4), device=device) for size in sizes}
    seconds = dict.fromkeys(sizes, math.inf)
    for _ in range(repeats):
        for size, vector in vectors.items():
            dist.barrier(group)
            begun_s = time.perf_counter()
            dist.all_reduce(vector, group=group)
            vector[0].item()  # on a GPU the call returns before the work is done
            seconds[size] = min(seconds[size], time.perf_counter() - begun_s)
    return list(seconds.values())


def ring_seconds(size_bytes: float, world_size: int, latency_s: float, bytes_per_s: float) -> float:
    """Seconds of a ring all-reduce: 2(p−1) messages one after the other, each of size/p bytes.

    Source: P. Patarasuk and X. Yuan, J. Parallel Distrib. Comput. 69(2), 2009.
    """
    return 2 * (world_size - 1) * (latency_s + size_bytes / world_size / bytes_per_s)
