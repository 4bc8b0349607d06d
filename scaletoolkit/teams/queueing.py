"""Whose request is next, and who may not wait at all. Lab 11.

Pure: no clock, no threads, no event loop.
"""

import itertools
import math
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from fractions import Fraction
from heapq import heappop, heappush
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)
Time = float | Fraction
NOTHING: Mapping[str, float] = {}


class FairQueue(Generic[Item]):
    """A queue that serves tenants in proportion to their weights, and bounds what each may queue.

    Start-time fair queueing: an item's tag is the virtual time of its start, the later of the
    virtual time at which it came and the end of its tenant's item before it; the smallest tag is
    next, and is the virtual time now. So who was idle has saved nothing, and while two tenants a
    and b both wait, what they are served of differs by at most
    |served_a / weight_a - served_b / weight_b| <= most_a / weight_a + most_b / weight_b,
    `most` their largest cost. Source: P. Goyal, H. Vin, H. Cheng, SIGCOMM 1996.

    weights: {tenant: share}, 1 for others. limits: {tenant: the cost that may wait}, no limit for
    others. An item is hashable and in the queue once. Of each tenant that ever came a tag is kept:
    whoever takes names from strangers bounds them first.
    """

    def __init__(
        self, weights: Mapping[str, float] = NOTHING, limits: Mapping[str, float] = NOTHING
    ) -> None:
        for tenant, weight in weights.items():
            if not isinstance(weight, int | float) or not 0 < weight < math.inf:
                raise ValueError(f"the weight of {tenant!r} must be positive, got {weight!r}")
        for tenant, limit in limits.items():
            if not limit >= 0:
                raise ValueError(f"the limit of {tenant!r} must be at least 0, got {limit}")
        exact = {tenant: Fraction(str(weight)) for tenant, weight in weights.items()}
        self._unit = math.lcm(*(weight.numerator for weight in exact.values()))
        self._steps = {tenant: int(self._unit / weight) for tenant, weight in exact.items()}
        self._limits = dict(limits)
        self._tenants: OrderedDict[Item, str] = OrderedDict()  # of all items, the oldest first
        self._lines: dict[str, OrderedDict[Item, tuple[Time, float]]] = {}  # came, cost
        self._waiting: dict[str, float] = {}  # cost
        self._ends: dict[str, Time] = {}
        self._now: Time = 0
        self._turns: list[tuple[Time, int, str]] = []
        self._turn: dict[str, tuple[Time, int]] = {}  # the one entry of each that counts
        self._count = itertools.count()

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._tenants)

    def __contains__(self, item: object) -> bool:
        return item in self._tenants

    def __iter__(self) -> Iterator[Item]:
        """All items that wait, the one that came first at the head."""
        return iter(self._tenants)

    def waiting(self, tenant: str) -> float:
        """The cost of all of a tenant's items that wait."""
        return self._waiting.get(tenant, 0)

    def enter(self, tenant: str, item: Item, cost: float = 1) -> bool:
        """Whether the item may wait; False where its tenant's limit leaves no room for its cost."""
        if self.waiting(tenant) + cost > self._limits.get(tenant, math.inf):
            return False
        self._add(tenant, item, cost)
        self._lines.setdefault(tenant, OrderedDict())[item] = (self._now, cost)
        if tenant not in self._turn:
            self._schedule(tenant, next(self._count))
        return True

    def put_back(self, tenant: str, item: Item, cost: float = 1) -> None:
        """Undo a `take`: the item is at the head of its tenant's line, with the tag that it had."""
        self._add(tenant, item, cost)
        self._ends[tenant] -= self._takes(tenant, cost)
        line = self._lines.setdefault(tenant, OrderedDict())
        line[item] = (self._ends[tenant], cost)
        line.move_to_end(item, last=False)
        self._tenants.move_to_end(item, last=False)
        self._schedule(tenant, -next(self._count))

    def take(self) -> tuple[str, Item]:
        """The next item and its tenant: (tenant, item). Raises IndexError while nobody waits."""
        while self._turns:
            start, number, tenant = heappop(self._turns)
            if self._turn.get(tenant) != (start, number):
                continue
            del self._turn[tenant]
            if tenant not in self._lines:
                continue
            if self._start(tenant) == start:
                return tenant, self._serve(tenant)
            self._schedule(tenant, number)
        raise IndexError("nobody waits")

    def discard(self, item: Item) -> None:
        """Forget an item that waits, as if it had never come; nothing where it does not wait."""
        if item in self._tenants:
            self._leave(item)

    def _takes(self, tenant: str, cost: float) -> Time:
        """The virtual time that a cost takes, so that no tag is rounded: whole for whole costs."""
        if not isinstance(cost, int):
            return Fraction(str(cost)) * self._steps.get(tenant, self._unit)
        return cost * self._steps.get(tenant, self._unit)

    def _add(self, tenant: str, item: Item, cost: float) -> None:
        """Count an item among those that wait."""
        if item in self._tenants:
            raise ValueError(f"{item!r} waits already")
        if not 0 <= cost < math.inf:
            raise ValueError(f"a cost must be a number of at least 0, got {cost}")
        self._tenants[item] = tenant
        self._waiting[tenant] = self.waiting(tenant) + cost

    def _leave(self, item: Item) -> float:
        """Take an item out of its line: its cost."""
        tenant = self._tenants.pop(item)
        _, cost = self._lines[tenant].pop(item)
        self._waiting[tenant] -= cost
        if not self._lines[tenant]:
            del self._lines[tenant]
            del self._waiting[tenant]
        return cost

    def _start(self, tenant: str) -> Time:
        """The tag of the item at the head of a tenant's line."""
        came, _ = next(iter(self._lines[tenant].values()))
        return max(came, self._ends.get(tenant, came))

    def _schedule(self, tenant: str, number: int) -> None:
        """Give the head of a tenant's line its turn; of equal tags, the smallest number is next."""
        self._turn[tenant] = (self._start(tenant), number)
        heappush(self._turns, (*self._turn[tenant], tenant))

    def _serve(self, tenant: str) -> Item:
        """The head of a tenant's line leaves it, and the next one gets its turn."""
        start = self._start(tenant)
        item = next(iter(self._lines[tenant]))
        self._now = max(self._now, start)
        self._ends[tenant] = start + self._takes(tenant, self._leave(item))
        if tenant in self._lines:
            self._schedule(tenant, next(self._count))
        return item


class TokenBucket:
    """At most `rate_per_s` in the long run and `burst` at once; the caller says what time it is.

    Full at `now_s`. Source: RFC 2697, one rate.
    """

    def __init__(self, rate_per_s: float, burst: float, now_s: float = 0.0) -> None:
        if not (0 < rate_per_s < math.inf and 0 < burst < math.inf):
            raise ValueError(f"rate and burst must be positive, got {rate_per_s} and {burst}")
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._tokens = burst
        self._filled_s = now_s

    def take(self, now_s: float, cost: float = 1) -> bool:
        """Whether so many tokens were there; they are gone then, and none is where they were not.

        A clock that goes back fills nothing.
        """
        passed_s = max(0.0, now_s - self._filled_s)
        self._tokens = min(self.burst, self._tokens + passed_s * self.rate_per_s)
        self._filled_s += passed_s
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True
