"""Asks the model once for each item, and keeps what it said. Lab 08.

The key of an answer holds the model's name and the sha256 of the file that the replicas loaded, so
that a new model never meets an old one's answers. Failures are not kept.
"""

import asyncio

import numpy as np

from scaletoolkit.service.gateway.fleet import Fleet
from scaletoolkit.service.settings import Settings
from scaletoolkit.serving import caching

Row = asyncio.Future[np.ndarray]


class Answers:
    """Stands before the batcher; with `cache_items` of 0 every item goes straight there.

    misses: items for which the model was asked; `flight.shared`: those that came meanwhile.
    """

    def __init__(self, settings: Settings, fleet: Fleet) -> None:
        clock = asyncio.get_running_loop().time
        self.cache = caching.Cache[np.ndarray](
            max(1, settings.cache_items), settings.cache_ttl_s, clock=clock
        )
        self.flight = caching.SingleFlight[np.ndarray]()
        self.misses = 0
        self._name = settings.model["name"]
        self._off = not settings.cache_items
        self._fleet = fleet

    def submit(self, item: np.ndarray, timeout_s: float) -> Row:
        """The future of an item's row; cancel it and nobody else is affected.

        Raises QueueFull or QueueClosed where the model must be asked and cannot.
        """
        version = None if self._off else self._fleet.version
        if version is None:  # also while replicas of two models answer
            return self._fleet.batcher.submit(item, timeout_s)
        key = caching.key(item, f"{self._name} {version}")
        row = self.cache.get(key)
        if row is None:
            return self.flight.join(key, lambda: self._ask(item, timeout_s, key, version))
        answered: Row = asyncio.get_running_loop().create_future()
        answered.set_result(row)
        return answered

    def _ask(self, item: np.ndarray, timeout_s: float, key: bytes, version: str) -> Row:
        asked = self._fleet.batcher.submit(item, timeout_s)
        self.misses += 1
        asked.add_done_callback(lambda _: self._keep(key, version, asked))
        return asked

    def _keep(self, key: bytes, version: str, asked: Row) -> None:
        succeeded = not asked.cancelled() and not asked.exception()
        if succeeded and self._fleet.version == version:
            self.cache.put(key, asked.result().copy())  # a row alone would keep its whole batch
