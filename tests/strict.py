"""Run a notebook under strict nbval in a process of its own, and watch what it costs and leaves."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
MARK = "SCALETOOLKIT_TEST_RUN"
SAMPLE_S = 0.2


@dataclass(frozen=True)
class Run:
    """What a strict run did: `left` names processes, ports and folders that outlived it."""

    passed: bool
    output: str
    seconds: float
    peak_bytes: int
    left: list


def strict_run(notebook, time_limit_s=600, grace_s=10):
    """Execute every cell of a notebook and compare its stored outputs, in the `ci` profile."""
    token, folder = uuid.uuid4().hex, Path(tempfile.mkdtemp(prefix="strict-"))
    start = time.monotonic()
    try:
        process = _start(notebook, folder, token)
        peak_bytes = _watch(process, time_limit_s)
        seconds, left = time.monotonic() - start, _left(token, folder, grace_s)
        output = (folder / "output").read_text()
    finally:
        for survivor in _marked(token):
            survivor.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return Run(process.returncode == 0, output, seconds, peak_bytes, left)


def _start(notebook, folder, token):
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=."]
    environment = {name: os.environ[name] for name in os.environ if name != "SCALETOOLKIT_EVENTS"}
    environment |= {
        "SCALETOOLKIT_PROFILE": "ci",
        "IPYTHONDIR": str(folder / "ipython"),
        "TMPDIR": str(folder),
        MARK: token,
    }
    with (folder / "output").open("w") as output:
        return subprocess.Popen(
            [*command, "--nbval", str(notebook)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _watch(process, time_limit_s):
    """The most memory that the kernel and all that it started held together, in bytes."""
    peak, end = 0, time.monotonic() + time_limit_s
    while process.poll() is None:
        peak = max(peak, _held_bytes(process.pid))
        if time.monotonic() > end:
            process.kill()
        time.sleep(SAMPLE_S)
    return peak


def _held_bytes(pid):
    """A page that several processes share counts once, where the system tells (Linux: PSS)."""
    total = 0
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return 0
    for one in family:
        try:
            held = one.memory_full_info()
            total += getattr(held, "pss", held.rss)
        except psutil.Error:
            continue
    return total


def _left(token, folder, grace_s):
    """What is still there when all has had `grace_s` seconds to end: a list of sentences."""
    end = time.monotonic() + grace_s
    while (left := _survivors(token, folder)) and time.monotonic() < end:
        time.sleep(SAMPLE_S)
    return left


def _survivors(token, folder):
    folders = [f"the folder {path.name}" for path in folder.glob("scaletoolkit-*")]
    return folders + [sentence for one in _marked(token) for sentence in _describe(one)]


def _describe(process):
    try:
        yield f"the process {' '.join(process.cmdline())[:120]}"
        for connection in process.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                yield f"the port {connection.laddr.port}"
    except psutil.Error:
        return


def _marked(token):
    """Processes whose environment holds the token: also those that left the process tree."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == token:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
