"""What any Slurm cluster is asked: to run a function on ranks, or over many items."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scaletoolkit.cluster import enclosure
from scaletoolkit.cluster.absence import Absent
from scaletoolkit.cluster.slurm import texts
from scaletoolkit.cluster.slurm.job import Job, SlurmError
from scaletoolkit.machine import interrupts, ranks
from scaletoolkit.machine.ranks.folder import Folder
from scaletoolkit.machine.ranks.job import write

PATIENCE_S = 30
TOOLS = ("sbatch", "scontrol", "sinfo")


class Cluster:
    """A Slurm cluster that answers."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._environment = dict(os.environ if environment is None else environment)
        beside = os.pathsep.join([str(Path(sys.executable).parent), enclosure.SYSTEM])
        self._environment["PATH"] = beside
        self._jobs = 0

    def __repr__(self) -> str:
        return f"Slurm: {', '.join(f'{name} {state}' for name, state in self.nodes().items())}"

    def nodes(self) -> dict[str, str]:
        """{name: state}, in Slurm's words: idle, mixed, allocated, down …; * where none answers."""
        said = self.ask("sinfo", "--noheader", "--Node", "--format=%N %T")
        return dict(line.split() for line in said.splitlines())

    def submit(
        self,
        function: Callable[..., object],
        world_size: int,
        nodes: int = 2,
        folder: Path | None = None,
        **arguments: Any,
    ) -> Job:
        """Queue function(rank, world_size, **arguments) for ranks that are spread over nodes.

        It is a job as `ranks.launch` takes it; what a node runs is the line of `ranks.command`.
        folder: one of its own, which all nodes see. SlurmError where the queue refuses.
        """
        place = folder or self._new_folder()
        text = script(function, world_size, nodes, place, **arguments)
        return self._queue(text, place, world_size)

    def map(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        tasks: int = 4,
        folder: Path | None = None,
    ) -> Job:
        """Queue a job array: each of its tasks calls function(item) for its share of the items.

        Its results are a list for each task: those of items[task::tasks]. A task whose node is lost
        runs anew. folder: one of its own, which all nodes see.
        """
        place = folder or self._new_folder()
        listed = list(items)
        count = max(1, min(tasks, len(listed)))
        write(Folder(place), _share, {"function": function, "items": listed})
        script = texts.of_array(getattr(function, "__name__", "job"), count, place)
        return self._queue(script, place, count)

    @interrupts.held_back()
    def ask(self, *words: str, stdin: str = "") -> str:
        """What one of Slurm's own commands says; SlurmError where it fails."""
        try:
            asked = subprocess.run(
                [*self._before(), *words],
                input=stdin,
                capture_output=True,
                text=True,
                env=self._environment,
                timeout=PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SlurmError(f"{words[0]} said nothing for {PATIENCE_S} s") from None
        if asked.returncode:
            raise SlurmError(f"{words[0]} refused: {asked.stderr.strip()}")
        return asked.stdout

    def _before(self) -> Sequence[str]:
        """What stands before each of Slurm's commands."""
        return []

    def _new_folder(self) -> Path:
        self._jobs += 1
        return self._folder / f"job-{self._jobs}"

    def _queue(self, script: str, folder: Path, world_size: int) -> Job:
        (folder / "script").write_text(script)
        number = self.ask("sbatch", "--parsable", stdin=script).partition(";")[0]
        return Job(self, int(number), folder, world_size, script)


def script(
    function: Callable[..., object], world_size: int, nodes: int, folder: Path, **arguments: Any
) -> str:
    """What `submit` gives to a queue, for sbatch: the job is written to folder, nothing is run.

    ValueError where the ranks cannot be spread evenly over the nodes, or Slurm writes to no folder
    of that name.
    """
    if min(world_size, nodes) < 1:
        raise ValueError(f"a job has at least one rank and node, got {world_size} and {nodes}")
    command = ranks.command(function, world_size, nodes, "FIRST:1", folder, **arguments)
    line = command.splitlines()[-1]
    line = line.replace("-addr=FIRST --master-port=1 ", "-addr=$FIRST --master-port=$PORT ")
    name = getattr(function, "__name__", "job")
    return texts.of_ranks(name, nodes, world_size // nodes, folder, line)


def _share(
    rank: int, world_size: int, function: Callable[[Any], Any], items: Sequence[Any]
) -> list[Any]:
    return [function(item) for item in items[rank::world_size]]


def existing(folder: str | Path) -> Cluster:
    """The Slurm cluster that this machine already belongs to; Absent where there is none.

    folder: where jobs lie; all nodes see it.
    """
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=enclosure.SYSTEM)]
    if missing:
        raise Absent(f"No Slurm is here: {' and '.join(missing)} cannot be found.")
    cluster = Cluster(Path(folder))
    try:
        cluster.nodes()
    except SlurmError as error:
        last = str(error).splitlines()[-1]
        raise Absent(f"No Slurm cluster answers here: {last}.") from None
    return cluster
