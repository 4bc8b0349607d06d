"""The folder of one job, and every file by which its launcher and its ranks know of each other.

job              what to run, as a pickle (`write_job` in `job`, `read_job` here)
log, exit        what torchrun says, and its exit status: its keeper writes both
logs, meeting    torchrun's own
store-<attempt>-<number>   where the ranks of one machine meet (`meeting`)
<mark>-<attempt>-<rank>    what a rank leaves:
    alive    locked while the rank lives; holds its process id
    state    where it stands, written again every half second
    result   what its function returned; ends the rank
    failure  what it raised; ends the rank
    stopped  where it stood when a termination signal came
    stderr   what it wrote to stderr

Marks instead of messages, because a rank that is killed or hangs can send none.
"""

import fcntl
import json
import linecache
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple, TypedDict

from scaletoolkit import lab

SILENT_S = 3
MARKS = ("alive", "state", "result", "failure", "stopped", "stderr")
MAGIC = b"scaletoolkit job\n"  # how a job of ours begins
OTHERS = ("job", "log", "exit", "logs", "meeting", "store-*", "writing-*")


class RankError(lab.LabError):
    """A job failed: which rank, and how. `traceback`: the rank's own, in full, where it has one."""

    def __init__(self, sentence: str, traceback: str = "") -> None:
        super().__init__(sentence)
        self.traceback = traceback


class State(TypedDict):
    """Where a rank stands: its process id, how many exchanges it has begun, its line of code."""

    pid: int
    collectives: int
    where: str


class Failure(TypedDict):
    """What a rank raised; `echo` says that another rank's trouble caused it."""

    time_ns: int
    type: str
    message: str
    echo: bool
    lines: list[str]
    traceback: str


class Call(NamedTuple):
    """What every rank of a job does; `identity` tells the job from others in the same folder."""

    identity: str
    function: Callable[..., object]
    arguments: dict[str, Any]


class Folder:
    """A job's folder, as its launcher sees it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.job = self.path / "job"
        self.log = self.path / "log"
        self.exit = self.path / "exit"

    def marks(self, mark: str, attempt: int) -> dict[int, Path]:
        """{rank: path} of the marks of one kind that the ranks of an attempt have left."""
        paths = self.path.glob(f"{mark}-{attempt}-*")
        return {int(path.name.rsplit("-", 1)[1]): path for path in paths}

    def last_attempt(self) -> int:
        """The number of the newest attempt, from 0; 0 before any rank has begun."""
        states = self.path.glob("state-*-*")
        return max((int(path.name.split("-")[1]) for path in states), default=0)

    def states(self, attempt: int) -> dict[int, State]:
        """{rank: its last state}; the place of a rank that has fallen silent says so."""
        marks = self.marks("state", attempt).items()
        last: dict[int, State] = {rank: json.loads(path.read_text()) for rank, path in marks}
        written_s = {rank: path.stat().st_mtime for rank, path in marks}
        for rank, state in last.items():
            if max(written_s.values()) - written_s[rank] > SILENT_S:
                state["where"] += " (and has given no sign since)"
        return last

    def failures(self, attempt: int) -> dict[int, Failure]:
        """{rank: what it raised}, for the ranks that raised something."""
        marks = self.marks("failure", attempt).items()
        return {rank: json.loads(path.read_text()) for rank, path in marks}

    def results(self, attempt: int) -> dict[int, Any]:
        """{rank: what its function returned}; a late rank of an older job does not count."""
        identity = self._load_job()["identity"]
        marks = self.marks("result", attempt).items()
        loaded = {rank: pickle.loads(path.read_bytes()) for rank, path in marks}
        return {rank: result for rank, (job, result) in loaded.items() if job == identity}

    def said(self) -> str:
        """What torchrun has written to its log; "" where none was kept."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def read_job(self) -> Call:
        """What to run; tracebacks get to know the source lines of the notebook's cells."""
        self.refuse_what_others_may_write()
        job = self._load_job()
        for name, lines in job["sources"].items():
            linecache.cache[name] = (sum(map(len, lines)), None, lines, name)
        function, arguments = pickle.loads(job["call"])
        return Call(job["identity"], function, arguments)

    def refuse_what_others_may_write(self) -> None:
        """Raise RankError where another user may write here: the pickles that lie here are run."""
        results = self.path.glob("result-*-*")
        there = [path.stat() for path in (self.path, self.job, *results) if path.exists()]
        run = "and what lies there is run"
        if any(status.st_uid not in (0, os.geteuid()) for status in there):
            whose = f"{self.path} or a file in it belongs to another user"
            raise RankError(f"{whose}, {run}. Choose a folder that you made yourself.")
        if any(status.st_mode & 0o022 for status in there):
            remedy = f"Take that right away: chmod -R go-w {self.path}"
            raise RankError(f"Others may write to {self.path}, {run}. {remedy}")

    def save_job(self, job: dict[str, object]) -> None:
        """Write the job, for this user alone whatever the umask says."""
        self.job.touch(mode=0o600)
        self.job.write_bytes(MAGIC + pickle.dumps(job))

    def _load_job(self) -> dict[str, Any]:
        return pickle.loads(self.job.read_bytes().removeprefix(MAGIC))

    def clear(self) -> None:
        """Remove what an older job has left, if one was there; RankError if `job` is no job."""
        if not self.job.exists():
            return
        if not self.job.is_file() or not self.job.read_bytes().startswith(MAGIC):
            raise RankError(f"{self.job} is no job of ours; choose a folder of its own")
        for pattern in (*OTHERS, *(f"{mark}-*-*" for mark in MARKS)):
            for path in self.path.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


class Marks:
    """One rank's own files in its job's folder; each appears whole or not at all."""

    def __init__(self, folder: Folder, attempt: int, rank: int) -> None:
        self._folder = folder.path
        self._ending = f"{attempt}-{rank}"

    def path(self, mark: str) -> Path:
        """Where this rank's mark of one kind lies."""
        return self._folder / f"{mark}-{self._ending}"

    def save(self, mark: str, data: bytes) -> None:
        """Leave a mark."""
        half = self.path(f"writing-{mark}")
        half.touch(mode=0o600)  # for this user alone whatever the umask says
        half.write_bytes(data)
        half.replace(self.path(mark))

    def save_json(self, mark: str, values: State | Failure) -> None:
        """Say where this rank stands, or what it raised."""
        self.save(mark, json.dumps(values).encode())

    def save_result(self, identity: str, result: object) -> None:
        """Keep what this rank's function returned, for the job of that identity."""
        self.save("result", pickle.dumps((identity, result)))

    def hold(self) -> IO[str]:
        """The file `alive`, locked until this process and its children have ended."""
        alive = self.path("alive").open("w")
        fcntl.flock(alive, fcntl.LOCK_EX)
        alive.write(str(os.getpid()))
        alive.flush()
        return alive
