"""Predictions that are not made: kept, shared, or made before anyone asks. Lab 08.

keys         one key for one question, however it is written
policies     which item a full cache gives up: FIFO, LRU, LFU, SIEVE, counted
store        answers that are kept: so many, so long
flight       calls for the same key at the same time are one
expiry       what happens when a kept answer ends, or its model does: laws, and a simulation
precomputed  answers made in batches ahead, in one file that is replaced whole
"""

from scaletoolkit.serving.caching.expiry import simulate_expiry, stale_share, ttl_hit_ratio
from scaletoolkit.serving.caching.flight import SingleFlight, play
from scaletoolkit.serving.caching.keys import key
from scaletoolkit.serving.caching.policies import POLICIES, hit_ratio
from scaletoolkit.serving.caching.precomputed import Table, distinct, precompute
from scaletoolkit.serving.caching.store import Cache

__all__ = [
    "POLICIES",
    "Cache",
    "SingleFlight",
    "Table",
    "distinct",
    "hit_ratio",
    "key",
    "play",
    "precompute",
    "simulate_expiry",
    "stale_share",
    "ttl_hit_ratio",
]
