"""A pool of processes that runs functions defined in cells, and never outlives its parent."""

import subprocess
import sys

import psutil
import pytest

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


def test_the_work_is_done_by_other_processes(pool):
    def process_id(_):
        import os

        return os.getpid()

    workers = set(pool.map(process_id, range(20)))
    assert psutil.Process().pid not in workers
    assert workers <= {child.pid for child in psutil.Process().children(recursive=True)}


def test_an_error_in_a_worker_arrives_as_itself(pool):
    with pytest.raises(ZeroDivisionError):
        pool.map(lambda x: 1 // x, [1, 0])
    assert pool.map(abs, [-1]) == [1]


def test_a_pool_needs_a_worker():
    with pytest.raises(ValueError, match="at least 1 worker, got 0"):
        ranks.Pool(0)


def test_no_worker_is_left_when_the_pool_closes():
    with ranks.Pool(1) as pool:
        before = psutil.Process().children(recursive=True)
        pool.map(abs, [1])
    assert [
        child for child in before if child.is_running() and "spawn_main" in child.cmdline()
    ] == []


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
