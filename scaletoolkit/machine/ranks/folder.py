"""The folder of one job, and every file by which its launcher and its ranks know of each other.

job              what to run, as a pickle (`write_job` in `job`, `read_job` here)
log, exit        what torchrun says, and its exit status: its keeper writes both
logs, meeting    torchrun's own
store-<attempt>-<number>   where the ranks of one machine meet (`meeting`)
<mark>-<attempt>-<rank>    what a rank leaves (`marks`)
"""

import json
import linecache
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from scaletoolkit import lab
from scaletoolkit.machine.ranks.marks import Failure, Marks, State

SILENT_BEATS = 8
MARKS = ("alive", "state", "result", "failure", "stopped", "stdout", "stderr")
MAGIC = b"scaletoolkit job\n"  # how a job of ours begins
OTHERS = ("job", "log", "exit", "logs", "meeting", "store-*", "writing-*")


class RankError(lab.LabError):
    """A job failed: which rank, and how. `traceback`: the rank's own, in full, where it has one."""

    def __init__(self, sentence: str, traceback: str = "") -> None:
        super().__init__(sentence)
        self.traceback = traceback


class Call(NamedTuple):
    """What every rank of a job does; `identity` tells the job from others in the same folder."""

    identity: str
    function: Callable[..., object]
    arguments: dict[str, Any]


def _loaded(rank: int, path: Path) -> tuple[str, Any]:
    """The identity of its job, and what a rank returned; RankError where it cannot be unpickled."""
    try:
        identity, result = pickle.loads(path.read_bytes())
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise RankError(f"what rank {rank} returned cannot be read: {cause}") from error
    return identity, result


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
        """{rank: its last sign}."""
        marks = self.marks("state", attempt).items()
        return {rank: json.loads(path.read_text()) for rank, path in marks}

    def silent(self, attempt: int, now_s: float = 0) -> set[int]:
        """The ranks that gave no sign for long while others did, or until now."""
        marks = self.marks("state", attempt)
        written_s = {rank: path.stat().st_mtime for rank, path in marks.items()}
        raised_s = [path.stat().st_mtime for path in self.marks("failure", attempt).values()]
        newest_s = max([now_s, *written_s.values(), *raised_s])
        states = self.states(attempt)
        limits_s = {rank: SILENT_BEATS * states[rank]["every_s"] for rank in marks}
        return {rank for rank in marks if newest_s - written_s[rank] > limits_s[rank]}

    def failures(self, attempt: int) -> dict[int, Failure]:
        """{rank: what it raised}, for the ranks that raised something."""
        marks = self.marks("failure", attempt).items()
        return {rank: json.loads(path.read_text()) for rank, path in marks}

    def results(self, attempt: int) -> dict[int, Any]:
        """{rank: what its function returned}; a late rank of an older job does not count."""
        identity = self._load_job()["identity"]
        marks = self.marks("result", attempt).items()
        loaded = {rank: _loaded(rank, path) for rank, path in marks}
        return {rank: result for rank, (job, result) in loaded.items() if job == identity}

    def said(self) -> str:
        """What torchrun has written to its log; "" where none was kept."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def exit_status(self) -> int:
        """How torchrun ended; 0 while it runs, or where it was not noted."""
        return int(self.exit.read_text().strip() or 0) if self.exit.exists() else 0

    def wrote(self, mark: str, attempt: int, rank: int) -> str:
        """What a rank has written to its `stdout` or `stderr`; "" where that was not kept."""
        path = Marks(self.path, attempt, rank).path(mark)
        return path.read_text(errors="replace") if path.exists() else ""

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
