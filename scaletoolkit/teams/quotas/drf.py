"""Dominant resource fairness: several users, several resources, whose task is next. Lab 11."""

from collections.abc import Mapping
from fractions import Fraction

NOTHING: Mapping[str, float] = {}


def drf(
    capacity: Mapping[str, float],
    demands: Mapping[str, Mapping[str, float]],
    weights: Mapping[str, float] = NOTHING,
) -> list[str]:
    """The users in the order in which their tasks are given, until no task fits.

    The next task is for who has the smallest dominant share, the largest of the user's shares of a
    resource, over the weight (1 where not given); of several, for who comes first in `demands`. A
    user whose task no longer fits gets no more. capacity: {resource: amount}; demands: {user:
    {resource: amount of one task}}. Exact. Source: A. Ghodsi and others, NSDI 2011, algorithm 1,
    which ends where ours goes on with those who still fit.
    """
    free = {resource: _exact(amount) for resource, amount in capacity.items()}
    needs = {user: _needs(user, demand, free) for user, demand in demands.items()}
    shares = {user: _share(user, need, free, weights) for user, need in needs.items()}
    dominant = dict.fromkeys(needs, Fraction(0))
    given: list[str] = []
    while needs:
        user = min(needs, key=lambda name: dominant[name])
        if any(amount > free[resource] for resource, amount in needs[user].items()):
            del needs[user]
            continue
        for resource, amount in needs[user].items():
            free[resource] -= amount
        dominant[user] += shares[user]
        given.append(user)
    return given


def _needs(
    user: str, demand: Mapping[str, float], capacity: Mapping[str, Fraction]
) -> dict[str, Fraction]:
    """What one task of a user takes. Raises ValueError where it takes nothing, or what is not."""
    needs = {resource: _exact(amount) for resource, amount in demand.items() if amount}
    if not needs or min(needs.values()) < 0:
        raise ValueError(f"a task of {user!r} must take something, and nothing negative")
    for resource in needs:
        if not capacity.get(resource):
            raise ValueError(f"a task of {user!r} takes {resource}, of which there is none")
    return needs


def _share(
    user: str,
    needs: Mapping[str, Fraction],
    capacity: Mapping[str, Fraction],
    weights: Mapping[str, float],
) -> Fraction:
    """What one task adds to the user's dominant share, over the weight."""
    weight = _exact(weights.get(user, 1))
    if weight <= 0:
        raise ValueError(f"the weight of {user!r} must be positive, got {weight}")
    return max(amount / capacity[resource] for resource, amount in needs.items()) / weight


def _exact(number: float) -> Fraction:
    """The number as it is written: 0.1 is a tenth."""
    return Fraction(str(number))
