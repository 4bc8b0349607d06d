"""The gateway's cache and single flight beside libraries, and beside a Valkey server. Lab 08.

100,000 requests by Zipf's law over 20,000 keys of 16 bytes, values of 40 bytes, room for 2,000.
Every cache is asked, and given the value where it has none; then asked for what it holds. The
fastest of five turns counts. Valkey is asked through a unix socket. Its memory is limited so that
it holds about as many; how many it held in the end is in its row.
"""

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path

import async_lru
import cachebox
import cachetools
import numpy as np
import theine
from peers import valkey_server

from scaletoolkit import laws
from scaletoolkit.machine import measure
from scaletoolkit.serving import caching

REQUESTS = 100_000
ROOM = 2000
VALUE = b"v" * 40
REPEATS = 5
CALLERS = 20_000
TRIED = 20_000  # requests, to learn how many keys a memory holds
HALVES = 10


def tables():
    """What a request costs and how often it hits; what a shared call costs: [(title, rows)]."""
    return [
        ("A cache of 2,000 among 20,000 keys by Zipf's law", _caches()),
        ("Twenty thousand callers of a hundred keys, at once", asyncio.run(_flights())),
    ]


def _requests():
    order = np.random.default_rng(0).choice(20_000, REQUESTS, p=laws.zipf(20_000))
    keys = [caching.key([number], "bench") for number in range(20_000)]
    return [keys[number] for number in order]


class Theine:
    """Theine's cache, asked as a dict is."""

    def __init__(self):
        self.cache = theine.Cache(ROOM)

    def get(self, key):
        """The value, or None."""
        found = self.cache.get(key)
        return found[0] if isinstance(found, tuple) else found

    def __setitem__(self, key, value):
        self.cache.set(key, value)


class Ours(caching.Cache):
    """This library's cache, given as a dict is."""

    __setitem__ = caching.Cache.put


KINDS = {
    "dict without end": dict,
    "scaletoolkit, LRU": lambda: Ours(ROOM),
    "scaletoolkit, LRU with ttl and jitter": lambda: Ours(ROOM, ttl_s=600),
    "cachetools, LRU": lambda: cachetools.LRUCache(ROOM),
    "cachetools, LFU": lambda: cachetools.LFUCache(ROOM),
    "cachetools, TTL": lambda: cachetools.TTLCache(ROOM, 600),
    "cachebox, LRU": lambda: cachebox.LRUCache(ROOM),
    "cachebox, TTL": lambda: cachebox.TTLCache(ROOM, 600),
    "theine, W-TinyLFU": Theine,
}


def _replay(cache, requests):
    """How many of the requests hit."""
    hits = 0
    for key in requests:
        if cache.get(key) is None:
            cache[key] = VALUE
        else:
            hits += 1
    return hits


def _caches():
    requests = _requests()
    keys = list(dict.fromkeys(requests))[:ROOM]
    hits = {name: _replay(make(), requests) for name, make in KINDS.items()}
    turns = {name: lambda make=make: _replay(make(), requests) for name, make in KINDS.items()}
    took = measure.timings(turns, REPEATS, "caches")
    full = {name: _full(make(), keys) for name, make in KINDS.items()}
    hit = measure.fastest(lambda name: _ask(*full[name]), KINDS, REPEATS)
    rows = [
        _row(name, min(took[name]), hit[name] / len(full[name][1]), hits[name]) for name in KINDS
    ]
    return rows + _shared(requests, keys)


def _full(cache, keys):
    """The cache after it was given the keys, and those that it holds: it need not take all."""
    for key in keys:
        cache[key] = VALUE
    return cache, [key for key in keys if cache.get(key) is not None]


def _ask(cache, keys):
    for key in keys:
        cache.get(key)


def _row(name, replay_s, hit_s, hits):
    row = {"cache": name, "µs a request": 1e6 * replay_s / REQUESTS, "µs a hit": 1e6 * hit_s}
    return row | {"hit ratio": hits / REQUESTS}


def _shared(requests, keys):
    """Rows of a Valkey server: one key a journey, with room for as many; a hundred a journey."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
        client, child = valkey_server.start(*valkey_server.at_socket(Path(folder) / "socket"))
        opened.callback(child.end)
        opened.callback(client.close)
        client.mset(dict.fromkeys(keys, VALUE))
        groups = [keys[start : start + 100] for start in range(0, len(keys), 100)]
        ways = {
            "one": lambda: _ask(client, keys),
            "hundred": lambda: [client.mget(group) for group in groups],
        }
        hit = {name: min(of) / len(keys) for name, of in measure.timings(ways, REPEATS).items()}
        hits, replay_s = _bounded(client, requests)
        name = f"Valkey, GET and SET, allkeys-lru, {client.dbsize():,} keys"
    hundred = {"cache": "Valkey, MGET of a hundred", "µs a request": "-"}
    hundred |= {"µs a hit": 1e6 * hit["hundred"], "hit ratio": "-"}
    return [_row(name, replay_s, hit["one"], hits), hundred]


def _bounded(client, requests):
    """(hits, seconds) of a replay with memory for about as many keys as the others hold.

    How many keys a memory holds is tried on the first requests, in halves of what is possible.
    """
    least = client.info("memory")["used_memory"]  # which is more when clients are at work
    most = 4 * least
    client.config_set("maxmemory-policy", "allkeys-lru")
    for _ in range(HALVES):
        middle = (least + most) // 2
        _limit(client, middle)
        _replay(client, requests[:TRIED])
        if client.dbsize() < ROOM:
            least = middle
        else:
            most = middle
    _limit(client, most)
    return measure.timed(_replay, client, requests)


def _limit(client, size_bytes):
    """Forget all keys, and keep to that memory from now on."""
    client.flushall()
    client.config_set("maxmemory", size_bytes)


async def _flights():
    rows = []
    for name, make in {"scaletoolkit": _ours, "async-lru": _async_lru}.items():
        seconds = []
        for _ in range(REPEATS):
            calls = []
            ask = make(calls)
            start_s = time.perf_counter()
            await asyncio.gather(*(ask(number % 100) for number in range(CALLERS)))
            seconds.append(time.perf_counter() - start_s)
        row = {"single flight": name, "µs a caller": 1e6 * min(seconds) / CALLERS}
        rows.append(row | {"model calls": len(calls)})
    return rows


def _ours(calls):
    flight = caching.SingleFlight()
    return lambda number: flight.join(number, lambda: _model(number, calls))


def _async_lru(calls):
    @async_lru.alru_cache(maxsize=1000)
    async def ask(number):
        return await _model(number, calls)

    return ask


async def _model(number, calls):
    calls.append(number)
    await asyncio.sleep(0.01)
    return number


if __name__ == "__main__":
    from scaletoolkit import lab

    for title, rows in tables():
        print(title, lab.table(rows), sep="\n")
