"""A bill from rows of usage and a table of prices: it adds up to the cent. Lab 11."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from scaletoolkit.teams.billing.costs import IDLE, Parts, exact_shares
from scaletoolkit.teams.billing.money import exact, to_cents, whole_cents

HEADINGS = (IDLE, "who", "total")  # of a bill's table, so no resource is called so
ONLY = "machines"  # the cluster of rows that name none
OVERHEAD = "overhead"
Amounts = dict[str, dict[str, Fraction]]


@dataclass(frozen=True, repr=False)
class Bill:
    """What each tenant pays, for what; what nobody pays; all in cents that add up to `machines`.

    tenants: {tenant: {resource: money, IDLE: its part of idle machines}}. idle: of machines that
    nobody pays. overhead: what the machines cost beyond their resources. machines: all they cost.
    notes: sentences about what was not as the rule has it.
    """

    tenants: dict[str, dict[str, Decimal]]
    idle: Decimal
    overhead: Decimal
    machines: Decimal
    notes: tuple[str, ...] = ()

    @property
    def totals(self) -> dict[str, Decimal]:
        """What each tenant pays in all."""
        return {tenant: sum(parts.values(), Decimal(0)) for tenant, parts in self.tenants.items()}

    @property
    def table(self) -> list[dict[str, object]]:
        """A row a tenant, then idle machines, overhead and all of it; a column a resource."""
        columns = list(dict.fromkeys(name for parts in self.tenants.values() for name in parts))
        columns = [name for name in columns if name != IDLE] + [IDLE]
        nothing = Decimal("0.00")
        rows: list[dict[str, object]] = []
        for tenant, parts in self.tenants.items():
            cells = {name: parts.get(name, nothing) for name in columns}
            rows.append({"who": tenant, **cells, "total": self.totals[tenant]})
        rest = {"idle machines": self.idle, OVERHEAD: self.overhead, "machines": self.machines}
        blank = dict.fromkeys(columns, "")
        return rows + [{"who": who, **blank, "total": total} for who, total in rest.items()]

    def __repr__(self) -> str:
        totals = ", ".join(f"{tenant} {total}" for tenant, total in self.totals.items())
        return (
            f"Bill: {totals}, idle {self.idle}, overhead {self.overhead}; "
            f"the machines cost {self.machines}"
        )


def bill(
    rows: Iterable[Mapping[str, Any]], prices: Mapping[str, Any], how: str = "weighted"
) -> Bill:
    """The bill for rows of usage: tenants + idle + overhead = machines, to the cent.

    rows: dicts with team, resource, requested, used, hours and, where there are several, cluster.
    prices: {"prices_per_hour": {resource: price of one unit}, "hours": how long the machines ran,
    "machines": {resource: units} or "clusters": {cluster: {resource: units}}, "overhead": money}.
    how: who pays for idle machines, as in `share_idle`.

    Where tenants together request or use more than the machines have, nobody pays for more than
    there is: their costs are reduced in proportion, and a note says so. Raises ValueError in one
    sentence that names the row.
    """
    machines = _machines(prices)
    costs: dict[str, Amounts] = {cluster: {} for cluster in machines}
    for number, row in enumerate(rows, 1):
        _charge(costs, machines, prices, row, f"row {number}")
    notes = [*_reduced(costs, machines)]
    parts = exact_shares(costs, _idle(costs, machines), how)
    overhead = exact(prices.get(OVERHEAD, 0), OVERHEAD)
    total = overhead + sum(sum(resources.values()) for resources in machines.values())
    cents = to_cents(_cells(costs, parts) | {("", OVERHEAD): overhead})
    return Bill(
        _by_team(cents), cents["", IDLE], cents["", OVERHEAD], whole_cents(total), tuple(notes)
    )


def _machines(prices: Mapping[str, Any]) -> Amounts:
    """What the machines cost: {cluster: {resource: money}}."""
    for key in ("prices_per_hour", "hours"):
        if key not in prices:
            raise ValueError(f"prices: {key!r} is missing")
    if ("machines" in prices) == ("clusters" in prices):
        raise ValueError("prices: either 'machines' or 'clusters' says what there is")
    clusters = prices["clusters"] if "clusters" in prices else {ONLY: prices["machines"]}
    for name in (name for resources in clusters.values() for name in resources):
        if name in HEADINGS:
            raise ValueError(f"prices: {name!r} cannot be the name of a resource")
    hours = exact(prices["hours"], "prices: hours")
    return {
        cluster: {
            name: exact(units, f"prices: {name}") * hours * _price(prices, name, "prices")
            for name, units in resources.items()
        }
        for cluster, resources in clusters.items()
    }


def _price(prices: Mapping[str, Any], resource: str, where: str) -> Fraction:
    if resource not in prices["prices_per_hour"]:
        raise ValueError(f"{where}: {resource!r} has no price")
    return exact(prices["prices_per_hour"][resource], f"the price of {resource}")


def _charge(
    costs: dict[str, Amounts],
    machines: Amounts,
    prices: Mapping[str, Any],
    row: Mapping[str, Any],
    where: str,
) -> None:
    """Add what a row costs to what its team pays."""
    team = str(_field(row, "team", where))
    resource = str(_field(row, "resource", where))
    cluster = row.get("cluster") or (next(iter(machines)) if len(machines) == 1 else None)
    if team in ("", IDLE):
        raise ValueError(f"{where}: {team!r} cannot be the name of a team")
    if cluster not in machines:
        raise ValueError(f"{where}: cluster must be one of {', '.join(machines)}, got {cluster!r}")
    if resource not in machines[cluster]:
        raise ValueError(f"{where}: {cluster} has no {resource!r}")
    numbers = {
        name: exact(_field(row, name, where), f"{where}: {name}")
        for name in ("requested", "used", "hours")
    }
    amount = max(numbers["requested"], numbers["used"])
    money = amount * numbers["hours"] * _price(prices, resource, where)
    paid = costs[cluster].setdefault(team, {})
    paid[resource] = paid.get(resource, Fraction(0)) + money


def _field(row: Mapping[str, Any], name: str, where: str) -> Any:
    if row.get(name) is None:
        raise ValueError(f"{where}: {name!r} is missing")
    return row[name]


def _paid(tenants: Amounts, resource: str) -> Fraction:
    return sum((paid.get(resource, Fraction(0)) for paid in tenants.values()), Fraction(0))


def _reduced(costs: dict[str, Amounts], machines: Amounts) -> Iterable[str]:
    """Reduce costs of more than there is, in place: a sentence for each resource."""
    for cluster, resources in machines.items():
        for resource, there in resources.items():
            charged = _paid(costs[cluster], resource)
            if charged <= there:
                continue
            for paid in costs[cluster].values():
                if resource in paid:
                    paid[resource] *= there / charged
            yield (
                f"{resource} of {cluster}: requests and usage come to "
                f"{float(charged / there) if there else float('inf'):.0%} of the machines; "
                "every team's cost of it is reduced in proportion."
            )


def _idle(costs: dict[str, Amounts], machines: Amounts) -> Amounts:
    """What is left of the machines' cost: {cluster: {resource: money}}."""
    return {
        cluster: {name: there - _paid(costs[cluster], name) for name, there in resources.items()}
        for cluster, resources in machines.items()
    }


def _cells(costs: dict[str, Amounts], parts: Parts) -> dict[tuple[str, str], Fraction]:
    """All amounts, {(team, resource or IDLE): money}; idle that nobody pays under team ""."""
    cells: dict[tuple[str, str], Fraction] = {}
    for tenants in costs.values():
        for team, paid in tenants.items():
            for resource, amount in paid.items():
                cells[team, resource] = cells.get((team, resource), Fraction(0)) + amount
    cells["", IDLE] = Fraction(0)
    for team, shares in parts.items():
        cells["" if team == IDLE else team, IDLE] = sum(shares.values(), Fraction(0))
    return cells


def _by_team(cents: Mapping[tuple[str, str], Decimal]) -> dict[str, dict[str, Decimal]]:
    teams: dict[str, dict[str, Decimal]] = {}
    for (team, what), amount in cents.items():
        if team:
            teams.setdefault(team, {})[what] = amount
    return teams
