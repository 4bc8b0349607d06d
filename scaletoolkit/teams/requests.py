"""A team's request of eight lines, and all that is wrong with it, a sentence each. Lab 11.

Every sentence begins with the path of the field; the words for a value that cannot be are those of
Kubernetes' API server.
"""

import math
from difflib import get_close_matches
from fractions import Fraction
from typing import NamedTuple

from scaletoolkit.kubernetes import names
from scaletoolkit.kubernetes.document import ManifestError, short
from scaletoolkit.kubernetes.fields import Fields, Sentences
from scaletoolkit.teams import platforms, reading
from scaletoolkit.teams.platforms import Platform
from scaletoolkit.teams.reading import Amounts

KNOWN = ("team", "owner", "guaranteed", "at_most", "default", "max", "budget_per_month", "talks_to")
PREFIX = "team-"  # of a namespace, so that no team can take the place of kube-system or default
MOST_LETTERS = names.LONGEST_LABEL - len(PREFIX)
HOURS_PER_MONTH = 730  # 24 hours on 365 days, a twelfth of it
RESERVED = "system:"  # how Kubernetes begins the names of its own users


class Request(NamedTuple):
    """What a team asks for: cores, bytes and GPUs; money a month; the teams it talks to.

    default: what a container gets that asks for nothing; largest: the most that one may ask for.
    """

    team: str
    owner: str
    guaranteed: Amounts
    at_most: Amounts
    default: Amounts
    largest: Amounts
    budget_per_month: Fraction
    talks_to: tuple[str, ...]


def problems(request: object, platform: object) -> list[str]:
    """All that is wrong with a request for a platform, a sentence each; [] when it can be granted.

    Both are mappings as YAML gives them. A request of the owner of a team that is there changes
    that team: what it was guaranteed until now does not count against it. Who the owner is, it
    believes: whoever hands requests on must know who wrote them.
    """
    wrong = Sentences()
    _examined(request, platform, wrong)
    return list(wrong)


def granted(request: object, platform: object) -> tuple[Request, Platform]:
    """Both as exact values, what was left out filled in; ManifestError for the first problem."""
    wrong = Sentences()
    asked, offered = _examined(request, platform, wrong)
    if wrong:
        raise ManifestError(wrong[0])
    at_most = asked.guaranteed | asked.at_most
    largest = at_most | asked.largest
    return asked._replace(at_most=at_most, largest=largest), offered


def guaranteed_to_nobody(request: object, platform: object) -> dict[str, str]:
    """What the machines have beyond all guarantees, once the request is granted: {"cpu": "24"}.

    Kueue lends what a team of the cohort leaves idle; this belongs to none of them, so it lends it
    only where the cohort has it as a quota of its own.
    """
    asked, offered = granted(request, platform)
    entry = platforms.Neighbour(asked.owner, asked.guaranteed)
    sold = platforms.guaranteed(offered.teams | {asked.team: entry})
    left = {name: has - sold.get(name, Fraction(0)) for name, has in offered.machines.items()}
    return {name: reading.amount_text(name, amount) for name, amount in left.items() if amount}


def _examined(request: object, platform: object, wrong: Sentences) -> tuple[Request, Platform]:
    asked = _read(request, wrong)
    can_be_priced = not any("guaranteed" in sentence.split(": ")[0] for sentence in wrong)
    offered = platforms.read(platform, wrong)
    _compare_inside(asked, wrong)
    if isinstance(request, dict) and isinstance(platform, dict):
        _compare_names(asked, offered, wrong)
        _compare_guaranteed(asked, offered, wrong)
        if can_be_priced:
            _compare_budget(asked, offered, wrong)
    return asked, offered


def _read(source: object, wrong: Sentences) -> Request:
    """The request, as far as it can be read; a budget that cannot be is -1."""
    fields = reading.opened(source, "", KNOWN, wrong)
    if fields is None:
        return Request("", "", {}, {}, {}, {}, Fraction(-1), ())
    team = ""
    with wrong:
        team = _team(fields)
    owner = ""
    with wrong:
        owner = _owner(fields)
    guaranteed = reading.amounts(fields, "guaranteed", wrong, needed=platforms.ALWAYS)
    at_most = reading.amounts(fields, "at_most", wrong)
    default = reading.amounts(fields, "default", wrong, needed=platforms.ALWAYS)
    largest = reading.amounts(fields, "max", wrong)
    for resource in platforms.ALWAYS:
        if default.get(resource) == 0:
            wrong.append(f"default.{resource}: Invalid value: 0: must be above 0.")
    budget = Fraction(-1)
    with wrong:
        budget = reading.money(fields, "budget_per_month")
    talks_to = reading.labels(fields, "talks_to", wrong)
    return Request(team, owner, guaranteed, at_most, default, largest, budget, talks_to)


