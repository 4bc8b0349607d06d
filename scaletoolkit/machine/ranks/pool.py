"""A pool of worker processes for functions that stand in a notebook's cells. Labs 00 and 01."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Self, TypeVar

import cloudpickle

from scaletoolkit.machine import processes

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pool:
    """Worker processes, as a context manager.

    They end with this process, however it ends, and go on when a cell is interrupted.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least 1 worker, got {workers}")
        self._executor = ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), initializer=_begin
        )
        # as many waits as workers start all of them now; left alone, each starts with work for it
        list(self._executor.map(time.sleep, [0.05] * workers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; work that has not begun is dropped."""
        self._executor.shutdown(cancel_futures=True)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """function(item) for every item, in order, each on the next free worker: a list."""
        return list(self.stream(function, items))

    def stream(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The same as `map`, one result at a time as they come due."""
        pickled = cloudpickle.dumps(function)
        return _results([self._executor.submit(_call, pickled, item) for item in items])


def _results(futures: list[Future[Result]]) -> Iterator[Result]:
    """The results in order; who stops asking, as an interrupt does, drops the work not begun."""
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _call(pickled: bytes, item: object) -> Any:
    return cloudpickle.loads(pickled)(item)


def _begin() -> None:
    """What a worker does first: an interrupted cell's Ctrl-C reaches the whole process group."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    processes.end_with(parent.sentinel)
