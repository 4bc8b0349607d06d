"""A tree of queues and cohorts from plain values; every mistake is one sentence. Lab 11."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

KEYS = ("parent", "weight", "quota")
LARGEST_WEIGHT = sys.float_info.max


class Quota(NamedTuple):
    """What a queue or cohort has of one thing, may borrow beyond it, and may lend of it.

    None is no limit.
    """

    nominal: int = 0
    borrowing_limit: int | None = None
    lending_limit: int | None = None


NO_QUOTA = Quota()


@dataclass
class Node:
    """A queue, or a cohort: a node that has children. Amounts by what they are of."""

    name: str
    parent: "Node | None"
    weight: float
    quota: dict[str, Quota]
    children: "list[Node]" = field(default_factory=list)
    subtree: dict[str, int] = field(default_factory=dict)  # own quota, and what children lend
    usage: dict[str, int] = field(default_factory=dict)

    def local(self, what: str) -> int:
        """The part of the subtree's quota that is never lent to the parent."""
        lending_limit = self.quota.get(what, NO_QUOTA).lending_limit
        return 0 if lending_limit is None else max(0, self.subtree.get(what, 0) - lending_limit)


def grow(tree: Mapping[str, Mapping[str, Any]]) -> dict[str, Node]:
    """{name: node} of a tree of plain values, children before their parents; see `Quotas`.

    Raises ValueError in one sentence for a tree that cannot be.
    """
    if not isinstance(tree, Mapping):
        raise ValueError(f"a tree must be a mapping of names to what they have; got {tree!r}")
    tree = {name: entry or {} for name, entry in tree.items()}
    nodes: dict[str, Node] = {}
    order = _order(tree)
    for name in reversed(order):
        above = tree[name].get("parent")
        parent = None if above is None else nodes[above]
        nodes[name] = Node(name, parent, _weight(name, tree[name]), _quotas(name, tree[name]))
        if parent:
            parent.children.append(nodes[name])
    children_first = {name: nodes[name] for name in order}
    for node in children_first.values():
        _sum_up(node)
    return children_first


def _order(tree: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names, children before their parents."""
    for name, entry in tree.items():
        if not isinstance(entry, Mapping):
            raise ValueError(f"{name} must be a mapping of {', '.join(KEYS)}; got {entry!r}")
        parent = entry.get("parent")
        if parent is not None and parent not in [*tree]:  # which it may be without a hash
            raise ValueError(f"{name}: its parent {parent!r} is not in the tree")
        if unknown := sorted({*entry} - {*KEYS}, key=str):
            raise ValueError(f"{name}: {unknown[0]!r} is unknown; known: {', '.join(KEYS)}")
    below: dict[str, list[str]] = {name: [] for name in tree}
    for name, entry in tree.items():
        if entry.get("parent") is not None:
            below[entry["parent"]].append(name)
    try:
        return list(TopologicalSorter(below).static_order())
    except CycleError as error:
        circle = " → ".join(map(str, error.args[1]))
        raise ValueError(f"a cohort cannot be above itself: {circle}") from None


def _weight(name: str, entry: Mapping[str, Any]) -> float:
    weight = entry.get("weight", 1)
    if not isinstance(weight, int | float) or not 0 <= weight < math.inf:
        raise ValueError(f"{name}: a weight must be a number of at least 0, got {weight!r}")
    if weight > LARGEST_WEIGHT:
        raise ValueError(f"{name}: a weight must be a number of at most {LARGEST_WEIGHT:g}")
    return float(weight)


def _quotas(name: str, entry: Mapping[str, Any]) -> dict[str, Quota]:
    given = entry.get("quota") or {}
    if not isinstance(given, Mapping):
        raise ValueError(f"{name}: quota must be a mapping of what to amounts; got {given!r}")
    return {what: _quota(numbers, f"{name}: quota of {what}") for what, numbers in given.items()}


def _quota(numbers: object, where: str) -> Quota:
    """A quota written as its nominal quota, or as that and its limits."""
    parts: list[Any] = list(numbers) if isinstance(numbers, list | tuple) else [numbers]
    if not 1 <= len(parts) <= len(Quota._fields):
        raise ValueError(f"{where} must be {', '.join(Quota._fields)}; got {len(parts)} numbers")
    for field_name, number in zip(Quota._fields, parts, strict=False):
        if number is None and field_name != "nominal":
            continue
        if not isinstance(number, int) or number < 0:
            raise ValueError(
                f"{where}: {field_name} must be a whole number of at least 0, got {number!r}"
            )
    return Quota(*parts)


def _sum_up(node: Node) -> None:
    """Set the subtree's quota: its own, and what its children lend."""
    node.subtree = {what: quota.nominal for what, quota in node.quota.items()}
    for child in node.children:
        for what, amount in child.subtree.items():
            node.subtree[what] = node.subtree.get(what, 0) + amount - child.local(what)