def _team(fields: Fields) -> str:
    team = fields.text("team", "what the team is called")
    fields.check("team", names.label(team), names.LABEL_EXPECTED)
    most = f"must be at most {MOST_LETTERS} letters: its namespace is {PREFIX}{team}"
    fields.check("team", len(team) <= MOST_LETTERS, most)
    return team


def _owner(fields: Fields) -> str:
    owner = fields.text("owner", "who answers for the team").strip()
    fields.check("owner", bool(owner) and owner.isprintable(), "must be the name of a user")
    why = f"must not begin with {RESERVED}, as Kubernetes' own users do"
    fields.check("owner", not owner.startswith(RESERVED), why)
    return owner


def _compare_inside(asked: Request, wrong: Sentences) -> None:
    """guaranteed ≤ at_most, default ≤ max ≤ at_most; who says nothing of GPUs has at most 0."""
    at_most = asked.guaranteed | asked.at_most
    unread = any(sentence.startswith(("guaranteed", "at_most")) for sentence in wrong)
    if not unread:
        at_most.setdefault("gpu", Fraction(0))
    _compare("guaranteed", asked.guaranteed, "at_most", asked.at_most, wrong)
    _compare("max", asked.largest, "at_most", at_most, wrong)
    largest = {name: asked.largest[name] for name in asked.default if name in asked.largest}
    _compare("default", asked.default, "max", largest, wrong)
    others = {name: most for name, most in at_most.items() if name not in largest}
    _compare("default", asked.default, "at_most", others, wrong)


def _compare(name: str, values: Amounts, above: str, bounds: Amounts, wrong: Sentences) -> None:
    for resource, value in values.items():
        bound = bounds.get(resource, value)
        if value > bound:
            texts = [reading.amount_text(resource, amount) for amount in (value, bound)]
            told = f"{texts[0]} is above {above}.{resource}, {texts[1]}"
            wrong.append(f"{name}.{resource}: {told}.")


def _compare_names(asked: Request, offered: Platform, wrong: Sentences) -> None:
    """The name is free, or its owner asks; the neighbours are there."""
    there = offered.teams.get(asked.team)
    if there and (not there.owner or there.owner != asked.owner):
        owner = f"; its owner is {there.owner}" if there.owner else ""
        wrong.append(f"team: {short(asked.team)}: a team of that name exists{owner}.")
    others = [name for name in offered.teams if name != asked.team]
    for name in asked.talks_to:
        told = f"talks_to: {short(name)}"
        if name == asked.team:
            wrong.append(f"{told} is this team, whose parts talk to each other anyway.")
        elif name not in others:
            close = get_close_matches(name, others, n=1)
            there_are = f"there are {', '.join(others)[:200]}."
            hint = f'did you mean "{close[0]}"?' if close else there_are
            wrong.append(f"{told} is no team of the platform: {hint if others else 'it has none.'}")


def _compare_guaranteed(asked: Request, offered: Platform, wrong: Sentences) -> None:
    """What all teams are guaranteed, the machines have; and of what may be lent, some."""
    for name, values in {"at_most": asked.at_most, "max": asked.largest}.items():
        for resource, amount in values.items():
            if amount and offered.machines and not offered.machines.get(resource):
                wrong.append(f"{name}.{resource}: the machines have no {resource}.")
    others = {name: team for name, team in offered.teams.items() if name != asked.team}
    sold = platforms.guaranteed(others)
    for resource, amount in asked.guaranteed.items():
        before = sold.get(resource, Fraction(0))
        has = offered.machines.get(resource, Fraction(0))
        if amount and offered.machines and before + amount > has:
            every = (amount, before, before + amount, has)
            texts = [reading.amount_text(resource, each) for each in every]
            told = f"{texts[0]} and the {texts[1]} of other teams are {texts[2]}"
            wrong.append(f"guaranteed.{resource}: {told}, above the {texts[3]} of the machines.")


def _compare_budget(asked: Request, offered: Platform, wrong: Sentences) -> None:
    """The budget covers the guaranteed part, whether it is used or not."""
    certain = {name: amount for name, amount in asked.guaranteed.items() if amount}
    if not set(certain) <= set(offered.prices_per_hour):
        return  # that is said elsewhere
    price = offered.price_per_hour(certain) * HOURS_PER_MONTH
    if 0 <= asked.budget_per_month < price:
        budget = math.floor(asked.budget_per_month * 100) / 100
        least = math.ceil(price * 100) / 100
        told = f"{budget:,.2f} is below {least:,.2f}, what the guaranteed part costs"
        wrong.append(f"budget_per_month: {told} in {HOURS_PER_MONTH} hours.")
