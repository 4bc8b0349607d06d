"""What several test modules share."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no bug; and what CI tries must not change from run to run.
settings.register_profile(
    "scaletoolkit",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("scaletoolkit")

# What `make check` leaves out, beside the labs and the browser: what takes long, above all ranks
# and kills under load. The beginnings of names below tests/.
SLOW = (
    "classes/test_class.py",
    "classes/test_grade.py",
    "cluster/test_ray.py",
    "cluster/test_slurm.py",
    "commands/test_main.py::test_interrupting",
    "commands/test_run.py",
    "commands/test_start.py::test_it_opens",
    "copies/test_edition.py::test_run_all",
    "copies/test_merge.py",
    "machine/ranks/",
    "machine/test_interrupts.py",
    "service/test_autoscaler.py::test_the_size_follows",
    "service/test_cache.py::test_kills",
    "service/test_faults.py",
    "service/test_interrupted.py",
    "service/test_kernel_kills.py",
    "service/test_listeners.py",
    "service/test_soak.py",
    "test_guards.py::test_strict_nbval",
    "test_site.py::",
    "test_guards.py::test_what_outlives",
    "test_wheel.py::test_it_runs_a_notebook",
    "test_wheel.py::test_the_doctor",
    "training/test_checkpoint.py",
    "training/test_gradients.py",
    "training/test_model_parallel.py",
    "training/test_models.py::test_every_number_of_ranks",
    "training/test_script.py",
)

# A shell starts its background jobs deaf to interrupts, and their children inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    for item in items:
        name = f"{item.path.relative_to(Path(__file__).parent).as_posix()}::{item.name}"
        kinds = {mark.name for mark in item.iter_markers()}
        if name.startswith(SLOW) or kinds & {"labs", "browser"}:
            item.add_marker("slow")


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A small course of its own, with `my/` beside it."""
    from tools.course import Course

    return Course(tmp_path, monkeypatch)


@pytest.fixture(scope="session", autouse=True)
def records_elsewhere(tmp_path_factory):
    """Labs that tests run neither read nor write the records of whoever runs the tests."""
    os.environ["SCALETOOLKIT_RECORDS"] = str(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="session")
def digits_model(tmp_path_factory):
    """The folder of a small trained model, exported once."""
    from scaletoolkit.training import export

    return export.digits(tmp_path_factory.mktemp("digits"), hidden=32, epochs=3)


@pytest.fixture(scope="session")
def wait_until_gone():
    """A function that waits until processes have ended; whether they were reaped is another's."""

    def alive(process):
        try:
            return process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def wait(processes):
        end_s = time.monotonic() + 60
        while left := list(filter(alive, processes)):
            assert time.monotonic() < end_s, f"still there: {left}"
            time.sleep(0.05)

    return wait
