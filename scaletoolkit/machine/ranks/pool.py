"""A pool of worker processes for functions that stand in a notebook's cells. Labs 00 and 01."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Self, TypeVar

import cloudpickle

from scaletoolkit.machine import interrupts, processes, turns

Item = TypeVar("Item")
Result = TypeVar("Result")
LOOK_EVERY_S = 0.1
GRACE_S = 8


class Pool:
    """Worker processes, as a context manager.

    They end with this process, however it ends. After an interrupt, or when one of them has died,
    the next use starts new ones.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least 1 worker, got {workers}")
        self._workers = workers
        self._executor: ProcessPoolExecutor | None = None
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @interrupts.held_back()
    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        lives, self._alive = context.Pipe(duplex=False)
        with interrupts.kept_from_children():
            executor = ProcessPoolExecutor(self._workers, context, _begin, (lives,))
            # as many waits as workers start all of them now; left alone, each starts with work
            list(executor.map(time.sleep, [0.05] * self._workers))
        self._executor = executor
        interrupts.note(self.close)
        return executor

    @interrupts.held_back()
    def close(self) -> None:
        """End the workers, whatever they do."""
        interrupts.forget(self.close)
        self._alive.close()
        if self._executor:
            _shut_down(self._executor)
        self._executor = None

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """function(item) for every item, in order, each on the next free worker: a list."""
        return list(self.stream(function, items))

    def stream(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The same as `map`, one result at a time as they come due.

        Items and results travel by value, as the function does: their classes may be a cell's.
        """
        pickled = cloudpickle.dumps(function)
        futures = []
        with self._closed_by_failure(), interrupts.held_back() as check:
            executor = self._executor or self._start()
            for item in items:
                futures.append(_submitted(executor, pickled, item))
                check()
        return self._results(futures)

    def _results(self, futures: list[Future[bytes]]) -> Iterator[Any]:
        """The results in order; who stops asking drops the work not begun."""
        with self._closed_by_failure():
            try:
                for future in futures:
                    yield _result(future)
            finally:
                with interrupts.held_back():
                    for future in futures:
                        future.cancel()

    @contextmanager
    def _closed_by_failure(self) -> Iterator[None]:
        """End the workers when they are interrupted, for they would work on; or when one died."""
        try:
            yield
        except (KeyboardInterrupt, BrokenProcessPool):
            self.close()
            raise


def _shut_down(executor: ProcessPoolExecutor) -> None:
    """Wait until the workers have ended; kill those in C code that lets no thread end them."""
    workers = list(executor._processes.values())
    killer = threading.Timer(GRACE_S, _kill, (workers, executor._result_queue))
    killer.start()
    try:
        executor.shutdown(cancel_futures=True)
    finally:
        killer.cancel()


def _kill(workers: Iterable[BaseProcess], results: Any) -> None:
    for worker in workers:
        worker.kill()
    results._writer.close()  # so that half an answer has an end for who reads it


def _submitted(executor: ProcessPoolExecutor, function: bytes, item: object) -> Future[bytes]:
    """The future of a pickled result; for an item that cannot travel, of what pickling it raises.

    The executor would pickle it too late, and a worker that cannot read it would end.
    """
    try:
        pickled = cloudpickle.dumps(item)
    except Exception as error:
        future: Future[bytes] = Future()
        future.set_exception(error)
        return future
    return executor.submit(_call, function, pickled)


def _result(future: Future[bytes]) -> Any:
    """The result of a future, and an interrupt only between two looks at it.

    One that comes while a future or a queue takes its lock would leave it taken, and the executor
    would wait for it for ever.
    """
    with interrupts.held_back() as check:
        while not future.done():
            wait([future], LOOK_EVERY_S)
            check()
        return cloudpickle.loads(future.result())


_outside = threading.Lock()  # a worker holds it while it is not at work, but hears or answers


def _call(function: bytes, item: bytes) -> bytes:
    _outside.release()
    try:
        result: bytes = cloudpickle.dumps(cloudpickle.loads(function)(cloudpickle.loads(item)))
        return result
    finally:
        _outside.acquire()


def _begin(lives: Connection) -> None:
    """What a worker does first."""
    os.environ.pop(turns.VARIABLE, None)  # its parent waits for it, perhaps in its turn
    parent = multiprocessing.parent_process()
    assert parent is not None
    processes.end_with(parent.sentinel)
    _outside.acquire()
    threading.Thread(target=_end_at_work, args=(lives,), daemon=True).start()


def _end_at_work(lives: Connection) -> None:
    """End a worker whose pool is closed, but not in the middle of an answer: who hears would hang.

    A worker that is not at work is told by the executor.
    """
    with suppress(EOFError):
        lives.recv()
    with _outside:
        os._exit(1)
