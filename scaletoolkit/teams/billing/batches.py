"""Who pays for a batch that several tenants share: four answers that all add up. Lab 11."""

from collections.abc import Mapping
from fractions import Fraction

from scaletoolkit.teams.billing.money import exact, in_proportion

Counts = Mapping[str, Fraction]


def split_batch(
    items: Mapping[str, int], seconds: float, how: str = "items", fixed_s: float = 0.0
) -> dict[str, float]:
    """The seconds of a batch, by tenant: {tenant: seconds}, which add up to `seconds`.

    items: {tenant: its items in the batch}; tenants without items pay nothing. A batch takes
    `fixed_s`, and the rest grows with its items. how:

    - "items": in proportion to items;
    - "evenly": the same for every tenant in the batch;
    - "fixed evenly": the fixed part the same for every tenant, the rest by items; for one batch,
      this is the Shapley value;
    - "standalone": in proportion to what the tenant's items would have taken alone.
    """
    if how not in HOW:
        raise ValueError(f"a batch is split by {', '.join(HOW)}; got {how!r}")
    counts = {tenant: exact(number, "items") for tenant, number in items.items() if number}
    if not counts:
        raise ValueError("a batch without items has nobody to pay for it")
    total = exact(seconds, "seconds")
    parts = HOW[how](counts, total, min(total, exact(fixed_s, "fixed_s")))
    return {tenant: float(parts.get(tenant, 0)) for tenant in items}


def _by_items(counts: Counts, total: Fraction, fixed: Fraction) -> dict[str, Fraction]:
    return in_proportion(total, counts)


def _evenly(counts: Counts, total: Fraction, fixed: Fraction) -> dict[str, Fraction]:
    return dict.fromkeys(counts, total / len(counts))


def _fixed_evenly(counts: Counts, total: Fraction, fixed: Fraction) -> dict[str, Fraction]:
    by_items = in_proportion(total - fixed, counts)
    return {tenant: fixed / len(counts) + part for tenant, part in by_items.items()}


def _standalone(counts: Counts, total: Fraction, fixed: Fraction) -> dict[str, Fraction]:
    by_items = in_proportion(total - fixed, counts)
    return in_proportion(total, {tenant: fixed + part for tenant, part in by_items.items()})


HOW = {
    "items": _by_items,
    "evenly": _evenly,
    "fixed evenly": _fixed_evenly,
    "standalone": _standalone,
}
