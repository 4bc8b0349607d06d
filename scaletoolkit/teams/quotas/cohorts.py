"""Queues and cohorts: what each may use, lends and borrows, as Kueue counts it. Lab 11.

Source: kubernetes-sigs/kueue, pkg/cache/scheduler/resource_node.go and fair_sharing.go.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from scaletoolkit.teams.quotas.lending import lent
from scaletoolkit.teams.quotas.trees import NO_QUOTA, Node, grow

NEVER = 2**63 - 1
NOTHING: Mapping[str, int] = {}


class Share(NamedTuple):
    """How much a queue or cohort borrows: thousandths of what there is to lend, over its weight."""

    permille: int
    resource: str
    borrowing: bool


class Quotas:
    """Queues that share quotas, and what they use now.

    tree: {name: {"parent": name or None, "weight": number, "quota": {what: amounts}}}, of which any
    may be left out. A node that others name as parent is a cohort, every other is a queue.
    what: "resource" or "flavour/resource"; the flavour ends at the first slash. amounts: nominal
    quota, or [nominal quota, borrowing limit, lending limit], None for no limit; whole numbers.
    A cohort's own quota is more to share, no cap. Raises ValueError in one sentence.
    """

    def __init__(self, tree: Mapping[str, Mapping[str, Any]]) -> None:
        self._nodes = grow(tree)

    def capacity(self, what: str) -> int:
        """All there is of something, of all trees: every nominal quota."""
        quotas = [node.quota.get(what, NO_QUOTA) for node in self._nodes.values()]
        return sum(quota.nominal for quota in quotas)

    def available(self, queue: str, what: str) -> int:
        """How much more the queue can use now; 0 where more is used than there is."""
        return max(0, _available(self._node(queue), what))

    def potential(self, queue: str, what: str) -> int:
        """How much the queue could use if nobody used anything."""
        return _potential(self._node(queue), what)

    def used(self, name: str, what: str) -> int:
        """What a queue uses; of a cohort, what its members use beyond what they never lend."""
        return self._node(name).usage.get(what, 0)

    def borrowed(self, queue: str, what: str, pending: int = 0) -> int:
        """What a queue uses beyond its own quota, or would with `pending` more."""
        node = self._node(queue)
        return max(0, node.usage.get(what, 0) + pending - node.subtree.get(what, 0))

    def add(self, queue: str, usage: Mapping[str, int]) -> None:
        """Count a workload's usage; whether there is room is the caller's question."""
        for what, amount in self._checked(queue, usage).items():
            _add(self._nodes[queue], what, amount)

    def remove(self, queue: str, usage: Mapping[str, int]) -> None:
        """Give usage back. Raises ValueError for more than the queue uses."""
        for what, amount in self._checked(queue, usage).items():
            if amount > self.used(queue, what):
                used = self.used(queue, what)
                raise ValueError(f"{queue} cannot give back {amount} of {what}: it uses {used}")
        for what, amount in usage.items():
            _remove(self._nodes[queue], what, amount)

    def share(self, name: str, pending: Mapping[str, int] = NOTHING) -> Share:
        """The dominant resource share of a queue or cohort, with a pending workload's usage.

        Borrowed amounts of all flavours of a resource are summed, over what the parent could use
        of that resource; the largest of these ratios, over the weight, rounded up. Who borrows
        without a weight has the share 2**63 - 1. A root borrows nothing.
        """
        node = self._node(name)
        borrowed = _borrowed(node, pending) if node.parent else {}
        if not node.parent or not borrowed:
            return Share(0, "", False)
        ratio, dominant = _dominant(borrowed, _lendable(node.parent))
        if node.weight == 0:
            return Share(NEVER, dominant, True)
        return Share(math.ceil(ratio / node.weight), dominant, True)

    def table(self) -> list[dict[str, object]]:
        """A row for each quota of each node: own, used, lent, borrowed.

        What is borrowed is lent by the cohort first, then by its members in proportion to what
        they leave unused and may lend; so lent amounts can be fractions.
        """
        rows: list[dict[str, object]] = []
        for what in sorted({what for node in self._nodes.values() for what in node.subtree}):
            lenders = lent([node for node in self._nodes.values() if not node.parent], what)
            for name, node in reversed(self._nodes.items()):
                if what in node.quota:
                    rows.append(self._row(node, what, lenders.get(name, 0.0)))
        return rows

    def _row(self, node: Node, what: str, amount_lent: float) -> dict[str, object]:
        is_queue = not node.children
        used = node.usage.get(what, 0) if is_queue else 0
        own = node.quota[what].nominal
        borrowed = max(0, used - own)
        row = {"who": node.name, "what": what, "own": own, "used": used}
        return row | {"lent": amount_lent, "borrowed": borrowed}

    def _node(self, name: str) -> Node:
        if name not in self._nodes:
            raise ValueError(f"no queue or cohort is called {name!r}")
        return self._nodes[name]

    def _checked(self, queue: str, usage: Mapping[str, int]) -> Mapping[str, int]:
        """The usage, if the queue may have it: only queues run workloads."""
        if self._node(queue).children:
            raise ValueError(f"{queue} is a cohort; workloads belong to queues")
        for what, amount in usage.items():
            if amount < 0:
                raise ValueError(f"an amount of {what} must be at least 0, got {amount}")
        return usage


def _available(node: Node, what: str) -> int:
    """What is left, negative where more is used than there is."""
    subtree = node.subtree.get(what, 0)
    usage = node.usage.get(what, 0)
    if not node.parent:
        return subtree - usage
    local = node.local(what)
    above = _available(node.parent, what)
    limit = node.quota.get(what, NO_QUOTA).borrowing_limit
    if limit is not None:
        stored_above = subtree - local
        used_above = max(0, usage - local)
        above = min(above, stored_above - used_above + limit)
    return max(0, local - usage) + above


def _potential(node: Node, what: str) -> int:
    """What there is for this node while nobody uses anything."""
    subtree = node.subtree.get(what, 0)
    if not node.parent:
        return subtree
    most = node.local(what) + _potential(node.parent, what)
    limit = node.quota.get(what, NO_QUOTA).borrowing_limit
    return most if limit is None else min(most, subtree + limit)


def _add(node: Node, what: str, amount: int) -> None:
    """Usage beyond what a node never lends counts in its parent too."""
    local_left = max(0, node.local(what) - node.usage.get(what, 0))
    node.usage[what] = node.usage.get(what, 0) + amount
    if node.parent and amount > local_left:
        _add(node.parent, what, amount - local_left)


def _remove(node: Node, what: str, amount: int) -> None:
    """The reverse of `_add`: what was counted in the parent goes first."""
    counted_above = node.usage.get(what, 0) - node.local(what)
    node.usage[what] = node.usage.get(what, 0) - amount
    if node.parent and counted_above > 0:
        _remove(node.parent, what, min(amount, counted_above))


def _borrowed(node: Node, pending: Mapping[str, int]) -> dict[str, int]:
    """What a node uses beyond its subtree's quota, its flavours summed: {resource: amount}."""
    amounts: dict[str, int] = {}
    for what, quota in node.subtree.items():
        excess = node.usage.get(what, 0) + pending.get(what, 0) - quota
        if excess > 0:
            resource = _resource(what)
            amounts[resource] = amounts.get(resource, 0) + excess
    return amounts


def _lendable(node: Node) -> dict[str, int]:
    """What a node could use of each resource, its flavours summed: {resource: amount}."""
    root = node
    while root.parent:
        root = root.parent
    amounts: dict[str, int] = {}
    for what in root.subtree:
        resource = _resource(what)
        amounts[resource] = amounts.get(resource, 0) + _potential(node, what)
    return amounts


def _dominant(borrowed: Mapping[str, int], lendable: Mapping[str, int]) -> tuple[float, str]:
    """The largest share, in thousandths, and its resource; the first by name where several are."""
    ratio = 0.0
    dominant = ""
    for resource in sorted(borrowed):
        there = lendable.get(resource, 0)
        share = borrowed[resource] * 1000.0 / there if there > 0 else 0.0
        if share > ratio:
            ratio = share
            dominant = resource
    return ratio, dominant


def _resource(what: str) -> str:
    """The resource of "flavour/resource": what follows the first slash."""
    return what.partition("/")[2] or what
