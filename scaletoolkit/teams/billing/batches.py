"""Who pays for a batch that several tenants share: four answers that all add up. Lab 11."""

from collections.abc import Mapping
from fractions import Fraction

from scaletoolkit.teams.billing.money import exact, in_proportion

HOW = ("items", "evenly", "fixed evenly", "standalone")


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
    total = exact(seconds, "seconds")
    if not counts:
        raise ValueError("a batch without items has nobody to pay for it")
    fixed = min(total, exact(fixed_s, "fixed_s"))
    by_items = in_proportion(total - fixed, counts)
    evenly = dict.fromkeys(counts, fixed / len(counts))
    if how == "items":
        parts = in_proportion(total, counts)
    elif how == "evenly":
        parts = in_proportion(total, dict.fromkeys(counts, Fraction(1)))
    elif how == "fixed evenly":
        parts = {tenant: evenly[tenant] + by_items[tenant] for tenant in counts}
    else:
        parts = in_proportion(total, {tenant: fixed + by_items[tenant] for tenant in counts})
    return {tenant: float(parts.get(tenant, 0)) for tenant in items}
