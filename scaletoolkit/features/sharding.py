"""Which machine holds whom, and how unequal that is. Lab 10."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.uint64]


def mix(numbers: ArrayLike) -> Words:
    """Each 64-bit number as another one, whose bits look drawn: the same on every machine.

    Python's own hash() of a text differs from process to process. Source: splitmix64, G. Steele and
    others, OOPSLA 2014.
    """
    with np.errstate(over="ignore"):  # what goes beyond 64 bits is let go
        x = np.asarray(numbers).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def shards(keys: ArrayLike, count: int) -> NDArray[np.int64]:
    """The shard of each key, 0 to count - 1: the one for which the key's lot is highest.

    When a shard is added, 1 key in count + 1 moves, and only to the new one. Source: D. Thaler and
    C. Ravishankar, rendezvous hashing, IEEE/ACM Transactions on Networking 6(1), 1998.
    """
    if count < 1:
        raise ValueError(f"there must be at least one shard, got {count}")
    keys = np.asarray(keys).astype(np.uint64)
    best = np.zeros(keys.shape, np.uint64)
    shard = np.zeros(keys.shape, np.int64)
    for number in range(count):
        lot = mix(keys ^ mix(number + 1))
        higher = lot > best
        shard[higher] = number
        best = np.maximum(best, lot)
    return shard


def busiest_shard(hottest: float, count: int) -> float:
    """How many times its equal share the busiest of so many shards carries: n p + 1 - p.

    hottest: the share p of the calls that go to the most wanted key. Its shard has it, and an equal
    part of all others. Which of the next hottest keys lie there is chance, so this is an estimate.
    """
    if count < 1 or not 0 <= hottest <= 1:
        raise ValueError(f"expected a share and a count of shards, got {hottest} and {count}")
    return count * hottest + 1 - hottest
