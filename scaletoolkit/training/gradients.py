"""How gradients travel: averaged over ranks, over a slow network, in fewer bits. Lab 03.

DDP calls a hook for each bucket of gradients as soon as it is full, while backward still computes
the next. The hook here measures real exchanges and can slow them down.
"""

import queue
import threading
import time

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.futures import Future
from torch.nn.functional import cross_entropy

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
            try:
                self._finish(work, sent)
                done.set_result(gradients if sent is gradients else gradients.copy_(sent))
            except Exception as error:  # else backward would wait for it for ever
                done.set_exception(error)  # type: ignore[arg-type]  # torch names the wrong type

    def _finish(self, work: dist.Work, sent: Tensor) -> None:
        """Return when a bucket has been exchanged, and would have been by so slow a link."""
        if sent.is_cuda:
            torch.cuda.set_device(sent.device)  # a thread begins on GPU 0
        work.wait()
        if sent.is_cuda:
            torch.cuda.synchronize()  # there, wait only orders the GPU's own work
        if self.bytes_per_s:
            time.sleep(sent.nbytes / self.bytes_per_s)


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


def of_batch(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the batch's mean loss, all weights in one vector."""
    losses = cross_entropy(model(images), labels)
    return torch.cat(
        [part.flatten() for part in torch.autograd.grad(losses, list(model.parameters()))]
    )


def lost_and_infinite(values: Tensor, dtype: torch.dtype) -> tuple[float, float]:
    """Of the values that are not 0: which share becomes 0 as `dtype`, and which infinite."""
    sent = values[values != 0].to(dtype)
    return (sent == 0).double().mean().item(), sent.isinf().double().mean().item()


def ring_seconds(size_bytes: float, world_size: int, latency_s: float, bytes_per_s: float) -> float:
    """Seconds of a ring all-reduce: 2(p−1) messages one after the other, each of size/p bytes.

    Source: P. Patarasuk and X. Yuan, J. Parallel Distrib. Comput. 69(2), 2009.
    """
    return 2 * (world_size - 1) * (latency_s + size_bytes / world_size / bytes_per_s)
