"""In a real kernel: what a cell has started ends with its interrupt, and before it runs again."""

import signal
import subprocess
import threading
import time

import pytest
from tools.kernels import Kernel

from scaletoolkit.machine import interrupts

START = """
from scaletoolkit.machine import processes
{name} = processes.Child(["-c", "import sys; sys.stdin.read(); {name} = 0"])
"""
POOL = """
import time
from scaletoolkit.machine import ranks
pools = [ranks.Pool(1) for _ in range(20)]
"""
ENDLESS = """
def endless(item):
    while item:
        pass
    return "done"

print(pool.map(endless, {items}))
"""


@pytest.fixture(scope="module")
def only_kernel(tmp_path_factory):
    """One for all tests: what an interrupt breaks in it, the next test meets."""
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    assert not kernel.run("from scaletoolkit.machine import processes").error
    yield kernel
    assert kernel.close() == []


@pytest.fixture
def kernel(only_kernel):
    yield only_kernel
    assert not only_kernel.run("processes.clean_up()").error


def running(kernel, name):
    """Whether the child of that name runs, once it has had time to end."""
    end_s = time.monotonic() + 2
    while there := any(f"{name} = 0" in command for command in kernel.running(patience_s=0)):
        if time.monotonic() > end_s:
            break
        time.sleep(0.1)
    return there


def test_an_interrupted_cell_leaves_nothing_that_it_started(kernel):
    assert not kernel.run(START.format(name="before")).error
    ran = kernel.run(START.format(name="child") + "import time\ntime.sleep(60)", interrupt_s=1)
    assert ran.error == "KeyboardInterrupt"
    assert ran.complaints == [
        "Interrupted at: time.sleep(60)",
        "The cell can be run again.",
    ]
    assert not running(kernel, "child")
    assert running(kernel, "before")
    assert kernel.run("processes.clean_up()").error == ""
    assert not running(kernel, "before")


def test_an_interrupt_between_two_lines_is_a_sentence_too(kernel):
    cell = (
        "def nowhere():\n    raise KeyboardInterrupt\n\n\n"
        "nowhere.__code__ = nowhere.__code__.replace(co_linetable=b'')\nnowhere()"
    )
    assert kernel.run(cell).complaints == [
        "Interrupted at: nowhere()",
        "The cell can be run again.",
    ]


def test_a_cell_that_runs_again_ends_what_it_had_started(kernel):
    cell = START.format(name="child") + "print(child.pid)"
    pids = [kernel.run(cell).printed for _ in range(2)]
    assert pids[0] != pids[1]
    assert len(kernel.running(patience_s=1)) == 1
    assert not kernel.run("assert child.status is None").error


def test_workers_that_start_or_work_say_nothing_about_an_interrupt(kernel):
    for moment_s in (0.3, 0.7):
        ran = kernel.run(POOL, moment_s)
        assert ran.error == "KeyboardInterrupt"
        assert len(ran.complaints) == 2
    assert kernel.running() == []
    assert not kernel.run("from scaletoolkit.machine import ranks\npool = ranks.Pool(2)").error
    ran = kernel.run(ENDLESS.format(items="[1] * 9"), 1)
    assert len(ran.complaints) == 2
    assert kernel.run(ENDLESS.format(items="[0]")).printed == "['done']\n"


def test_an_interrupt_waits_until_an_import_is_whole(kernel, tmp_path):
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(1.5)\nwhole = True")
    assert not kernel.run(f"import sys\nsys.path.append({str(tmp_path)!r})").error
    assert kernel.run("import slow", 0.5).error == "KeyboardInterrupt"
    ran = kernel.run("import sys\nprint(sys.modules['slow'].whole)\nfrom slow import whole, part")
    assert ran.printed == "True\n"
    assert ran.error == "ImportError"
    assert not any("interrupts.py" in line for line in ran.complaints)


def test_what_is_kept_from_children_does_not_end_them():
    with interrupts.kept_from_children():
        child = subprocess.Popen(["sleep", "60"])
    with child, subprocess.Popen(["sleep", "60"]) as other:
        for process in (child, other):
            process.send_signal(signal.SIGINT)
        assert other.wait(10) == -signal.SIGINT
        assert child.poll() is None
        child.kill()


def test_an_interrupt_that_is_held_back_comes_once_after_the_outer_block():
    done = []

    @interrupts.held_back()
    def work():
        with interrupts.held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with interrupts.held_back() as check:
        check()


def test_an_interrupt_is_not_lost_to_an_error():
    @interrupts.held_back()
    def work():
        signal.raise_signal(signal.SIGINT)
        raise ValueError

    with pytest.raises(KeyboardInterrupt):
        work()


def test_a_thread_holds_nothing_back():
    def block():
        with interrupts.held_back() as check:
            check()

    thread = threading.Thread(target=block)
    before = signal.getsignal(signal.SIGINT)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
