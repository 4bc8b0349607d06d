"""A pool of worker processes for functions that stand in a notebook's cells. Labs 00 and 01."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor

import cloudpickle


class Pool:
    """A pool of worker processes that runs functions defined in a notebook's cells.

    Use it as a context manager. Workers end with this process, however it ends: each waits in a
    thread for its parent.
    """

    def __init__(self, world_size):
        if world_size < 1:
            raise ValueError(f"a pool needs at least 1 worker, got {world_size}")
        self._executor = ProcessPoolExecutor(
            world_size, multiprocessing.get_context("spawn"), initializer=_end_with_parent
        )
        list(self._executor.map(_nap, range(world_size)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the workers; work that has not begun is dropped."""
        self._executor.shutdown(cancel_futures=True)

    def map(self, function, items):
        """function(item) for every item, in order, each on the next free worker: a list."""
        return list(self.stream(function, items))

    def stream(self, function, items):
        """The same as `map`, one result at a time as they come due."""
        packed = cloudpickle.dumps(function)
        futures = [self._executor.submit(_call, packed, item) for item in items]
        return (future.result() for future in futures)


def _call(packed, item):
    return cloudpickle.loads(packed)(item)


def _nap(_):
    threading.Event().wait(0.05)


def _end_with_parent():
    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
