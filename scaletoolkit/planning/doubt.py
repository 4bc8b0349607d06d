"""How sure a bill is, and which number it hangs on. Lab 12."""

from dataclasses import dataclass, field

import numpy as np

from scaletoolkit.planning import bill, ranges
from scaletoolkit.planning.ranges import Floats, Inputs


@dataclass(frozen=True)
class Spread:
    """The bills that the draws give, in dollars a month, and the draws of each input."""

    totals: Floats = field(repr=False)
    drawn: dict[str, Floats] = field(repr=False)

    def at(self, percent: float) -> float:
        """The bill below which so many percent of the draws lie."""
        return float(np.percentile(self.totals, percent))

    def within(self, budget: float) -> float:
        """The share of the draws whose bill is within the budget."""
        return float(np.mean(self.totals <= budget))

    def __repr__(self) -> str:
        return (
            f"Spread: ${self.at(50):,.0f} a month, 5 to 95 %: ${self.at(5):,.0f} to "
            f"${self.at(95):,.0f}, from {len(self.totals):,} draws"
        )


def draw_bills(inputs: Inputs, number: int = 20_000, seed: int = 12) -> Spread:
    """The bills of so many draws of all inputs: a Spread."""
    drawn = ranges.draws(inputs, number, seed)
    return Spread(np.broadcast_to(np.asarray(bill.total(drawn)), (number,)), drawn)


def tornado(inputs: Inputs) -> dict[str, tuple[float, float]]:
    """{input: (bill at its low, at its high)}, the others at their middle; largest swing first."""
    middle = ranges.middles(inputs)
    ends = {}
    for name, each in inputs.items():
        low = float(bill.total(middle | {name: each.low}))
        high = float(bill.total(middle | {name: each.high}))
        ends[name] = (low, high)
    return dict(sorted(ends.items(), key=lambda pair: -abs(pair[1][1] - pair[1][0])))


def shares(spread: Spread) -> dict[str, float]:
    """The share of the bill's variance that goes with each input, largest first.

    Squared rank correlations, which add up to about 1 where inputs are independent and the bill
    rises or falls with each. An input that does not vary has none, nor has any of a bill that does
    not.
    """
    order = _ranks(spread.totals)
    parts = {}
    for name, values in spread.drawn.items():
        varies = values.min() < values.max() and spread.totals.min() < spread.totals.max()
        parts[name] = float(np.corrcoef(_ranks(values), order)[0, 1] ** 2) if varies else 0.0
    return dict(sorted(parts.items(), key=lambda pair: -pair[1]))


def weakest(inputs: Inputs, spread: Spread) -> str:
    """The input that nobody measured and that most of the doubt comes from; "" without one."""
    for name, share in shares(spread).items():
        if share and inputs[name].provenance in ("assumed", "quoted"):
            return name
    return ""


def _ranks(values: Floats) -> Floats:
    return np.argsort(np.argsort(values)).astype(float)
