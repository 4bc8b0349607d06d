"""What a platform has, what it costs, and which teams are on it: the operators' file. Lab 11."""

from fractions import Fraction
from typing import NamedTuple

from scaletoolkit.kubernetes import names
from scaletoolkit.kubernetes.document import ManifestError, short
from scaletoolkit.kubernetes.fields import Fields, Sentences
from scaletoolkit.teams import reading
from scaletoolkit.teams.reading import RESOURCES, Amounts

KNOWN = ("machines", "prices_per_hour", "teams", "kueue", "gpu_name", "lets_in")
GPU_NAME = "nvidia.com/gpu"
GIB = 2**30
PATH = "platform"
ALWAYS = ("cpu", "memory")  # every container has some
QUEUES = {"cohort": "teams", "flavor": "default"}


class Neighbour(NamedTuple):
    """A team that is on the platform: who answers for it, and what it has for certain."""

    owner: str
    guaranteed: Amounts


class Platform(NamedTuple):
    """The operators' file: cores, bytes, GPUs; prices of a core, a GiB and a GPU for an hour."""

    machines: Amounts
    prices_per_hour: Amounts
    teams: dict[str, Neighbour]
    cohort: str
    flavor: str
    gpu_name: str
    lets_in: tuple[str, ...]

    def price_per_hour(self, amounts: Amounts) -> Fraction:
        """What these amounts cost in an hour, exact."""
        units = {"cpu": 1, "memory": GIB, "gpu": 1}
        costs = [self.prices_per_hour[name] * amounts[name] / units[name] for name in amounts]
        return sum(costs, Fraction(0))

    def resource_name(self, resource: str) -> str:
        """What Kubernetes calls a resource."""
        return self.gpu_name if resource == "gpu" else resource


def read(source: object, wrong: Sentences) -> Platform:
    """The platform, as far as it can be read; what is wrong with it is noted."""
    fields = reading.opened(source, PATH, KNOWN, wrong) or Fields({}, PATH, KNOWN)
    machines: Amounts = {}
    prices: Amounts = {}
    if isinstance(source, dict):
        machines = reading.amounts(fields, "machines", wrong, needed=ALWAYS)
        prices = _prices(fields, machines, wrong)
    cohort, flavor = _queues(fields, wrong)
    gpu_name = GPU_NAME
    with wrong:
        gpu_name = _gpu_name(fields)
    lets_in = reading.labels(fields, "lets_in", wrong)
    teams = _teams(fields, machines, wrong)
    return Platform(machines, prices, teams, cohort, flavor, gpu_name, lets_in)


def _prices(fields: Fields, machines: Amounts, wrong: Sentences) -> Amounts:
    """A price for each resource that the machines have."""
    result: Amounts = {}
    prices = reading.inside(fields, "prices_per_hour", RESOURCES, wrong)
    for resource in machines if prices else ():
        with wrong:
            if prices:
                result[resource] = reading.money(prices, resource)
    return result


def _queues(fields: Fields, wrong: Sentences) -> tuple[str, str]:
    """The names of Kueue's cohort and ResourceFlavor."""
    value = fields.values.get("kueue", {})
    queues = reading.opened(value, fields.at("kueue"), tuple(QUEUES), wrong)
    called = dict(QUEUES)
    for name, default in QUEUES.items():
        with wrong:
            if queues:
                fitting = queues.named(name, names.subdomain, names.SUBDOMAIN_EXPECTED)
                called[name] = fitting or default
    return called["cohort"], called["flavor"]


def _gpu_name(fields: Fields) -> str:
    name = fields.text("gpu_name") or GPU_NAME
    holds = "/" in name and "kubernetes.io/" not in name and names.resource(name)
    fields.check("gpu_name", holds, f"must be a name such as {GPU_NAME}")
    return name


def _teams(fields: Fields, machines: Amounts, wrong: Sentences) -> dict[str, Neighbour]:
    """The teams on the platform, by name; what they are guaranteed the machines must have."""
    value = fields.values.get("teams", {})
    if not isinstance(value, dict):
        reading.opened(value, fields.at("teams"), (), wrong)
        return {}
    result: dict[str, Neighbour] = {}
    for name in value:
        with wrong:
            _check_name(name)
            about = value[name] or {}  # a name alone is a team, too
            team = reading.opened(about, f"{PATH}.teams.{name}", ("owner", "guaranteed"), wrong)
            result[name] = _neighbour(team, wrong) if team else Neighbour("", {})
    for resource, sold in guaranteed(result).items():
        has = machines.get(resource, Fraction(0))
        if machines and sold > has:
            texts = [reading.amount_text(resource, amount) for amount in (sold, has)]
            told = f"the {resource} guaranteed is {texts[0]} in all, above the {texts[1]}"
            wrong.append(f"{PATH}.teams: {told} that the machines have.")
    return result


def _check_name(name: object) -> None:
    """Raise ManifestError for what can be no team's name."""
    is_label = isinstance(name, str) and names.label(name)
    if not is_label:
        expected = names.LABEL_EXPECTED if isinstance(name, str) else "must be text, in quotes"
        raise ManifestError(f"{PATH}.teams: Invalid value: {short(str(name))}: {expected}.")


def _neighbour(team: Fields, wrong: Sentences) -> Neighbour:
    owner = ""
    with wrong:
        owner = team.text("owner").strip()
    return Neighbour(owner, reading.amounts(team, "guaranteed", wrong))


def guaranteed(teams: dict[str, Neighbour]) -> Amounts:
    """What teams are guaranteed, all of them together."""
    totals: Amounts = {}
    for team in teams.values():
        for resource, amount in team.guaranteed.items():
            totals[resource] = totals.get(resource, Fraction(0)) + amount
    return totals
