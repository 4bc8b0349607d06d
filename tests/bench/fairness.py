"""What it costs a request to be queued fairly, beside queues that are not fair. Lab 11.

100,000 requests of so many tenants enter and are taken, 1,000 waiting at any time; the fastest of
five turns counts.
"""

import asyncio
import itertools
import time
from collections import deque
from heapq import heappop, heappush

from scaletoolkit.teams import FairQueue

REQUESTS = 100_000
WAITING = 1000
REPEATS = 5


def tables():
    """Microseconds a request, entering and being taken: [(title, rows)]."""
    return [("A request enters a queue of 1,000 and is taken, µs", _rows())]


def _rows():
    rows = []
    for tenants in (3, 30, 300):
        names = [f"team {number}" for number in range(tenants)]
        weights = {name: 1 + number % 3 for number, name in enumerate(names)}
        queues = {
            "FairQueue": lambda weights=weights: _fair(FairQueue(weights)),
            "heap of tags, nothing may leave": lambda weights=weights: _heap(weights),
            "deque, first come": lambda weights=weights: _deque(),
            "asyncio.PriorityQueue, first come": lambda weights=weights: _asyncio(),
        }
        for name, make in queues.items():
            best_s = min(_seconds(*make(), names) for _ in range(REPEATS))
            rows.append({"tenants": tenants, "queue": name, "µs": best_s / REQUESTS * 1e6})
    return rows


def _fair(queue):
    return queue.enter, queue.take


def _deque():
    queue = deque()
    return lambda tenant, item: queue.append((tenant, item)), queue.popleft


def _asyncio():
    queue = asyncio.PriorityQueue()
    count = itertools.count()
    return lambda tenant, item: queue.put_nowait((next(count), tenant, item)), queue.get_nowait


def _heap(weights):
    """Start-time fair queueing in ten lines: no bounds, and no way out but being taken."""
    heap = []
    ends = {}
    now = [0.0]
    count = itertools.count()

    def enter(tenant, item):
        start = max(now[0], ends.get(tenant, 0.0))
        ends[tenant] = start + 1 / weights[tenant]
        heappush(heap, (start, next(count), tenant, item))

    def take():
        now[0], _, tenant, item = heappop(heap)
        return tenant, item

    return enter, take


def _seconds(enter, take, names):
    requests = [(names[number % len(names)], number) for number in range(REQUESTS)]
    for tenant, number in requests[:WAITING]:
        enter(tenant, number)
    start_s = time.perf_counter()
    for tenant, number in requests[WAITING:]:
        enter(tenant, number)
        take()
    return (time.perf_counter() - start_s) * REQUESTS / (REQUESTS - WAITING)
