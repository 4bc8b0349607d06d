"""What an answer cannot do: each tried by an answer itself."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from scaletoolkit.classes import readable, walls
from scaletoolkit.classes.remote import KEPT, THREADS, Bounds, Ended, Remote
from scaletoolkit.lab.exercises.answers import TooLong, time_limit

pytestmark = pytest.mark.skipif(walls.landlock() < 1, reason="no Landlock or seccomp here")
ELSEWHERE = str(Path(os.__file__).with_name("x.py"))
NOT_ALLOWED = "(?i)not permitted|denied|not allowed|cross-device"
PARENT = "os.getppid()"
REFUSED = {
    "read a file": "open('/etc/passwd')",
    "read the exercises": f"open({str(readable.ANSWERS / 'start_here.py')!r})",
    "read the tests' answers": f"open({__file__!r})",
    "read its parent's memory": f"open(f'/proc/{{{PARENT}}}/mem', 'rb')",
    "read its parent's environment": f"open(f'/proc/{{{PARENT}}}/environ', 'rb')",
    "list a folder": "os.listdir('/')",
    "write a file": "open('/tmp/x', 'w')",
    "write where Python lies": f"open({ELSEWHERE!r}, 'w')",
    "make a folder": "os.mkdir('/tmp/scaletoolkit-x')",
    "remove a file": f"os.unlink({__file__!r})",
    "rename a file": f"os.rename({__file__!r}, {__file__ + 'x'!r})",
    "link a file": f"os.symlink({__file__!r}, '/tmp/scaletoolkit-link')",
    "change a file's rights": f"os.chmod({__file__!r}, 0)",
    "change a file's owner": f"os.chown({__file__!r}, 1, 1)",
    "change a file's times": f"os.utime({__file__!r})",
    "change its root": "os.chroot('/tmp')",
    "fork": "os.fork()",
    "start a program": "os.execv('/bin/true', ['true'])",
    "spawn a program": "os.posix_spawn('/bin/true', ['true'], {})",
    "run a shell": "subprocess.run('true', shell=True)",
    "open a TCP socket": "socket.socket()",
    "open a UDP socket": "socket.socket(type=socket.SOCK_DGRAM)",
    "open a Unix socket": "socket.socket(socket.AF_UNIX)",
    "open a raw socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "send to an address": "socket.socketpair(type=socket.SOCK_DGRAM)[0].sendto(b'x', '/dev/log')",
    "connect a pair elsewhere": "socket.socketpair(type=socket.SOCK_DGRAM)[0].connect('/dev/log')",
    "kill its parent": f"os.kill({PARENT}, 9)",
    "kill all": "os.kill(-1, 9)",
    "kill its group": "os.killpg(0, 9)",
    "have signals sent": f"fcntl.fcntl(0, fcntl.F_SETOWN, {PARENT})",
    "limit its parent": f"resource.prlimit({PARENT}, resource.RLIMIT_CPU, (1, 1))",
    "lift its own limits": "resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 40))",
    "slow its parent down": f"os.setpriority(os.PRIO_PROCESS, {PARENT}, 19)",
    "leave its session": "os.setsid()",
    "name the machine": "socket.sethostname('x')",
    "set the clock": "time.clock_settime(time.CLOCK_REALTIME, 0)",
    "trace its parent": f"call(101, 16, {PARENT}, 0, 0)",
    "keep shared memory": "call(29, 1234, 4096, 0o1666)",
    "keep a message queue": "call(68, 1234, 0o1666)",
    "make a name space": "call(272, 0x10000000)",
    "read through io_uring": "call(425, 8, ctypes.create_string_buffer(120))",
    "take shared memory": "mmap.mmap(-1, 1 << 29)",
    "take memory as a stack": "mmap.mmap(-1, 1 << 29, flags=0x100 | mmap.MAP_PRIVATE | 0x20)",
    "make a file in memory": "os.memfd_create('x')",
    "put a program into the kernel": "call(321, 0, 0, 0)",
    "take its walls down": "call(157, 22, 0, 0)",
}
SOURCE = """
import ctypes, fcntl, mmap, os, resource, socket, subprocess, time
libc = ctypes.CDLL(None, use_errno=True)

def call(*numbers):
    if libc.syscall(*numbers) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def attack(source):
    return str(eval(source))
"""


@pytest.fixture(scope="module")
def inside():
    """A function that evaluates an expression behind the walls."""
    with Remote([SOURCE], "attack", Bounds(20, 40)) as remote:
        assert remote.closed == [*walls.ALL]
        assert remote.problem == ""
        yield remote


@pytest.mark.parametrize("what", REFUSED)
def test_it_cannot(what, inside):
    if "call(" in REFUSED[what] and os.uname().machine != "x86_64":
        pytest.skip("the numbers of these calls are those of x86_64")
    with pytest.raises((OSError, ValueError), match=NOT_ALLOWED):
        inside(REFUSED[what])


def test_it_can_compute(inside):
    assert inside("sum(range(10))") == "45"
    assert inside("__import__('asyncio').run(__import__('asyncio').sleep(0, 7))") == "7"
    threads = (
        "__import__('concurrent.futures').futures.ThreadPoolExecutor().submit(sum, [1]).result()"
    )
    assert inside(threads) == "1"
    assert inside("__import__('numpy').ones(3).sum()") == "3.0"
    assert inside("len(mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | 0x20))") == "1048576"


def test_what_stays_open_is_told(inside):
    told = Path(__file__).stat()
    assert inside(f"os.stat({__file__!r}).st_size") == str(told.st_size)
    assert inside(f"os.stat({__file__!r}).st_mtime_ns") == str(told.st_mtime_ns)
    assert inside("os.uname().nodename") == os.uname().nodename
    root = Path(__file__).parents[2]
    for text in ("SECURITY.md", "docs/grading.md"):
        assert walls.STAYS_OPEN in (root / text).read_text("utf-8")


EMPTIES = """
import ctypes, os, sys
from scaletoolkit.classes import walls
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(walls.NO_NEW_PRIVILEGES, 1, 0, 0, 0)
walls._close_calls(libc)
path = os.fsencode(sys.argv[1])
calls = [("open", path, 0o1000)] if os.uname().machine == "x86_64" else []
for name, *call in [*calls, ("openat", -100, path, 0o1000), ("openat", -100, path, 0o1002)]:
    number = getattr(walls.syscalls, name.upper())[walls.ARCHITECTURES[os.uname().machine][0]]
    assert libc.syscall(number, *call) < 0, name
