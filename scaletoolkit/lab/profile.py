"""How much data the labs use, and where it and the learner's records lie."""

import os
from pathlib import Path

from scaletoolkit.lab.errors import LabError

CHECKOUT = Path(__file__).parents[2]
PROFILES = {"ci": 1_000_000, "laptop": 10_000_000, "workstation": 100_000_000}


def current() -> tuple[str, int]:
    """The profile that `SCALETOOLKIT_PROFILE` names, and its rows: (name, rows); else LabError."""
    name = os.environ.get("SCALETOOLKIT_PROFILE") or "laptop"
    if name not in PROFILES:
        raise LabError(
            f"SCALETOOLKIT_PROFILE is {name!r}; it must be one of {', '.join(PROFILES)}."
        )
    return name, PROFILES[name]


def data_folder() -> Path:
    """Where generated data lies: `SCALETOOLKIT_DATA`, else `data/` of the checkout.

    An installed package has no checkout around it: there it is `scaletoolkit` in the user's cache.
    """
    return _folder("SCALETOOLKIT_DATA", "data", "XDG_CACHE_HOME", ".cache")


def records_folder() -> Path:
    """Where the learner's records lie: `SCALETOOLKIT_RECORDS`, else `my/records/` of the checkout.

    For an installed package it is `scaletoolkit` among the user's data.
    """
    return _folder("SCALETOOLKIT_RECORDS", "my/records", "XDG_DATA_HOME", ".local/share")


def own_events() -> Path | None:
    """The folder that `SCALETOOLKIT_EVENTS` names, of a learner's own data; None where unset."""
    variable = "SCALETOOLKIT_EVENTS"
    return _from_checkout(variable) if os.environ.get(variable) else None


def _folder(variable: str, in_checkout: str, of_user: str, in_home: str) -> Path:
    if os.environ.get(variable):
        return _from_checkout(variable)
    if (CHECKOUT / "pyproject.toml").exists():
        return CHECKOUT / in_checkout
    return Path(os.environ.get(of_user) or Path.home() / in_home) / "scaletoolkit"


def _from_checkout(variable: str) -> Path:
    """The folder that a variable names: from the checkout on, wherever the notebook lies."""
    try:
        return CHECKOUT / Path(os.environ[variable]).expanduser()
    except RuntimeError:
        name = os.environ[variable]
        raise LabError(f"{variable} is {name!r}; there is no such user here.") from None
