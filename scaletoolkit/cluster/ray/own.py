"""A Ray cluster on this machine, in processes and a network of its own."""

import importlib.util
import json
import pickle
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle

from scaletoolkit import lab
from scaletoolkit.cluster.absence import Absent
from scaletoolkit.cluster.enclosure import SYSTEM, Enclosure
from scaletoolkit.machine import interrupts, ranks
from scaletoolkit.machine.ranks.folder import Folder
from scaletoolkit.machine.ranks.job import environment, write

LOOK_EVERY_S = 0.1
START_S = 180
ANSWER_S = 90
STARTS = 3
# No report of its use to anybody; and Ray Train gives ranks, which import torch, a minute to start.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(START_S),
}


class RayError(lab.LabError):
    """A Ray cluster has stopped, or a task raised."""


class Errand:
    """What the cluster was asked to do; name: who does it, in a sentence."""

    def __init__(self, cluster: "OwnCluster", name: str, path: Path) -> None:
        self._cluster = cluster
        self._name = name
        self._path = path

    def result(self, timeout_s: float = START_S) -> Any:
        """What came of it; RayError says what was raised, or that it has not ended in time."""
        path = self._path.with_suffix(".result")
        late = f"{self._name} has not ended in {timeout_s:g} s"
        self._cluster.wait_for(path, timeout_s, late)
        result, raised = pickle.loads(path.read_bytes())
        if raised:
            raise RayError(f"{self._name} raised {raised}")
        return result


class Tasks(Errand):
    """Tasks that were handed to Ray, one for each item."""

    def done(self) -> int:
        """How many tasks have ended so far."""
        path = self._path.with_suffix(".done")
        return path.stat().st_size if path.exists() else 0

    def results(self, timeout_s: float = 300) -> list[Any]:
        """What each task returned, in the order of the items; RayError says what one raised."""
        listed: list[Any] = self.result(timeout_s)
        return listed


class OwnCluster:
    """A Ray cluster of several nodes that ends with this process; its folder goes with it."""

    def __init__(self, nodes: int) -> None:
        command = [sys.executable, "-m", f"{__package__}.nodes", "FOLDER", str(nodes)]
        self._nodes = nodes
        self._errands = 0
        system = {"PATH": SYSTEM}
        self._enclosure = Enclosure("ray", command, environment() | SETTINGS | system)
        self.folder = self._enclosure.folder

    def start(self) -> None:
        """Start its nodes; RayError where they do not come up."""
        self._enclosure.begin()
        self.wait_for(self.folder / "ready", START_S, "Ray did not start")

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Tasks:
        """Hand function(item) for each item to the nodes; what a lost node had runs elsewhere."""
        return Tasks(self, "A task", self.ask("map", function, list(items)))

    def train(
        self,
        function: Callable[..., object],
        world_size: int,
        timeout_s: float = 300,
        **arguments: Any,
    ) -> list[Any]:
        """What function(rank, world_size, **arguments) returned on each rank: in rank order.

        It is a job as `ranks.launch` takes it, run by Ray Train's TorchTrainer, which has joined
        the group before; the ranks are spread over the nodes. RankError says which rank failed, and
        how, RayError what else did; Absent where Ray Train is not installed.
        """
        _need("Ray Train", "pandas")
        job = Folder(self.folder / f"job-{self._errands + 1}")
        write(job, function, arguments)
        errand = Errand(self, "Ray Train", self.ask("train", job.path, world_size, self._nodes))
        try:
            errand.result(timeout_s)
        except RayError:
            if not job.failures(0):
                raise
        return ranks.results(job.path, world_size)

    @contextmanager
    def serve(
        self,
        folder: str | Path,
        max_batch_size: int = 32,
        autoscaling: Mapping[str, float] | None = None,
    ) -> Iterator["Deployment"]:
        """A model behind Ray Serve, its replicas ready, while the block runs: a Deployment.

        folder: as `service.start` takes it. autoscaling: as `autoscaling_config` makes it; without
        it there is one replica. One deployment at a time; Absent where Ray Serve is not installed.
        """
        _need("Ray Serve", "fastapi")
        scaling = autoscaling or {"min_replicas": 1, "max_replicas": 1}
        where = str(Path(folder).resolve())
        begun = Errand(
            self, "Ray Serve", self.ask("serve", where, max_batch_size, scaling, self._nodes)
        )
        try:
            begun.result()
            yield Deployment(self)
        finally:
            Errand(self, "Ray Serve", self.ask("stop")).result()

    def ask(self, action: str, *needed: object) -> Path:
        """Let the cluster begin an action (see `nodes`): the path of what asks for it."""
        self._errands += 1
        path = self.folder / f"{action}-{self._errands}"
        path.write_bytes(cloudpickle.dumps(needed))
        self._enclosure.tell(f"{action} {path}")
        return path

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

    def end(self) -> None:
        """End the cluster and its tasks, at once."""
        self._enclosure.end()


class Deployment:
    """A model behind Ray Serve."""

    def __init__(self, cluster: OwnCluster) -> None:
        self._cluster = cluster

    def predict(self, items: Sequence[object]) -> list[Any]:
        """The model's results for a list of items: a list, in the same order, as our server's.

        RayError where it answers anything else.
        """
        body = json.dumps(items).encode()
        asked = Errand(self._cluster, "Ray Serve", self._cluster.ask("predict", body))
        status, answer = asked.result(ANSWER_S)
        if status != 200:
            raise RayError(f"Ray Serve answered {status}: {answer.decode()}")
        rows: list[Any] = json.loads(answer)
        return rows

    def replicas(self) -> int:
        """How many replicas are ready."""
        asked = Errand(self._cluster, "Ray Serve", self._cluster.ask("replicas"))
        count: int = asked.result(ANSWER_S)
        return count


def _need(part: str, package: str) -> None:
    """Raise Absent where the package is missing that Ray, or a part of it, cannot do without."""
    if importlib.util.find_spec(package) is None:
        raise Absent(f"{part} is not installed here (pip install -e '.[ray]').")


@contextmanager
def local(nodes: int = 2) -> Iterator[OwnCluster]:
    """A Ray cluster of so many nodes with one CPU each on this machine, while the block runs.

    Its start sometimes fails, for Ray gives a part of itself fifteen seconds: then it says so and
    tries again, three times in all. Absent where that does not help, where Ray is not installed, or
    cannot be enclosed: outside, whoever reaches its ports can run code as you.
    """
    if nodes < 1:
        raise ValueError(f"a cluster has at least one node, got {nodes}")
    _need("Ray", "ray")
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
