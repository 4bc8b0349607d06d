"""A number with its doubt: low, middle, high, its unit, and where it is from. Lab 12."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scaletoolkit.lab import quantity
from scaletoolkit.lab.tables import SOURCES

LEAST = 1e-12
MOST = 1e15
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """Between low and high, most likely middle; provenance is one of SOURCES.

    All three are positive and finite, and rise; else ValueError with a sentence.
    """

    low: float
    middle: float
    high: float
    unit: str
    provenance: str

    def __post_init__(self) -> None:
        for value in (self.low, self.middle, self.high):
            if not (math.isfinite(value) and LEAST <= value <= MOST):
                raise ValueError(f"a range has numbers from {LEAST:g} to {MOST:g}, got {value!r}")
        if not self.low <= self.middle <= self.high:
            numbers = f"{self.low:g}, {self.middle:g}, {self.high:g}"
            raise ValueError(f"low, middle and high must rise, got {numbers}")
        if self.provenance not in SOURCES:
            words = ", ".join(SOURCES)
            raise ValueError(f"where it is from must be one of {words}; got {self.provenance!r}")

    def __repr__(self) -> str:
        ends = f"{quantity(self.low, self.unit)} to {quantity(self.high, self.unit)}"
        return f"Range: {quantity(self.middle, self.unit)} {self.provenance}, from {ends}"


Inputs = Mapping[str, Range]


def around(value: float, unit: str, provenance: str, factor: float = 1.25) -> Range:
    """A range from value ÷ factor to value × factor; a share stays below 1."""
    high = min(value * factor, (1 + value) / 2) if not unit and value < 1 else value * factor
    return Range(value / factor, value, high, unit, provenance)


def middles(inputs: Inputs) -> dict[str, float]:
    """The middle of each: what goes into `bill.bill` for the point estimate."""
    return {name: each.middle for name, each in inputs.items()}


def draws(inputs: Inputs, number: int, seed: int) -> dict[str, Floats]:
    """For each input so many values at random: triangular on a logarithmic scale.

    Prices and counts are wrong by factors, not by amounts, and are never negative. The inputs are
    independent of each other, and the same for the same seed and names: also those behind one that
    has become a single number.
    """
    dice = np.random.default_rng(seed)
    values = {}
    for name, each in inputs.items():
        low, middle, high = np.log([each.low, each.middle, each.high])
        logs = dice.triangular(low, middle, high, number) if low < high else np.full(number, low)
        if low == high:
            dice.random(number)  # as many as the others take
        values[name] = np.clip(np.exp(logs), each.low, each.high)
    return values
