"""Seconds of training steps, of their parts and of exchanges, on several ranks. Lab 03."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from scaletoolkit.machine import measure
from scaletoolkit.training import models
from scaletoolkit.training.gradients import Exchange, moment, seconds_between


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


def of_model(
    build: Callable[[], nn.Module], device: torch.device, images: Tensor, labels: Tensor
) -> dict[str, Any]:
    """{steps: `step_seconds`, parts: `step_parts`} of the model that `build()` makes."""
    alone = models.seeded(build).to(device)
    ddp = models.data_parallel(models.seeded(build), device)
    steps = step_seconds(alone, ddp, images, labels)
    return {"steps": steps, "parts": step_parts(ddp, images, labels)}


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

    `one rank`: rank 0 computes the whole batch. `nothing sent`: each rank its share, and nobody
    averages. `averaged`: the same with the exchange. They take turns. Each is the mean over the
    ranks that have such a step. DDP takes one hook: `ddp` must not have one yet, and keeps this.
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
    return _mean_over_ranks({name: _median_step(own) for name, own in steps.items() if own})


def _mean_over_ranks(own: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """{name: {part: mean}} over the ranks that have that name; every rank gets it."""
    of_ranks: list[dict[str, dict[str, float]]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(of_ranks, own)
    mean = {}
    for name, parts in of_ranks[0].items():  # rank 0 has all names
        there = [steps[name] for steps in of_ranks if name in steps]
        mean[name] = {part: sum(step[part] for step in there) / len(there) for part in parts}
    return mean


def _median_step(steps: list[dict[str, float]]) -> dict[str, float]:
    """The step whose seconds are in the middle, whole: parts of different steps do not add up."""
    return sorted(steps, key=lambda parts: sum(parts.values()))[len(steps) // 2]


def four_batches(
    ddp: DistributedDataParallel, images: Tensor, labels: Tensor, silent: int = 0
) -> None:
    """Forward and backward on four batches, each of these images.

    The first `silent` of them send nothing; the next sends the mean of their gradients and its own.
    """
    together = min(silent + 1, 4)
    ddp.zero_grad()
    for number in range(4):
        with ddp.no_sync() if number < silent else nullcontext():
            (cross_entropy(ddp(images), labels) / together).backward()


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


def exchange_seconds(
    sizes: Sequence[int], worlds: Sequence[int], device: torch.device | str = "cpu"
) -> dict[int, list[float]]:
    """`all_reduce_seconds` among the first p ranks, for each p of `worlds` that this rank is in."""
    seconds = {}
    for world_size in worlds:
        group = dist.new_group(list(range(world_size)))
        if isinstance(group, dist.ProcessGroup):  # this rank is in it
            seconds[world_size] = all_reduce_seconds(sizes, device, group=group)
        dist.barrier()  # the others wait, and take no core
    return seconds


def core_share(seconds: float = 0.5) -> float:
    """Which share of a core this rank gets while all ranks keep busy for so long."""
    dist.barrier()
    begun_s = time.perf_counter()
    used_s = time.process_time()
    while time.perf_counter() < begun_s + seconds:
        pass
    return (time.process_time() - used_s) / (time.perf_counter() - begun_s)
