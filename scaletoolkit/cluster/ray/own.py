"""A Ray cluster on this machine, in processes and a network of its own."""

import importlib.util
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle

from scaletoolkit import lab
from scaletoolkit.cluster.absence import Absent
from scaletoolkit.cluster.enclosure import SYSTEM, Enclosure
from scaletoolkit.machine import interrupts

LOOK_EVERY_S = 0.1
START_S = 180
STARTS = 3
# No report of its use to anybody.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}


class RayError(lab.LabError):
    """A Ray cluster has stopped, or a task raised."""


class Tasks:
    """Tasks that were handed to Ray, one for each item."""

    def __init__(self, cluster: "OwnCluster", path: Path) -> None:
        self._cluster = cluster
        self._path = path

    def done(self) -> int:
        """How many tasks have ended so far."""
        path = self._path.with_suffix(".done")
        return path.stat().st_size if path.exists() else 0

    def results(self, timeout_s: float = 300) -> list[Any]:
        """What each task returned, in the order of the items; RayError says what one raised."""
        path = self._path.with_suffix(".result")
        self._cluster.wait_for(path, timeout_s, "Ray's tasks have not ended")
        results, raised = pickle.loads(path.read_bytes())
        if raised:
            raise RayError(f"A task raised {raised}")
        listed: list[Any] = results
        return listed


class OwnCluster:
    """A Ray cluster of several nodes that ends with this process; its folder goes with it."""

    def __init__(self, nodes: int) -> None:
        command = [sys.executable, "-m", f"{__package__}.nodes", "FOLDER", str(nodes)]
        self._nodes = nodes
        self._jobs = 0
        self._enclosure = Enclosure("ray", command, os.environ | QUIET | _paths())
        self.folder = self._enclosure.folder

    def start(self) -> None:
        """Start its nodes; RayError where they do not come up."""
        self._enclosure.begin()
        self.wait_for(self.folder / "ready", START_S, "Ray did not start")

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Tasks:
        """Hand function(item) for each item to the nodes; what a lost node had runs elsewhere."""
        self._jobs += 1
        path = self.folder / f"tasks-{self._jobs}"
        path.write_bytes(cloudpickle.dumps((function, list(items))))
        self._enclosure.tell(f"map {path}")
        return Tasks(self, path)

    def power_cut(self, node: int) -> None:
        """Kill the raylet of a node, 0 being the first, without a word to anybody."""
        if node not in range(self._nodes):
            raise RayError(f"The nodes are 0 to {self._nodes - 1}; got {node!r}")
        self._enclosure.tell(f"cut {node}")
        self.wait_for(self.folder / f"cut-{node}", 30, f"Node {node} was not killed")

    def wait_for(self, path: Path, timeout_s: float, complaint: str) -> None:
        """Wait for a file; RayError where it does not come."""
        deadline_s = time.monotonic() + timeout_s
        with interrupts.held_back() as check, lab.busy("Ray"):
            while not path.exists():
                if self._enclosure.over or time.monotonic() > deadline_s:
                    last = "\n  ".join(self._enclosure.said().strip().splitlines()[-3:])
                    raise RayError(f"{complaint}. Its last words:\n  {last}")
                check()
                time.sleep(LOOK_EVERY_S)

    def words(self) -> list[str]:
        """What stands before a command that is to run in this cluster's network."""
        return self._enclosure.words()

    def end(self) -> None:
        """End the cluster and its tasks, at once."""
        self._enclosure.end()


def _paths() -> dict[str, str]:
    path = os.pathsep.join(part or str(Path.cwd()) for part in sys.path)
    return {"PYTHONPATH": path, "PATH": SYSTEM}


@contextmanager
def local(nodes: int = 2) -> Iterator[OwnCluster]:
    """A Ray cluster of so many nodes with one CPU each on this machine, while the block runs.

    Its start sometimes fails, for Ray gives a part of itself fifteen seconds: then it says so and
    tries again, three times in all. Absent where that does not help, where Ray is not installed, or
    cannot be enclosed: outside, whoever reaches its ports can run code as you.
    """
    if nodes < 1:
        raise ValueError(f"a cluster has at least one node, got {nodes}")
    if importlib.util.find_spec("ray") is None:
        raise Absent("Ray is not installed here (pip install -e '.[ray]').")
    cluster = _started(nodes)
    try:
        yield cluster
    finally:
        cluster.end()


def _started(nodes: int) -> OwnCluster:
    for left in reversed(range(STARTS)):
        cluster = OwnCluster(nodes)
        try:
            cluster.start()
        except RayError as error:
            cluster.end()
            if not left:
                raise Absent(f"Ray did not start in {STARTS} tries: {error}.") from None
            print(f"{error}\nOnce more.", file=sys.stderr)
        except BaseException:
            cluster.end()
            raise
        else:
            return cluster
    raise AssertionError("the last start returned or raised")
