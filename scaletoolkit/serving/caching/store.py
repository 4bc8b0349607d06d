"""Answers that are kept: so many, so long. Lab 08."""

import random
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """At most `items` values; the least recently used is given up first.

    ttl_s: how long a value is handed out at most, from the moment it was put in; None: no end.
    jitter: each value's own time is shorter by up to this share of ttl_s, so that what came
    together does not end together; seed: of those lots, None: others in every cache.
    `hits` and `misses` count.
    """

    def __init__(
        self,
        items: int,
        ttl_s: float | None = None,
        jitter: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
        seed: int | None = None,
    ) -> None:
        if items < 1:
            raise ValueError(f"a cache must have room for at least one item, got {items}")
        self.items = items
        self.ttl_s = ttl_s
        self.hits = 0
        self.misses = 0
        self._jitter = jitter
        self._clock = clock
        self._draw = random.Random(seed).random
        self._values: OrderedDict[Hashable, tuple[Value, float]] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        """The value, or None where there is none, or none any more."""
        value, end_s = self._values.get(key, (None, 0.0))
        if value is None or (self.ttl_s is not None and self._clock() >= end_s):
            self.misses += 1
            return None
        self.hits += 1
        self._values.move_to_end(key)
        return value

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, which is not None."""
        end_s = 0.0
        if self.ttl_s is not None:
            end_s = self._clock() + self.ttl_s * (1 - self._jitter * self._draw())
        self._values[key] = (value, end_s)
        self._values.move_to_end(key)
        if len(self._values) > self.items:
            self._values.popitem(last=False)

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        asked = self.hits + self.misses
        return f"Cache: {len(self)} of {self.items} items, {self.hits} hits of {asked} requests"
