"""Which item a full cache gives up: four policies, counted. Lab 08.

Each is a class that takes the number of items and has `access(key)`: whether the key was in the
cache, where it is afterwards in any case. Every item counts one, whatever its size. The counts are
those of libCacheSim.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable
from itertools import islice


def _room(items: float) -> int:
    """The number of items itself; ValueError where it is no whole one of at least one."""
    if not (items >= 1 and items % 1 == 0):
        room = "a policy needs room for a whole number of items, at least one"
        raise ValueError(f"{room}, got {items}")
    return int(items)


class Fifo:
    """Gives up what came first."""

    def __init__(self, items: int) -> None:
        self._items = _room(items)
        self._queue: OrderedDict[Hashable, None] = OrderedDict()

    def access(self, key: Hashable) -> bool:
        """Whether the key was in the cache."""
        if key in self._queue:
            return True
        if len(self._queue) == self._items:
            self._queue.popitem(last=False)
        self._queue[key] = None
        return False


class Lru(Fifo):
    """Gives up what was not asked for the longest."""

    def access(self, key: Hashable) -> bool:
        """Whether the key was in the cache."""
        hit = super().access(key)
        self._queue.move_to_end(key)
        return hit


class Lfu:
    """Gives up what was asked for least often; of several, what was asked for least recently.

    An item that is given up is forgotten, its count too.
    """

    def __init__(self, items: int) -> None:
        self._items = _room(items)
        self._counts: dict[Hashable, int] = {}
        self._with_count: defaultdict[int, OrderedDict[Hashable, None]] = defaultdict(OrderedDict)
        self._least = 1

    def access(self, key: Hashable) -> bool:
        """Whether the key was in the cache."""
        count = self._counts.get(key, 0)
        if count:
            del self._with_count[count][key]
            if not self._with_count[count]:
                del self._with_count[count]
                if self._least == count:
                    self._least = count + 1
        else:
            if len(self._counts) == self._items:
                rarest = self._with_count[self._least]
                victim, _ = rarest.popitem(last=False)
                del self._counts[victim]
                if not rarest:
                    del self._with_count[self._least]
            self._least = 1
        self._counts[key] = count + 1
        self._with_count[count + 1][key] = None
        return count > 0


class Sieve:
    """Gives up the oldest that was not asked for again since the hand last passed it.

    The hand goes from old to new and takes a mark from each item that it spares; an item that is
    asked for gets a mark, and nothing moves. Source: Y. Zhang and others, NSDI 2024.
    """

    def __init__(self, items: int) -> None:
        self._items = _room(items)
        self._behind: OrderedDict[Hashable, bool] = OrderedDict()  # spared, older than the hand
        self._ahead: OrderedDict[Hashable, bool] = OrderedDict()  # {key: whether it has a mark}

    def access(self, key: Hashable) -> bool:
        """Whether the key was in the cache."""
        for part in (self._behind, self._ahead):
            if key in part:
                part[key] = True
                return True
        if len(self._behind) + len(self._ahead) == self._items:
            self._give_up_one()
        self._ahead[key] = False
        return False

    def _give_up_one(self) -> None:
        spared = True
        while spared:
            key, spared = self._ahead.popitem(last=False)
            if spared:
                self._behind[key] = False
            if not self._ahead:  # the hand has passed the newest: it begins again with the oldest
                self._ahead = self._behind
                self._behind = OrderedDict()


Policy = Fifo | Lfu | Sieve
POLICIES: dict[str, type[Policy]] = {"FIFO": Fifo, "LRU": Lru, "LFU": Lfu, "SIEVE": Sieve}


def hit_ratio(policy: Policy, trace: Iterable[Hashable], skip: int = 0) -> float:
    """The share of a trace's requests that the policy answers, its first `skip` not counted.

    ValueError where none is left.
    """
    requests = iter(trace)
    for key in islice(requests, skip):
        policy.access(key)
    hits = [policy.access(key) for key in requests]
    if not hits:
        raise ValueError(f"skip={skip} leaves nothing of the trace to count")
    return sum(hits) / len(hits)
