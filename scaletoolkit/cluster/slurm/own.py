"""A Slurm cluster on this machine, whose nodes lose their power and get it back."""

import os
import pwd
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.cluster import enclosure
from scaletoolkit.cluster.absence import Absent
from scaletoolkit.cluster.slurm import texts
from scaletoolkit.cluster.slurm.client import TOOLS, Cluster
from scaletoolkit.cluster.slurm.job import SlurmError
from scaletoolkit.machine import interrupts
from scaletoolkit.machine.ranks.job import environment

NODES = Path(__file__).with_name("nodes.sh")
LOOK_EVERY_S = 0.1
PATIENCE_S = 60
STEP = "_99999.4294967295"  # of a job, as its socket is called
LONGEST_SOCKET = 107  # Linux, unix(7): 108 bytes with the last, which is 0
# What a job of another cluster around this process would ask for, whose tools read the same names
OTHERS = ("SLURM", "SBATCH", "SRUN", "SALLOC", "SINFO", "SCANCEL", "SCONTROL")


class OwnCluster(Cluster):
    """A Slurm cluster that ends with this process; its folder goes with it.

    Its daemons have a loopback of their own, which nobody else on this machine sees (`enclosure`).
    """

    def __init__(self, names: Sequence[str], cpus: int) -> None:
        user = _user()
        command = ["sh", str(NODES), "FOLDER"]
        mine = {name: text for name, text in environment().items() if not name.startswith(OTHERS)}
        path = {"PATH": enclosure.SYSTEM}
        self._enclosure = enclosure.Enclosure("slurm", command, mine | path)
        folder = self._enclosure.folder
        super().__init__(folder, mine | {"SLURM_CONF": f"{folder}/slurm.conf"})
        host = socket.gethostname().partition(".")[0]
        text = texts.configuration(folder, host, user, names, cpus)
        (folder / "slurm.conf").write_text(text)
        for name in ("state", *names):
            (folder / name).mkdir()
        self._names = names

    def start(self) -> None:
        """Start the controller and every node; Absent where they do not come up."""
        self._refuse_long_path()
        self._enclosure.begin()
        self._words = self._enclosure.words()
        try:
            for name in self._names:
                self._do("start", name)
            self._until(lambda: set(self.nodes().values()) == {"idle"}, "The nodes do not come up")
        except SlurmError as error:
            raise Absent(f"Slurm cannot start here. {error}") from None

    def power_cut(self, node: str) -> None:
        """Kill everything on a node at once, without a word to anybody.

        The controller finds out by itself, some seconds later.
        """
        self._refuse_stranger(node)
        self._do("cut", node)

    def restore(self, node: str) -> None:
        """Switch a node on again once the controller has seen that it is gone.

        A node that is back before that would leave its job waiting for ever.
        """
        self._refuse_stranger(node)
        self._until(lambda: self._lost(node), f"The controller has not missed {node}")
        self._do("start", node)
        self._until(lambda: not self._lost(node), f"{node} does not come up")

    def end(self) -> None:
        """End the cluster and its jobs, at once."""
        self._enclosure.end()

    def _before(self) -> Sequence[str]:
        if self._enclosure.over:
            raise SlurmError("This cluster has ended.")
        return self._words

    def _lost(self, node: str) -> bool:
        return self.nodes()[node].startswith("down")

    def _refuse_long_path(self) -> None:
        """Raise Absent where no job could start: each step of one has a socket on its node."""
        sockets = [f"{self._folder}/{name}/{name}{STEP}" for name in self._names]
        if max(len(os.fsencode(path)) for path in sockets) > LONGEST_SOCKET:
            told = "is too long a path for Slurm: set TMPDIR to a shorter one"
            raise Absent(f"{self._folder} {told}.")

    def _refuse_stranger(self, node: str) -> None:
        if node not in self._names:
            raise SlurmError(f"The nodes are {', '.join(self._names)}; got {node!r}")

    def _do(self, action: str, node: str) -> None:
        """Let the enclosure do it, and wait until it is done."""
        done = self._folder / "done"
        before = done.read_text() if done.exists() else ""
        self._enclosure.tell(f"{action} {node}")
        self._until(lambda: done.exists() and done.read_text() != before, f"No {action} of {node}")

    def _until(self, condition: Callable[[], bool], complaint: str) -> None:
        """Wait for a condition; SlurmError where it does not come true."""
        deadline_s = time.monotonic() + PATIENCE_S
        with interrupts.held_back() as check, lab.busy("Slurm"):
            while not self._holds(condition):
                if time.monotonic() > deadline_s or self._enclosure.over:
                    last = "\n  ".join(self._enclosure.said().strip().splitlines()[-5:])
                    raise SlurmError(f"{complaint}. Slurm's last words:\n  {last}")
                check()
                time.sleep(LOOK_EVERY_S)

    def _holds(self, condition: Callable[[], bool]) -> bool:
        with suppress(SlurmError):  # the controller has not come up yet
            return condition()
        return False


def _user() -> str:
    """This process's user by name, which Slurm asks for; Absent where it has none."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        raise Absent(f"Slurm needs users with names: /etc/passwd has none for {number}.") from None


@contextmanager
def local(nodes: int = 2, cpus: int = 0) -> Iterator[OwnCluster]:
    """A Slurm cluster of node1, node2 … on this machine, while the block runs.

    cpus: how many tasks a node takes; by default the cores of this machine, shared among them.
    Absent where Slurm cannot run here.
    """
    if nodes < 1:
        raise ValueError(f"a cluster has at least one node, got {nodes}")
    daemons = ("slurmctld", "slurmd", "slurmstepd", *TOOLS)
    missing = [tool for tool in daemons if not shutil.which(tool, path=enclosure.SYSTEM)]
    if missing:
        raise Absent("Slurm is not installed here (Debian: apt-get install slurm-wlm).")
    names = [f"node{number + 1}" for number in range(nodes)]
    cluster = OwnCluster(names, cpus or max(1, (os.cpu_count() or 1) // nodes))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.end()
