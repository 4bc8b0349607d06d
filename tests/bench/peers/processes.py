"""Environments of peers, and their processes: started, metered, ended without a trace."""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import psutil

from scaletoolkit.lab import profile

MARK = "SCALETOOLKIT_BENCH_SERVER"
PATIENCE_S = 6
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # what Ray calls listening on loopback only
    "BENTOML_DO_NOT_TRACK": "True",
}


def requirements(script):
    """What the head of a server's script asks for: a list such as ["mosec==0.9.8", …]."""
    (line,) = re.findall(r"^# dependencies = \[(.*)\]$", script.read_text(), re.MULTILINE)
    return re.findall(r'"([^"]+)"', line)


def environment(script):
    """The Python of an environment that holds what the script asks for, made on first use."""
    wanted = requirements(script)
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:8]
    folder = profile.data_folder() / "bench-peers" / f"{script.stem}-{digest}"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        uv = shutil.which("uv", path=places)
        if uv is None:
            raise RuntimeError("there is no uv")
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
        _run([uv, "pip", "install", "--quiet", "--python", python, *wanted])
        ready.touch()
    return python


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(" ".join(done.stderr.split())[:200])


def free_port():
    """A port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@contextlib.contextmanager
def running(command):
    """A server as a process: its Family. Afterwards nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="s", ignore_cleanup_errors=True) as folder:
        token = uuid.uuid4().hex
        inherited = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
        process = subprocess.Popen(
            command,
            env=inherited | QUIET | {MARK: token, "TMPDIR": folder},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        family = Family(process.pid, token)
        try:
            yield family
        finally:
            family.end(process)


class Family:
    """A process and all that it started, also what left its tree: by mark, by session."""

    def __init__(self, pid, token=None):
        self.root = psutil.Process(pid)
        self.token = token
        self._known = set()

    def members(self):
        """Those that live: a list of psutil's processes."""
        with contextlib.suppress(psutil.Error):
            self._known |= {self.root, *self.root.children(recursive=True)}
        if self.token:
            self._known |= set(filter(self._belongs, psutil.process_iter()))
        return [process for process in self._known if _alive(process)]

    def _belongs(self, process):
        try:
            in_session = os.getsid(process.pid) == self.root.pid
            return in_session or process.environ().get(MARK) == self.token
        except (psutil.Error, OSError):
            return False

    def cpu_s(self):
        """Seconds of processor time used so far, those of ended children included."""
        return sum(sum(times[:4]) for times in self._each(psutil.Process.cpu_times))

    def memory_mb(self):
        """Megabytes held; a page that several share counts once (PSS)."""
        return sum(held.pss for held in self._each(psutil.Process.memory_full_info)) / 1e6

    def _each(self, look):
        answers = []
        for process in self.members():
            with contextlib.suppress(psutil.Error):
                answers.append(look(process))
        return answers

    def end(self, process):
        """Ask, wait, kill: some servers leave children behind, some hang."""
        members = self.members()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        psutil.wait_procs(members, PATIENCE_S)
        for member in self.members():
            with contextlib.suppress(psutil.Error):
                member.kill()
        process.wait()
        psutil.wait_procs(self.members(), PATIENCE_S)
        left = self.members()
        if left:
            raise AssertionError(f"still there: {left}")


def _alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
