"""What ends with this process, however it ends: children, and temporary folders.

A killed process cannot clean up after itself. So whatever must not outlive it holds the read end of
a pipe from it, and ends when that pipe closes: the system closes it, also after a SIGKILL.
"""

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from _thread import start_new_thread
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.machine import interrupts

KEEPER = Path(__file__).with_name("keeper.sh")
LAST_BYTES = 1_000_000  # of what a child has written


@interrupts.held_back()
def workspace(name: str) -> Path:
    """A new temporary folder that is removed when this process ends, however it ends."""
    folder = temporary_path(name)
    lab.record().setdefault("workspaces", {})[str(folder)] = keep(folder)
    return folder


@interrupts.held_back()
def clean_up() -> None:
    """End what this notebook has started and not ended; remove its workspaces and their keepers."""
    interrupts.end_all()
    for folder, keeper in lab.record().pop("workspaces", {}).items():
        keeper.communicate()  # closes its stdin and waits
        shutil.rmtree(folder, ignore_errors=True)
        # a cell that is run after this may make the folder again
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def temporary_path(name: str) -> Path:
    """A path in the temporary folder at which nothing lies, and that nobody can guess."""
    return Path(tempfile.gettempdir()) / f"scaletoolkit-{name}-{secrets.token_hex(6)}"


def keep(
    folder: Path, command: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Make a folder for this user alone. Returns the shell that removes it when this process ends.

    With a command, the shell starts it once a line comes through its stdin. See keeper.sh.
    """
    keeper = subprocess.Popen(
        ["sh", str(KEEPER), str(folder), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    folder.mkdir(mode=0o700)  # kept before it is there: a kill in between leaves nothing
    return keeper


def end_with(descriptor: int, status: int = 1) -> None:
    """End this process, with that exit status, when the pipe behind the descriptor closes.

    The descriptor is the read end of a pipe whose write end the parent holds, and blocks; what
    comes through it is thrown away. Returns at once: a thread of the system waits, also where
    gevent has replaced Python's threads (Locust), whose loop a blocking read would stop. A call
    into C that keeps Python's lock is let finish first.
    """

    def watch() -> None:
        with suppress(OSError):  # closed on this side: no sign of the parent can come any more
            while os.read(descriptor, 1 << 16):
                pass
        os._exit(status)

    gevent = sys.modules.get("gevent.monkey")
    start = gevent.get_original("_thread", "start_new_thread") if gevent else start_new_thread
    start(watch, ())


def kill_group(pid: int) -> None:
    """Kill the process group that this process leads, where any of it is left."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: when only zombies are left
        os.killpg(pid, signal.SIGKILL)


class Child:
    """A Python process that ends with this one: it must end when its stdin does.

    arguments: what follows `python` on the command line. Its stderr goes to a file of its own,
    which `said` reads.
    """

    @interrupts.held_back()
    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the child has ended
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.stdin = self._process.stdin
        self.stdout = self._process.stdout
        self.pid = self._process.pid
        interrupts.note(self.end)

    @property
    def status(self) -> int | None:
        """The child's exit status; None while it runs."""
        return self._process.poll()

    @interrupts.held_back()
    def over(self, within_s: float) -> bool:
        """Whether the child has ended, now or after waiting so long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
        return self.status is not None

    def cause(self) -> str:
        """What ended the child: a signal's name, or its exit status."""
        status = self.status
        if status is None:
            return "it runs"
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    def tell(self, line: str) -> None:
        """Send one line to the child. Raises BrokenPipeError where it has ended."""
        self.stdin.write(line + "\n")
        self.stdin.flush()

    def said(self) -> str:
        """The last LAST_BYTES that the child has written to stderr; "" once it has been ended."""
        if self._log.closed:
            return ""
        log = self._log.fileno()
        first = max(0, os.fstat(log).st_size - LAST_BYTES)
        # pread leaves the place alone at which the child goes on writing
        return os.pread(log, LAST_BYTES, first).decode(errors="replace").strip()

    @interrupts.held_back()
    def end(self, patience_s: float = 10) -> str:
        """Close the child's stdin and wait until it has ended: what it wrote to stderr.

        A child that takes longer than `patience_s` is killed, and so is whatever it leaves behind
        of the processes it started. May be called again; the second time it returns "".
        """
        interrupts.forget(self.end)
        if self._log.closed:
            return ""
        with suppress(BrokenPipeError):
            self.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        kill_group(self.pid)
        self._process.wait()
        self.stdout.close()
        said = self.said()
        self._log.close()
        return said
