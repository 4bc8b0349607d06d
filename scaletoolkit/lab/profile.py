"""How much data the labs use, and where it lies."""

import os
from pathlib import Path

from scaletoolkit.lab.speech import LabError

PROFILES = {"ci": 1_000_000, "laptop": 10_000_000, "workstation": 100_000_000}


def current() -> tuple[str, int]:
    """The profile that `SCALETOOLKIT_PROFILE` names, and its rows: (name, rows); else LabError."""
    name = os.environ.get("SCALETOOLKIT_PROFILE", "laptop")
    if name not in PROFILES:
        raise LabError(
            f"SCALETOOLKIT_PROFILE is {name!r}; it must be one of {', '.join(PROFILES)}."
        )
    return name, PROFILES[name]


def data_folder() -> Path:
    """Where generated data lies: `SCALETOOLKIT_DATA`, else `data/` of the checkout.

    An installed package has no checkout around it: there it is `scaletoolkit` in the user's cache.
    """
    if "SCALETOOLKIT_DATA" in os.environ:
        return Path(os.environ["SCALETOOLKIT_DATA"])
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").exists():
        return checkout / "data"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scaletoolkit"