print(os.read(os.open(path, os.O_RDONLY), 9).decode())
"""


def test_where_landlock_cannot_keep_a_file_from_being_emptied_no_open_does(tmp_path):
    """Before its third version it cannot; here it is left out."""
    path = tmp_path / "grades.csv"
    path.write_text("kept")
    command = [sys.executable, "-c", EMPTIES, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stdout == "kept\n", run.stderr


OPEN = """
import os

def is_open(descriptor):
    try:
        return bool(os.fstat(descriptor))
    except OSError:
        return False

def has():
    return [*os.environ], [*filter(is_open, range(64))]
"""


def test_it_inherits_neither_environment_nor_files(monkeypatch):
    monkeypatch.setenv("TOKEN", "secret")
    with Remote([OPEN], "has") as remote:
        names, descriptors = remote()
    assert {*names} <= {*THREADS, *KEPT, "LC_CTYPE"}
    assert descriptors == [0, 1, 2, 3, 4]  # nothing, and the pipes of questions and answers


def test_without_a_wall_no_answer_runs_unless_trusted(monkeypatch):
    monkeypatch.setattr(readable, "folders", lambda: {"/": True})
    source = "def f():\n    return open('/etc/hostname').read() and 1"
    with Remote([source], "f") as remote:
        assert remote.closed == [name for name in walls.ALL if name != "files"]
        assert remote.problem
    with Remote([source], "f", Bounds(trust=True)) as remote:
        assert remote.problem == ""


def test_an_answer_that_sleeps_or_loops_is_ended():
    for line in ("time.sleep(1000)", "all(iter(int, 1)) or [0 for _ in iter(int, 1)]"):
        with Remote([f"import time\ndef f():\n    {line}"], "f", Bounds(0.5, 1)) as remote:
            with pytest.raises(TooLong):
                remote()
            assert remote.too_long


ANSWERS_THAT_GO_ON = {
    "asks again and again": "    while True:\n        x(1)",
    "drips": "    while not time.sleep(0.05):\n        os.write(4, b'x')",
    "asks and never reads": "    while True:\n        os.write(4, LINE)",
}
LINE = """
import json, os, time
LINE = json.dumps({"asks": 0, "with": json.dumps({"tuple": [1]})}).encode() + b"\\n"
"""


@pytest.mark.parametrize("how", ANSWERS_THAT_GO_ON)
def test_an_answer_that_goes_on_is_ended_although_it_is_never_silent(how):
    source = f"def f(x):\n{ANSWERS_THAT_GO_ON[how]}"
    with Remote([LINE, source], "f", Bounds(0.3, 0.6)) as remote, time_limit(10):
        with pytest.raises(TooLong):
            remote(abs)
        assert remote.too_long


def test_an_interrupt_while_a_box_starts_leaves_no_process():
    before = psutil.Process().children()
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        Remote(["import time", "time.sleep(100)"], "f", Bounds(50, 100))
    assert psutil.Process().children() == before


PROGRAM = """
from scaletoolkit.classes.remote import Remote
remote = Remote(["import time", "def f(): time.sleep(1000)"], "f")
print(remote._process.pid, flush=True)
remote()
"""


def test_a_box_ends_with_the_process_that_made_it():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE) as run:
        box = psutil.Process(int(run.stdout.readline()))
        run.send_signal(signal.SIGKILL)
    assert psutil.wait_procs([box], timeout=10)[1] == []


def test_what_a_box_sends_is_bounded_and_never_trusted():
    floods = "import os\ndef f():\n    while True:\n        os.write(4, b'x' * 100000)"
    with Remote([floods], "f", Bounds(5, 10)) as remote, pytest.raises(Exception, match="ended"):
        remote()
    lies = """
import os
def f():
    os.write(4, b'[1]\\n{"value": "{}"}\\n{"value": ')
"""
    with Remote([lies], "f", Bounds(5, 10)) as remote:
        with pytest.raises(Exception, match=r"^$"):
            remote()
        assert repr(remote()) == "a value that is none"
        with pytest.raises(Ended):
            remote()


def test_a_function_among_the_arguments_is_asked_and_stays_outside():
    source = "def f(model, x):\n    return model(x) + model.__doc__.count('secret')"
    with Remote([source], "f") as remote:
        asked = []

        def secret(x):
            """A secret."""
            asked.append(x)
            return 2 * x

        assert remote(secret, 3) == 6
        assert asked == [3]
        for value in ("three", [3], {"x": "a"}):
            with pytest.raises(ValueError, match="it takes numbers"):
                remote(lambda x: 2 * x, value)
        assert remote(lambda x: x["x"], {"x": 3.5}) == 3.5
