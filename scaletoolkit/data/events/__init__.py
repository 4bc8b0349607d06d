"""The one data set: seeded events of a shop, any number of rows. Labs 01, 02 and 03.

generator  any part of the events, a pure function of the seed
files      the events on disk: written once, whole, and landed by day of arrival
"""

from scaletoolkit.data.events.files import REQUIRED, ensure, keys, land, prepare
from scaletoolkit.data.events.generator import FEATURES, KEYS, chunk

__all__ = ["FEATURES", "KEYS", "REQUIRED", "chunk", "ensure", "keys", "land", "prepare"]
