"""Averages as differences of counters, never as samples of a gauge. Lab 09.

A gauge that is read once a second can fall into step with the traffic and stay wrong.
"""

import math
from collections.abc import Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")


class Change(Generic[Key]):
    """What counters counted between two readings of them, each {key: count}.

    clock: the key of the seconds. A counter that is missing in the first reading began at 0.
    """

    def __init__(self, before: Mapping[Key, float], after: Mapping[Key, float], clock: Key) -> None:
        self._before = before
        self._after = after
        self.seconds = self.of(clock)

    def of(self, key: Key) -> float:
        """By how much this counter grew."""
        return self._after[key] - self._before.get(key, 0.0)

    def per_second(self, key: Key) -> float:
        """By how much it grew a second; 0 when no time has passed."""
        return self.of(key) / (self.seconds or math.inf)
