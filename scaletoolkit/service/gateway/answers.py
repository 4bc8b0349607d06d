"""Asks the model once for each item, and keeps what it said. Lab 08.

The key of an answer holds the model's name, the sha256 of the files that the replica loaded which
gave it, and the tenant that asked: none has another's answers, nor learns from its own time that
somebody has asked before. Looked for is the newest model's: a new model never meets an old one's.
Failures are not kept.
"""

import asyncio

import numpy as np

from scaletoolkit.service.gateway.fleet import Fleet
from scaletoolkit.service.gateway.replicas import Answer, Item
from scaletoolkit.service.settings import Settings
from scaletoolkit.serving import caching
from scaletoolkit.serving.batching import DeadlineExceeded

Waiting = asyncio.Future[Answer]


class Answers:
    """Stands before the batcher; with `cache_items` of 0 every item goes straight there.

    misses: items for which the model was asked; `flight.shared`: those that came meanwhile. These
    take no place in the queue, so max_queue_size does not bound how many they are.
    """

    def __init__(self, settings: Settings, fleet: Fleet) -> None:
        clock = asyncio.get_running_loop().time
        self.cache = caching.Cache[Answer](
            max(1, settings.cache_items), settings.cache_ttl_s, clock=clock
        )
        self.flight = caching.SingleFlight[Answer]()
        self.misses = 0
        self._name = settings.model["name"]
        self._off = not settings.cache_items
        self._fleet = fleet

    def submit(self, item: Item, timeout_s: float, tenant: str = "") -> Waiting:
        """The future of an item's answer; cancel it and nobody else is affected.

        After `timeout_s` it fails with DeadlineExceeded, whoever else waits. Raises QueueFull or
        QueueClosed where the model must be asked and cannot.
        """
        if self._off:
            return self._fleet.batcher.submit(item, timeout_s, tenant)
        key = self._key(item, tenant, self._fleet.version)
        answer = self.cache.get(key)
        if answer is None:
            return _within(timeout_s, self.flight.join(key, lambda: self._ask(item, tenant)))
        answered: Waiting = asyncio.get_running_loop().create_future()
        answered.set_result(answer)
        return answered

    def _key(self, item: Item, tenant: str, version: str) -> bytes:
        """The `caching.key` of a float32 input; those of other types are compared bit by bit."""
        parts = [np.asarray(item[name]) for name in item.dtype.names or ()]
        keys = [caching.key(p) if p.dtype == np.float32 else p.tobytes() for p in parts]
        return b"".join([f"{self._name} {version} {tenant} ".encode(), *keys])

    def _ask(self, item: Item, tenant: str) -> Waiting:
        """The model's answer, without a deadline: it is cancelled when nobody waits any more."""
        asked = self._fleet.batcher.submit(item, tenant=tenant)
        self.misses += 1
        asked.add_done_callback(lambda _: self._keep(item, tenant, asked))
        return asked

    def _keep(self, item: Item, tenant: str, asked: Waiting) -> None:
        if asked.cancelled() or asked.exception():
            return
        row, version = asked.result()
        kept = tuple(np.array(part) for part in row)  # a part alone would keep its whole batch
        for part in kept:
            part.setflags(write=False)
        self.cache.put(self._key(item, tenant, version), (kept, version))


def _within(timeout_s: float, waiting: Waiting) -> Waiting:
    """The future itself, which fails when its time is over."""

    def expire() -> None:
        if not waiting.done():
            waiting.set_exception(DeadlineExceeded(f"not answered within {timeout_s:g} s"))

    alarm = asyncio.get_running_loop().call_later(timeout_s, expire)
    waiting.add_done_callback(lambda _: alarm.cancel())
    return waiting
