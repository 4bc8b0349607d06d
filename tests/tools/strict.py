"""Run a notebook under strict nbval in a process of its own, and watch what it costs and leaves."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import timeit
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
MARK = "SCALETOOLKIT_TEST_RUN"
SAMPLE_S = 0.2
STEPS = 2_000_000
REFERENCE_S = 0.04  # for so many steps: a core of the machine for which budgets of time are meant


@dataclass(frozen=True)
class Run:
    """What a strict run did: `left` names processes, ports and folders that outlived it.

    seconds: about what it would have taken alone: the time on the clock without the share of the
    cores that other programs used meanwhile, and never less than the processor time that it used.
    """

    passed: bool
    output: str
    seconds: float
    peak_bytes: int
    left: list


def slowness():
    """How many times as long as that machine this one takes for a loop in Python; at least 1."""
    fewest_s = min(timeit.repeat("x = x * x % 7", "x = 3", number=STEPS, repeat=5))
    return max(1.0, fewest_s / REFERENCE_S)


def strict_run(*paths, time_limit_s=600, grace_s=10):
    """Execute every cell of notebooks and compare the stored outputs, in the `ci` profile."""
    token = uuid.uuid4().hex
    folder = Path(tempfile.mkdtemp(prefix="strict-"))
    try:
        process = _start(paths, folder, token)
        seconds, peak_bytes = _watch(process, time_limit_s)
        still_there = left(token, folder, grace_s)
        output = (folder / "output").read_text()
    finally:
        for survivor in marked(token):
            survivor.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return Run(process.returncode == 0, output, seconds, peak_bytes, still_there)


def _start(paths, folder, token):
    command = [sys.executable, "-m", "pytest", "-c", "tests/nbval.toml", "--rootdir=."]
    with (folder / "output").open("w") as output:
        return subprocess.Popen(
            [*command, *map(str, paths)],
            cwd=ROOT,
            env=environment(folder, token),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def environment(folder, token):
    """The variables of a process that is marked and whose temporary files lie in `folder`."""
    own = {
        "SCALETOOLKIT_PROFILE": "ci",
        "SCALETOOLKIT_RECORDS": str(folder / "records"),
        "IPYTHONDIR": str(folder / "ipython"),
        "TMPDIR": str(folder),
        MARK: token,
    }
    inherited = {name: os.environ[name] for name in os.environ if name != "SCALETOOLKIT_EVENTS"}
    return inherited | own


def _watch(process, time_limit_s):
    """Wait for the process; the seconds it would have taken alone, and the kernel's peak memory.

    Memory is the sum over the kernel and all that it started, in bytes.
    """
    start = time.monotonic()
    busy_before = _busy_s()
    peak_bytes = 0
    used_s = {}
    while process.poll() is None:
        family = _family(process.pid)
        used_s |= {pid: cpu_s for pid, (cpu_s, _) in family.items()}
        peak_bytes = max(peak_bytes, sum(size for _, size in family.values()))
        if time.monotonic() - start > time_limit_s:
            process.kill()
        time.sleep(SAMPLE_S)
    own_s = sum(used_s.values())
    others_s = max(0, _busy_s() - busy_before - own_s)
    return max(own_s, time.monotonic() - start - others_s / psutil.cpu_count()), peak_bytes


def _busy_s():
    """Seconds that this machine's cores have worked, all together, since it was started."""
    times = psutil.cpu_times()._asdict()
    return sum(times.get(name, 0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))


def _family(pid):
    """{pid: (seconds of processor time, bytes held)} of a process and all below it.

    A page that several processes share counts once, where the system tells (Linux: PSS). The
    process itself, which only compares, is counted with no memory.
    """
    usage = {}
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                held = process.memory_full_info()
                size = getattr(held, "pss", held.rss) if process.pid != pid else 0
                usage[process.pid] = (times.user + times.system, size)
    except psutil.NoSuchProcess:
        pass
    return usage


def left(token, folder, grace_s):
    """What is still there when all has had `grace_s` seconds to end: a list of sentences."""
    end = time.monotonic() + grace_s
    while (left := _survivors(token, folder)) and time.monotonic() < end:
        time.sleep(SAMPLE_S)
    return left


def _survivors(token, folder):
    folders = [f"the folder {path.name}" for path in folder.glob("scaletoolkit-*")]
    return folders + [sentence for process in marked(token) for sentence in _describe(process)]


def command_line(process):
    """A process's command line; empty when it has ended, also if nobody has waited for it yet."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # psutil.ZombieProcess is one of these
        return ""


def _describe(process):
    try:
        yield f"the process {' '.join(process.cmdline())[:120]}"
        for connection in process.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                yield f"the port {connection.laddr.port}"
    except psutil.Error:
        return


def marked(token):
    """Processes whose environment holds the token: also those that left the process tree."""
    marked = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == token:
                marked.append(process)
        except (psutil.Error, OSError):
            continue
    return marked
