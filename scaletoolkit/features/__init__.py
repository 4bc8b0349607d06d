"""Feature scale: what a model was told in training, and is told again in a millisecond. Lab 10.

joins     what was known about whom, and when: point-in-time joins, training sets
store     rows of features in one file: written in bounded memory, published whole, looked up
packing   features in one byte each, with a scale a feature
sharding  which machine holds whom, and how unequal that is
capacity  what a million entities cost: bytes in four stores, shards, replicas, the tail
skew      the same rows in training and in serving, compared
"""

from scaletoolkit.features.capacity import (
    STORES,
    Plan,
    bytes_per_entity,
    fan_out_percentile,
    plan,
    zipf_share,
)
from scaletoolkit.features.joins import as_of, standing, totals_before, training_set
from scaletoolkit.features.packing import pack, scales, unpack
from scaletoolkit.features.sharding import busiest_shard, mix, shards
from scaletoolkit.features.skew import drift, skew
from scaletoolkit.features.store import Store, materialise, publish

__all__ = [
    "STORES",
    "Plan",
    "Store",
    "as_of",
    "busiest_shard",
    "bytes_per_entity",
    "drift",
    "fan_out_percentile",
    "materialise",
    "mix",
    "pack",
    "plan",
    "publish",
    "scales",
    "shards",
    "skew",
    "standing",
    "totals_before",
    "training_set",
    "unpack",
    "zipf_share",
]
