"""Who lends what is borrowed. Kueue does not say; this is one answer that adds up. Lab 11."""

from collections.abc import Iterable

from scaletoolkit.teams.quotas.trees import Node


def lent(roots: Iterable[Node], what: str) -> dict[str, float]:
    """How much each node's own quota lends to others: {name: amount}, for those that lend.

    From the root down, what members of a cohort borrow is taken from the cohort's own quota first,
    then from members in proportion to what they leave unused and may lend.
    """
    amounts: dict[str, float] = {}
    for root in roots:
        _lend(root, what, 0.0, amounts)
    return amounts


def _lend(node: Node, what: str, wanted: float, amounts: dict[str, float]) -> None:
    """Book what a node lends: `wanted` to those above it, and what its children borrow."""
    spare = {child.name: max(0, -_borrowed_above(child, what)) for child in node.children}
    wanted += sum(max(0, _borrowed_above(child, what)) for child in node.children)
    own = node.quota[what].nominal if what in node.quota else 0
    own_part = min(wanted, own) if node.children else wanted
    if own_part:
        amounts[node.name] = own_part
    rest = min(wanted - own_part, sum(spare.values()))
    for child in node.children:
        part = rest * spare[child.name] / sum(spare.values()) if rest else 0.0
        _lend(child, what, part, amounts)


def _borrowed_above(node: Node, what: str) -> int:
    """What a node takes from its parent beyond what it keeps there; negative: what it leaves."""
    local = node.local(what)
    used_above = max(0, node.usage.get(what, 0) - local)
    return used_above - (node.subtree.get(what, 0) - local)
