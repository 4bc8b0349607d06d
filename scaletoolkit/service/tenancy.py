"""Who may use a server, and how much of it, checked before anything starts. Lab 11."""

import math
import re
from collections.abc import Mapping
from typing import TypedDict

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # a DNS label: RFC 1123


class Tenant(TypedDict, total=False):
    """What one tenant may have of a server.

    weight: its share of the replicas while others wait as well; 1 unless said. max_waiting: how
    many of its items may wait; not said: only max_queue_size bounds them, which is one for all.
    model_bytes: of models that it brings itself, in memory; 0 unless said: it may bring none.
    """

    weight: float
    max_waiting: int
    model_bytes: int


Tenants = Mapping[str, Tenant]


def check(tenants: Tenants, max_queue_size: int) -> None:
    """Raise ValueError for what cannot be, or does not keep what it promises."""
    if not isinstance(tenants, Mapping) or not tenants:
        raise ValueError(f'tenants must be like {{"ads": {{"weight": 1}}}}, got {tenants!r}')
    for name, tenant in tenants.items():
        _check_one(name, tenant)
    bounds = [tenant.get("max_waiting") for tenant in tenants.values()]
    if None in bounds and any(bounds):
        raise ValueError("give each tenant max_waiting, or none: who has none could fill the queue")
    together = sum(bound or 0 for bound in bounds)
    if together > max_queue_size:
        told = f"the tenants' max_waiting are {together} together"
        raise ValueError(f"{told}: more than max_queue_size={max_queue_size} has room for")


def _check_one(name: str, tenant: Tenant) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        expected = "1 to 63 small letters, digits and hyphens"
        raise ValueError(f"a tenant's name has {expected}, got {name!r}")
    if not isinstance(tenant, Mapping) or tenant.keys() - Tenant.__annotations__:
        known = ", ".join(Tenant.__annotations__)
        raise ValueError(f"tenant {name!r} is told by {known}; got {tenant!r}")
    weight = tenant.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise ValueError(f"weight of tenant {name!r} must be a positive number, got {weight!r}")
    for field, least in (("max_waiting", 1), ("model_bytes", 0)):
        value = tenant.get(field, least)
        if type(value) is not int or value < least:
            told = f"{field} of tenant {name!r} must be a whole number"
            raise ValueError(f"{told} of {least} or more, got {value!r}")
