"""The one data set: seeded events of a shop, any number of rows. Labs 01, 02 and 03.

generator  any part of the events, a pure function of the seed
files      the events on disk: written once, whole, and landed by day of arrival
"""

from scaletoolkit.data.events.files import FILES, REQUIRED, ensure, keys, land, prepare, write
from scaletoolkit.data.events.generator import (
    CHUNK_ROWS,
    COUNTRIES,
    DAYS,
    FEATURES,
    HOUR_MS,
    KEYS,
    START_MS,
    chunk,
)

__all__ = [
    "CHUNK_ROWS",
    "COUNTRIES",
    "DAYS",
    "FEATURES",
    "FILES",
    "HOUR_MS",
    "KEYS",
    "REQUIRED",
    "START_MS",
    "chunk",
    "ensure",
    "keys",
    "land",
    "prepare",
    "write",
]
