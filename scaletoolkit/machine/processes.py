"""What ends with this process, however it ends: children, and temporary folders.

A killed process cannot clean up after itself. So whatever must not outlive it holds the read end of
a pipe from it, and ends when that pipe closes: the system closes it, also after a SIGKILL.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from scaletoolkit import lab

# Again when a process that is about to end has just written another file.
WATCHER = 'cat >/dev/null; for again in 1 2 3 4 5; do rm -rf -- "$1" && exit; sleep 0.2; done'


def workspace(name: str) -> Path:
    """A new temporary folder that is removed when this process ends, however it ends.

    A shell of its own waits on a pipe from this process and removes the folder when the pipe
    closes, so that even a killed kernel leaves nothing behind.
    """
    folder = Path(tempfile.gettempdir()) / f"scaletoolkit-{name}-{secrets.token_hex(6)}"
    command = ["sh", "-c", WATCHER, "watcher", str(folder)]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    folder.mkdir(mode=0o700)  # watched before it is there
    lab.record().setdefault("workspaces", {})[str(folder)] = watcher
    return folder


def clean_up() -> None:
    """Remove this notebook's workspaces now, and end what watches them."""
    for folder, watcher in lab.record().pop("workspaces", {}).items():
        watcher.stdin.close()
        watcher.wait()
        shutil.rmtree(folder, ignore_errors=True)


def end_with(descriptor: int, status: int = 1) -> None:
    """End this process, with that exit status, when the pipe behind the descriptor closes.

    The descriptor is the read end of a pipe whose write end the parent holds; what comes through
    it is thrown away.
    """

    def watch() -> None:
        while os.read(descriptor, 1 << 16):
            pass
        os._exit(status)

    threading.Thread(target=watch, daemon=True).start()


class Child:
    """A Python process that ends with this one: it must end when its stdin does.

    arguments: what follows `python` on the command line. Its stderr goes to a file of its own,
    which `said` reads.
    """

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

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def stdin(self) -> IO[str]:
        """The pipe to the child."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> IO[str]:
        """The pipe from the child."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def status(self) -> int | None:
        """The child's exit status; None while it runs."""
        return self._process.poll()

    def tell(self, line: str) -> None:
        """Send one line to the child."""
        self.stdin.write(line + "\n")
        self.stdin.flush()

    def said(self) -> str:
        """What the child has written to stderr so far; "" once it has been ended."""
        if self._log.closed:
            return ""
        size = os.fstat(self._log.fileno()).st_size
        # pread leaves the place alone at which the child goes on writing
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace").strip()

    def end(self, patience_s: float = 10) -> str:
        """Close the child's stdin, wait until it has ended, kill it if it does not: what it said.

        May be called again; the second time it returns "".
        """
        if self._log.closed:
            return ""
        with suppress(BrokenPipeError):
            self.stdin.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.stdout.close()
        said = self.said()
        self._log.close()
        return said
