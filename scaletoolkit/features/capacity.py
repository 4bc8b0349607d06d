"""What features for many entities cost: bytes in four stores, shards, replicas, tails. Lab 10."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scaletoolkit.features.sharding import busiest_shard

PAGE = 4096  # bytes: of LMDB on most systems, and of SQLite by default
KEY = 8
VALKEY = 70  # bytes: 54 to 78 were measured, 0.02 to 0.2 million keys of 8 bytes, Valkey 9.1.2
BUSY = 0.7  # the share of its time that a machine may work and still answer quickly
EXACT_RANKS = 1_000_000


def _mapped(value: int) -> float:
    return float(KEY + value)


def _lmdb(value: int) -> float:
    """A page has 16 bytes of its own; a node 8, its key, its value, 2 that point at it; it is even.

    Where two do not fit into a page, the value gets pages of its own, and its node names them.
    """
    node = KEY + 8 + value
    node += node % 2
    if 2 * (node + 2) <= PAGE - 16:
        return PAGE / ((PAGE - 16) // (node + 2))
    return PAGE * math.ceil((16 + value) / PAGE) + PAGE / ((PAGE - 16) // (KEY + 8 + 8 + 2))


def _sqlite(value: int) -> float:
    """A table (id INTEGER PRIMARY KEY, row BLOB), ids of 57 bits or more, written in their order.

    A page has 8 bytes of its own; a cell its length, 9 bytes of id, 1 + 1 and the blob's type, the
    blob, 2 that point at it. What is longer than a page less 35 goes on in pages of its own.
    """
    payload = 2 + _varint(12 + 2 * value) + value
    local = payload
    spilled = 0
    if payload > PAGE - 35:
        least = (PAGE - 12) * 32 // 255 - 23
        local = least + (payload - least) % (PAGE - 4)
        local = local if local <= PAGE - 35 else least
        spilled = math.ceil((payload - local) / (PAGE - 4))
    cell = _varint(payload) + 9 + local + (4 if spilled else 0)
    return PAGE / ((PAGE - 8) // (cell + 2)) + spilled * PAGE


def _valkey(value: int) -> float:
    return float(value + VALKEY)


def _varint(number: int) -> int:
    return max(1, math.ceil(number.bit_length() / 7))


STORES: dict[str, tuple[Callable[[int], float], str]] = {
    "one file, mapped": (_mapped, "8 + value"),
    "LMDB": (_lmdb, "page ÷ ⌊(page - 16) ÷ (18 + value)⌋, or pages of its own"),
    "SQLite": (_sqlite, "page ÷ ⌊(page - 8) ÷ (cell + 2)⌋, and pages that it spills to"),
    "Valkey": (_valkey, "value + 70: its key and its own, as measured with Valkey 9.1.2"),
}


def bytes_per_entity(value_bytes: int, store: str = "one file, mapped") -> float:
    """Bytes that an entity takes: an id of 8 bytes, and a row of `value_bytes`; store: of STORES.

    For many entities, written in the order of their ids; what lies above the leaves is left out,
    under 1 %. Sources: the sources of LMDB (mdb.c) and SQLite's "Database File Format".
    """
    if store not in STORES:
        raise ValueError(f"store must be one of {', '.join(STORES)}; got {store!r}")
    if value_bytes < 1 or value_bytes != int(value_bytes):
        raise ValueError(f"a row has a whole number of bytes, at least one byte; got {value_bytes}")
    return STORES[store][0](int(value_bytes))


def fan_out_percentile(percent: float, calls: int) -> float:
    """The percentile that each of so many independent calls must meet, where all are needed.

    100 (percent / 100)^(1 / calls). Source: J. Dean and L. Barroso, The Tail at Scale, 2013.
    """
    if not 0 < percent < 100 or calls < 1:
        raise ValueError(
            f"percent must lie between 0 and 100 and calls be 1 or more, got {percent}, {calls}"
        )
    return float(100 * (percent / 100) ** (1 / calls))


def zipf_share(rank: int, items: int, exponent: float = 1.0) -> float:
    """The share of the requests that go to the rank-th of so many items by Zipf's law, rank from 1.

    The first million ranks are added up, and an integral stands for the others: off by less than
    one part in a million.
    """
    if not 1 <= rank <= items or exponent < 0:
        raise ValueError(
            f"rank must lie in 1 to {items:,} and exponent be 0 or more, got {rank} and {exponent}"
        )
    exact = min(items, EXACT_RANKS)
    total = float((np.arange(1, exact + 1, dtype=float) ** -exponent).sum())
    low = exact + 0.5
    ratio = math.log((items + 0.5) / low)
    power = 1 - exponent
    if power:  # expm1: beside 1 a difference of two powers has no digits left
        total += low**power * math.expm1(power * ratio) / power
    else:
        total += ratio
    return float(rank**-exponent / total)


@dataclass(frozen=True)
class Plan:
    """Machines for one store of features: enough memory, enough calls, one more of each shard."""

    shards: int
    replicas: int
    hottest: float

    def __repr__(self) -> str:
        machines = self.shards * self.replicas
        return f"Plan: {self.shards:,} shards × {self.replicas:,} replicas = {machines:,} machines"


def plan(
    size_bytes: float,
    calls_per_s: float,
    memory_bytes: float,
    machine_calls_per_s: float,
    hot: float,
) -> Plan:
    """How many machines hold so many bytes and answer so many calls a second, even with one down.

    memory_bytes, machine_calls_per_s: of one machine. hot: the share of the calls that go to the
    most wanted key that lies on one shard only. As many shards as the bytes need; then as many
    replicas of each as the busiest shard needs at 70 % of their time, and one more.
    """
    for name, value in {"memory": memory_bytes, "calls of a machine": machine_calls_per_s}.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a positive number, got {value}")
    for name, value in {"bytes": size_bytes, "calls": calls_per_s}.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be a number of 0 or more, got {value}")
    shards = max(1, math.ceil(size_bytes / memory_bytes))
    hottest = busiest_shard(hot, shards)
    busiest_per_s = calls_per_s / shards * hottest
    return Plan(shards, math.ceil(busiest_per_s / (BUSY * machine_calls_per_s)) + 1, hottest)
