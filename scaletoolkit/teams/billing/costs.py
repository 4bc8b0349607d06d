"""What a request costs, and what idle machines cost whom, by OpenCost's rules. Lab 11.

Source: OpenCost specification 0.1; opencost/opencost, core/pkg/opencost/allocation.go. Numbers may
be int, float, text or Decimal, and count as they are written; costs come out as Decimal.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from scaletoolkit.teams.billing.money import Number, decimal, exact, in_proportion

IDLE = "idle"
Costs = Mapping[str, Mapping[str, Mapping[str, Number]]]
Parts = dict[str, dict[str, Fraction]]
EACH_ALIKE = Fraction(1)


def cost(request: Number, usage: Number, hours: Number, rate: Number) -> Decimal:
    """What a resource costs: the larger of request and usage, times hours, times the rate.

    What is requested is kept free for the tenant, used or not; what is used beyond that is used.
    """
    amount = max(exact(request, "a request"), exact(usage, "a usage"))
    return decimal(amount * exact(hours, "hours") * exact(rate, "a rate"))


def split_price(
    node_cost: Number, amounts: Mapping[str, Number], base_prices: Mapping[str, Number]
) -> dict[str, Decimal]:
    """The price of one unit of each resource of a machine that has only a price as a whole.

    Base prices say how the resources compare. amounts: {resource: units of the machine}. Source:
    OpenCost specification 0.1, appendix A.
    """
    for name, amount in amounts.items():
        if name not in base_prices or not exact(amount, name):
            raise ValueError(f"{name} needs a base price, and the machine at least some of it")
    full = {name: exact(base_prices[name]) * exact(amount) for name, amount in amounts.items()}
    parts = in_proportion(exact(node_cost, "the price of a machine"), full)
    if not parts:
        raise ValueError("the price cannot be shared out: no base price is above 0")
    return {name: decimal(part / exact(amounts[name])) for name, part in parts.items()}


def share_idle(
    costs: Costs, idle: Mapping[str, Mapping[str, Number]], how: str = "weighted"
) -> dict[str, dict[str, Decimal]]:
    """What each tenant pays for idle machines: {tenant: {resource: money}}, own costs not counted.

    costs: {cluster: {tenant: {resource: money}}}; idle: {cluster: {resource: money}}. how:

    - "weighted": inside a cluster, each resource by what the tenants pay for it, as OpenCost;
    - "total": inside a cluster, by all that the tenants pay there;
    - "pooled": each resource by what the tenants pay for it in all clusters;
    - "evenly": the same for every tenant;
    - "apart": nobody pays; it is all under IDLE.

    What no tenant can be charged for, since nobody pays for that resource, is under IDLE as well,
    so the sum is always that of `idle`.
    """
    parts = exact_shares(costs, idle, how)
    return {
        tenant: {resource: decimal(part) for resource, part in resources.items()}
        for tenant, resources in parts.items()
    }


def exact_shares(costs: Costs, idle: Mapping[str, Mapping[str, Number]], how: str) -> Parts:
    """`share_idle` as fractions."""
    if how not in HOW:
        raise ValueError(f"idle is shared {', '.join(HOW)}; got {how!r}")
    parts: Parts = {tenant: {} for tenants in costs.values() for tenant in tenants}
    for cluster, resources in idle.items():
        for resource, amount in resources.items():
            money = exact(amount, f"idle {resource}")
            weights = HOW[how](costs, cluster, resource)
            for tenant, part in (in_proportion(money, weights) or {IDLE: money}).items():
                paid = parts.setdefault(tenant, {})
                paid[resource] = paid.get(resource, Fraction(0)) + part
    return parts


def _by_resource(costs: Costs, cluster: str, resource: str) -> dict[str, Fraction]:
    tenants = costs.get(cluster, {})
    return {tenant: exact(paid.get(resource, 0)) for tenant, paid in tenants.items()}


def _by_total(costs: Costs, cluster: str, resource: str) -> dict[str, Fraction]:
    tenants = costs.get(cluster, {})
    return {tenant: sum(map(exact, paid.values()), Fraction(0)) for tenant, paid in tenants.items()}


def _pooled(costs: Costs, cluster: str, resource: str) -> dict[str, Fraction]:
    weights: dict[str, Fraction] = {}
    for name in costs:
        for tenant, paid in _by_resource(costs, name, resource).items():
            weights[tenant] = weights.get(tenant, Fraction(0)) + paid
    return weights


def _evenly(costs: Costs, cluster: str, resource: str) -> dict[str, Fraction]:
    return {tenant: EACH_ALIKE for tenants in costs.values() for tenant in tenants}


def _apart(costs: Costs, cluster: str, resource: str) -> dict[str, Fraction]:
    return {}


HOW = {
    "weighted": _by_resource,
    "total": _by_total,
    "pooled": _pooled,
    "evenly": _evenly,
    "apart": _apart,
}
