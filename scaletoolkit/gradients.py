"""How gradients travel: what a step waits for, and what a slower network would cost. Lab 03.

DDP collects gradients in buckets and calls a hook for each one as soon as it is full, while
backward still computes the next; the hooks here measure and slow down real exchanges.
"""

import queue
import threading
import time

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy


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


def all_reduce_seconds(size_bytes, repeats=5, device="cpu"):
    """The shortest of `repeats` all-reduces of that many bytes over all ranks, in seconds."""
    values = torch.ones(max(1, size_bytes // 4), device=device)
    seconds = []
    for _ in range(repeats):
        values.fill_(1)
        dist.barrier()
        begun = time.perf_counter()
        dist.all_reduce(values)
        values[0].item()  # on a GPU the call returns before the work is done
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def ring_seconds(size_bytes, world_size, latency_s, bytes_per_s):
    """Seconds of a ring all-reduce: 2(p−1) messages one after the other, each of size/p bytes.

    Source: Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for clusters of
    workstations, 2009.
    """
    messages = 2 * (world_size - 1)
    return messages * (latency_s + size_bytes / world_size / bytes_per_s)
