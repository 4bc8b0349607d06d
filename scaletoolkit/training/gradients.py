"""How gradients travel: what a step waits for, and what a slower network would cost. Lab 03.

DDP collects gradients in buckets and calls a hook for each one as soon as it is full, while
backward still computes the next; the hooks here measure and slow down real exchanges.
"""

import math
import queue
import threading
import time
from contextlib import nullcontext

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy

from scaletoolkit.machine import measure


class Exchange:
    """A DDP hook that averages a bucket and remembers when: `ddp.register_comm_hook(None, x.hook)`.

    dtype: what gradients travel as, for example torch.float16 (half the bytes); None: as they are.
    bytes_per_s: *emulates* a link that slow: after the real exchange, one wire keeps each bucket
    for bytes / bytes_per_s. Buckets queue for the wire; computing goes on meanwhile.
    """

    def __init__(self, dtype=None, bytes_per_s=None, clock=time.perf_counter):
        self.dtype, self.bytes_per_s, self.clock = dtype, bytes_per_s, clock
        self.buckets, self.size_bytes, self.last_ready = 0, 0, 0.0
        self._wire = queue.SimpleQueue()
        threading.Thread(target=self._carry, daemon=True).start()

    def hook(self, _, bucket):
        gradients = bucket.buffer()
        sent = gradients.to(self.dtype) if self.dtype else gradients
        sent.div_(dist.get_world_size())
        self.buckets += 1
        self.size_bytes += sent.numel() * sent.element_size()
        self.last_ready = self.clock()
        done = torch.futures.Future()
        self._wire.put((dist.all_reduce(sent, async_op=True), sent, gradients, done))
        return done

    def _carry(self):
        while True:
            work, sent, gradients, done = self._wire.get()
            work.wait()
            if sent.is_cuda:
                torch.cuda.synchronize(sent.device)  # there, wait only orders the GPU's own work
            if self.bytes_per_s:
                time.sleep(sent.numel() * sent.element_size() / self.bytes_per_s)
            done.set_result(gradients if sent is gradients else gradients.copy_(sent))


def timed_step(ddp, optimizer, images, labels, exchange):
    """Seconds of the parts of one step: a dict of forward, backward, wait and update.

    `backward` ends when this rank's last gradient is ready; `wait` is what it then waits for
    buckets that are still travelling, and for ranks that are late.
    """
    clock = exchange.clock
    optimizer.zero_grad()
    begun = clock()
    loss = cross_entropy(ddp(images), labels)
    forward = clock()
    loss.backward()
    averaged = clock()
    optimizer.step()
    return {
        "forward": forward - begun,
        "backward": exchange.last_ready - forward,
        "wait": averaged - exchange.last_ready,
        "update": clock() - averaged,
    }


def step_seconds(model, ddp, images, labels, repeats=7):
    """Seconds of a step: a dict of `one rank` (the whole batch on rank 0 alone), `strong` (each
    rank its share of the batch) and `weak` (each rank a whole batch)."""
    share = slice(dist.get_rank(), None, dist.get_world_size())
    small, large = (images[share], labels[share]), (images, labels)
    return fastest(
        {
            "one rank": lambda: dist.get_rank() == 0 and _step(model, *large),
            "strong": lambda: _step(ddp, *small),
            "weak": lambda: _step(ddp, *large),
        },
        repeats,
    )


def _step(model, images, labels):
    model.zero_grad()
    cross_entropy(model(images), labels).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.01 * parameter.grad


def step_parts(ddp, images, labels, repeats=7):
    """The shortest seconds of each part of a step (see `timed_step`): a dict."""
    exchange = Exchange()
    ddp.register_comm_hook(None, exchange.hook)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.01)
    steps = [timed_step(ddp, optimizer, images, labels, exchange) for _ in range(repeats)]
    return {part: min(step[part] for step in steps) for part in steps[0]}


def four_batches(ddp, exchange, images, labels, silent=0, repeats=3):
    """Seconds and bytes sent of forward and backward on four batches: a pair.

    The first `silent` of them keep their gradients to themselves; the next exchange sends the sum.
    """
    ddp.register_comm_hook(None, exchange.hook)

    def run():
        for number in range(4):
            with ddp.no_sync() if number < silent else nullcontext():
                cross_entropy(ddp(images), labels).backward()

    seconds = fastest({"run": run}, repeats)["run"]
    return seconds, exchange.size_bytes // repeats


def fastest(tasks, repeats=5):
    """{name: seconds} of tasks that all ranks run together: the shortest of `repeats` runs each.

    Tasks take turns, so that a busy moment hits all of them; a run ends when the last rank has.
    """

    def together(task):
        def run():
            task()
            dist.barrier()

        return run

    dist.barrier()
    seconds = measure.timings({name: together(task) for name, task in tasks.items()}, repeats)
    return {name: min(taken) for name, taken in seconds.items()}


def all_reduce_seconds(sizes, device="cpu", repeats=9):
    """The shortest of `repeats` all-reduces over all ranks, for each size in bytes: a list."""
    vectors = {size: torch.zeros(max(1, size // 4), device=device) for size in sizes}
    seconds = dict.fromkeys(sizes, math.inf)
    for _ in range(repeats):
        for size, vector in vectors.items():
            dist.barrier()
            begun = time.perf_counter()
            dist.all_reduce(vector)
            vector[0].item()  # on a GPU the call returns before the work is done
            seconds[size] = min(seconds[size], time.perf_counter() - begun)
    return list(seconds.values())


def ring_seconds(size_bytes, world_size, latency_s, bytes_per_s):
    """Seconds of a ring all-reduce: 2(p−1) messages one after the other, each of size/p bytes.

    Source: Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for clusters of
    workstations, 2009.
    """
    messages = 2 * (world_size - 1)
    return messages * (latency_s + size_bytes / world_size / bytes_per_s)
