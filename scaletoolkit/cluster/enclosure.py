"""A part of this machine with processes and a network of its own, for engines. Lab 12.

Engines often ask nobody for a password, and run what they are sent. In here, their ports are
on a loopback that only this enclosure has: no other user of this machine sees it, nor does any
other machine. And the system ends every process in here with the first one.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.cluster.absence import Absent
from scaletoolkit.machine import interrupts, processes

# Names are looked up only where there is another address than loopback's: this one is for tests of
# networks (RFC 2544), and belongs to the loopback of the enclosure as well.
NETWORK = 'ip link set lo up && ip address add 198.18.0.1/32 dev lo && exec "$@"'
TOOLS = ("unshare", "nsenter", "ip")
PATIENCE_S = 10
SYSTEM = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


class Enclosure:
    """A command and all that it starts, in processes and a network of their own.

    It ends with this process, however that ends, and its folder goes with it: a word FOLDER of the
    command stands for that. The command reads what `tell` sends, and ends with its stdin; what it
    writes goes to the file `log` in the folder.
    """

    @interrupts.held_back()
    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        _refuse_where_impossible()
        self.folder = processes.temporary_path(name)
        words = [str(self.folder) if part == "FOLDER" else part for part in command]
        inside = [*_own_namespaces(), "sh", "-c", NETWORK, "sh", *words]
        self._keeper = processes.keep(self.folder, inside, environment)
        interrupts.note(self.end)

    def begin(self) -> None:
        """Start the command."""
        self.tell("start")

    def tell(self, line: str) -> None:
        """Send a line to the command; LabError where it has ended."""
        if self.over:
            raise lab.LabError("What ran in this network of its own has ended.")
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{line}\n".encode())
        self._keeper.stdin.flush()

    def words(self) -> list[str]:
        """What stands before a command that is to run in this enclosure's network."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self._first()}", *user, "--net"]

    def said(self) -> str:
        """What the command has written."""
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    @property
    def over(self) -> bool:
        """Whether the command has ended."""
        return self._keeper.poll() is not None or (self.folder / "exit").exists()

    @interrupts.held_back()
    def end(self) -> None:
        """End all that runs in here, wait until it is gone, and remove the folder."""
        interrupts.forget(self.end)
        with suppress(BrokenPipeError):
            self._keeper.communicate()  # closes its stdin and waits
        shutil.rmtree(self.folder, ignore_errors=True)

    def _first(self) -> int:
        """The process in here that all others end with: a child of unshare, the keeper's child."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s and not self.over:
            for unshare in _children(self._keeper.pid):
                for first in _children(unshare):
                    return first
            time.sleep(0.01)
        raise Absent(f"A network of its own did not start here. It said: {self.said().strip()}")


def _children(pid: int) -> list[int]:
    """The processes that one has started; none where it is gone."""
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def _own_namespaces() -> list[str]:
    """What gives a command processes and a network of its own, without root where need be."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    return ["unshare", *user, "--pid", "--fork", "--mount-proc", "--net", "--kill-child"]


def _refuse_where_impossible() -> None:
    """Raise Absent where this machine cannot make an enclosure."""
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=SYSTEM)]
    if missing:
        needed = "which Linux has (util-linux, iproute2)"
        raise Absent(f"A network of its own needs {' and '.join(missing)}, {needed}.")
    words = [*_own_namespaces(), "sh", "-c", NETWORK, "sh", "true"]
    environment = os.environ | {"PATH": SYSTEM}
    tried = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if tried.returncode:
        why = tried.stderr.strip().splitlines()[-1:]
        raise Absent(f"This machine refuses a network of one's own: {' '.join(why)}.")
