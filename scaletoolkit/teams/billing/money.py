"""Exact amounts of money, and cents that still add up. Lab 11."""

import math
from collections.abc import Hashable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

Number = int | float | str | Decimal | Fraction
Key = TypeVar("Key", bound=Hashable)
CENTS = 100


def exact(number: Number, what: str = "an amount") -> Fraction:
    """The number as it is written: 0.1 is a tenth. Raises ValueError for none, or one below 0."""
    try:
        value = number if isinstance(number, Fraction) else Fraction(str(number))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{what} must be a number, got {number!r}") from None
    if value < 0:
        raise ValueError(f"{what} must be at least 0, got {number}")
    return value


def decimal(amount: Fraction) -> Decimal:
    """The amount to 28 digits."""
    return Decimal(amount.numerator) / Decimal(amount.denominator)


def whole_cents(amount: Number) -> Decimal:
    """The amount to the cent, half a cent rounded up."""
    return _money(math.floor(exact(amount) * CENTS + Fraction(1, 2)))


def to_cents(amounts: Mapping[Key, Number]) -> dict[Key, Decimal]:
    """Amounts to the cent, whose sum is the exact sum to the cent.

    All are rounded down; the cents that are missing then go to the largest rests, of equal ones to
    the first. Source: the largest remainder method (A. Hamilton).
    """
    cents = {key: exact(amount) * CENTS for key, amount in amounts.items()}
    whole = {key: math.floor(amount) for key, amount in cents.items()}
    missing = math.floor(sum(cents.values()) + Fraction(1, 2)) - sum(whole.values())
    by_rest = sorted(cents, key=lambda key: whole[key] - cents[key])
    for key in by_rest[:missing]:
        whole[key] += 1
    return {key: _money(amount) for key, amount in whole.items()}


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def in_proportion(amount: Fraction, weights: Mapping[Key, Fraction]) -> dict[Key, Fraction]:
    """An amount split in proportion to weights; {} where there is no weight."""
    total = sum(weights.values())
    return {key: amount * weight / total for key, weight in weights.items()} if total else {}
