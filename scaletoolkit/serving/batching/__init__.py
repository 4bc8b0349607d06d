"""Why does waiting make us faster? Requests that share one model call. Lab 07.

    batcher = batching.Batcher(max_batch_size=32, max_queue_delay_microseconds=500)
    future = batcher.submit(item)        # raises QueueFull
    await batcher.serve(handle)          # handle: a list of items in, a list of results out

lines          who waits, and in which order
batcher        the queue and the rule that forms batches, on asyncio
simulation     the same rule as arithmetic on plain times
virtual_clock  an event loop whose clock jumps, so that both can be compared exactly
"""

from scaletoolkit.serving.batching.batcher import Batcher, QueueClosed, ReplicaLost
from scaletoolkit.serving.batching.lines import DeadlineExceeded, Line, QueueFull, Request
from scaletoolkit.serving.batching.simulation import simulate
from scaletoolkit.serving.batching.virtual_clock import replay

__all__ = [
    "Batcher",
    "DeadlineExceeded",
    "Line",
    "QueueClosed",
    "QueueFull",
    "ReplicaLost",
    "Request",
    "replay",
    "simulate",
]
