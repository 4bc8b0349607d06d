"""A pool of processes that runs functions defined in cells, and never outlives its parent."""

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool

import psutil
import pytest
from tools import strict

from scaletoolkit.machine import ranks


@pytest.fixture(scope="module")
def pool():
    with ranks.Pool(2) as pool:
        yield pool


def test_results_come_in_the_order_of_the_items(pool):
    assert pool.map(lambda x: x * x, range(20)) == [x * x for x in range(20)]


def test_a_function_takes_what_it_refers_to_along(pool):
    shift = 100

    def shifted(x):
        return x + shift

    assert list(pool.stream(shifted, [1, 2])) == [101, 102]


def test_items_and_results_may_be_of_classes_of_a_cell(pool):
    cell = "class Order:\n    def __init__(self, size):\n        self.size = size"
    namespace = {"__name__": "__main__"}
    exec(cell, namespace)
    order = namespace["Order"]
    doubled = pool.map(lambda item: order(2 * item.size), [order(1), order(2)])
    assert [item.size for item in doubled] == [2, 4]
    assert all(isinstance(item, order) for item in doubled)


def test_an_item_that_cannot_travel_is_that_item_s_error(pool):
    results = pool.stream(lambda item: item, [1, threading.Lock(), 3])
    assert next(results) == 1
    with pytest.raises(TypeError, match="cannot pickle"):
        next(results)
    assert pool.map(abs, [-4]) == [4]


def test_the_work_is_done_by_other_processes(pool):
    process_ids = set(pool.map(lambda _: os.getpid(), range(20)))
    assert process_ids <= {worker.pid for worker in workers()}


def test_an_error_in_a_worker_arrives_as_itself(pool):
    with pytest.raises(ZeroDivisionError):
        pool.map(lambda x: 1 // x, [1, 0])
    assert pool.map(abs, [-1]) == [1]


def test_an_interrupted_cell_leaves_a_pool_that_works(pool):
    def interrupt():
        time.sleep(0.5)
        for worker in workers():
            worker.send_signal(signal.SIGINT)  # a terminal sends it to the whole group
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt).start()
    begun_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pool.map(time.sleep, [1.0] * 100)
    assert pool.map(abs, [-1, -2]) == [1, 2]
    assert time.monotonic() - begun_s < 20, "what the cell no longer waits for is still worked on"


@pytest.mark.parametrize("moment", range(5))
def test_interrupted_in_the_middle_of_large_answers_it_works_again(moment, pool):
    def large(_):
        return dict.fromkeys(range(100_000))

    interrupt = functools.partial(signal.pthread_kill, threading.get_ident(), signal.SIGINT)
    threading.Timer(0.05 + 0.07 * moment, interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        pool.map(large, range(10_000))
    assert pool.map(abs, [-1, -2]) == [1, 2]


def test_a_pool_whose_worker_died_works_again(pool):
    with pytest.raises(BrokenProcessPool):
        pool.map(lambda _: os.kill(os.getpid(), signal.SIGKILL), [0])
    assert pool.map(abs, [-1, -2]) == [1, 2]


def test_a_closed_pool_ends_its_work_and_begins_anew_when_used():
    pool = ranks.Pool(1)
    next(pool.stream(lambda seconds: time.sleep(seconds), [0, 60]))
    begun_s = time.monotonic()
    pool.close()
    assert time.monotonic() - begun_s < 30
    assert pool.map(abs, [-1]) == [1]
    pool.close()


def test_a_worker_in_code_that_lets_no_thread_run_is_ended_too():
    pool = ranks.Pool(1)
    pool.stream(lambda last: sum(range(last)), [10**12])
    time.sleep(1)  # so that it is at work
    begun_s = time.monotonic()
    pool.close()
    assert time.monotonic() - begun_s < 30
    assert pool.map(abs, [-1]) == [1]
    pool.close()


def test_a_pool_needs_a_worker():
    with pytest.raises(ValueError, match="at least 1 worker, got 0"):
        ranks.Pool(0)


def workers():
    """The running workers of all pools of this process."""
    children = psutil.Process().children(recursive=True)
    return {child for child in children if "spawn_main" in strict.command_line(child)}


def test_all_workers_start_with_the_pool_and_none_is_left_when_it_closes():
    before = workers()
    with ranks.Pool(3):
        started = workers() - before
        assert len(started) == 3
    assert psutil.wait_procs(started, timeout=10)[1] == []


def test_workers_end_when_their_parent_is_killed():
    code = (
        "import time\n"
        "from scaletoolkit.machine import ranks\n"
        "if __name__ == '__main__':\n"
        "    pool = ranks.Pool(2); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        workers = psutil.Process(parent.pid).children(recursive=True)
        assert len(workers) >= 2
        parent.kill()
    assert psutil.wait_procs(workers, timeout=10)[1] == []
