"""What a run costs: seconds, percentiles, and a count over time. Every lab."""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from scaletoolkit import lab
from scaletoolkit.machine import turns

Clock = Callable[[], float]
Name = TypeVar("Name")
Input = TypeVar("Input")
Result = TypeVar("Result")


def timings(
    tasks: Mapping[Name, Callable[[], object]],
    repeats: int = 5,
    label: str = "",
    clock: Clock = time.perf_counter,
) -> dict[Name, list[float]]:
    """Seconds of every call of every task, taken in turns so that a busy moment hits all of them.

    tasks: {name: function without arguments}. Returns {name: [seconds, ...]}, `repeats` each.
    label: what a progress line calls the rounds; there is none without it.
    Compare minima: over 120 tries beside eight busy processes, the order of the minima of five
    interleaved timings never changed; the order of single timings did.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    seconds: dict[Name, list[float]] = {name: [] for name in tasks}
    rounds = range(repeats)
    with turns.turn(label):
        for _ in lab.progress(rounds, repeats, label) if label else rounds:
            for name, task in tasks.items():
                _, call_s = timed(task, clock=clock)
                seconds[name].append(call_s)
    return seconds


def fastest(
    function: Callable[[Input], object],
    inputs: Iterable[Input],
    repeats: int = 5,
    label: str = "",
) -> dict[Input, float]:
    """The fewest seconds that function(input) took: {input: seconds}. See `timings`."""
    tasks = {value: partial(function, value) for value in inputs}
    return {value: min(calls_s) for value, calls_s in timings(tasks, repeats, label).items()}


def timed(
    function: Callable[..., Result], *arguments: object, clock: Clock = time.perf_counter
) -> tuple[Result, float]:
    """The function's result and the seconds it took: (result, seconds)."""
    start = clock()
    result = function(*arguments)
    return result, clock() - start


def percentile(samples: ArrayLike, percent: float) -> float:
    """The value below which `percent` % of the samples lie, linear between neighbours."""
    values = np.asarray(samples, dtype=float)
    if values.size == 0:
        raise ValueError("percentile needs at least one sample, got none")
    if not 0 <= percent <= 100:
        raise ValueError(f"percent must lie between 0 and 100, got {percent}")
    return float(np.percentile(values, percent))


def median(samples: ArrayLike) -> float:
    """The middle value of the samples."""
    return percentile(samples, 50)


class Level:
    """A count that changes over time, and its integral: how many there were on average.

    (integral later - integral earlier) / time between them is the exact average of any period. An
    instantaneous reading can fall into step with the traffic and stay wrong.
    """

    def __init__(self, clock: Clock) -> None:
        self.value = 0
        self._clock = clock
        self._changed_s = clock()
        self._integral = 0.0

    def change(self, by: int) -> float:
        """Add `by`, now: the moment that this was, on the clock."""
        now_s = self._clock()
        self._integral += self.value * (now_s - self._changed_s)
        self._changed_s = now_s
        self.value += by
        return now_s

    def integral(self) -> float:
        """The count summed over time until now, in requests × seconds."""
        return self._integral + self.value * (self._clock() - self._changed_s)
