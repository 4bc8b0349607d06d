"""A job of several ranks: written to a folder, started through torchrun, followed, stopped."""

import contextlib
import fcntl
import linecache
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import cloudpickle
import psutil

from scaletoolkit import lab
from scaletoolkit.machine import processes
from scaletoolkit.machine.ranks import failures
from scaletoolkit.machine.ranks.folder import Folder, RankError
from scaletoolkit.machine.ranks.lines import Lines

LOOK_EVERY_S = 0.2
GRACE_S = 8


def torchrun(folder: Folder, ranks: int, meeting: list[str], restarts: int = 0) -> list[str]:
    """Torchrun's arguments for the job in `folder`, with so many ranks on this machine.

    meeting: how the agents of the machines meet.
    """
    return [
        f"--nproc-per-node={ranks}",
        *meeting,
        f"--rdzv-id={folder.path.name}",
        f"--max-restarts={restarts}",
        f"--log-dir={folder.path}/logs",
        "-m",
        "scaletoolkit.machine.ranks.rank",
        str(folder.path),
    ]


def write(folder: Folder, function: Callable[..., object], arguments: Mapping[str, Any]) -> None:
    """Put the function by value, its arguments and the source of a notebook's cells in the folder.

    An older job goes. RankError where others may write there, or the job cannot be pickled.
    """
    cells = {name: entry[2] for name, entry in linecache.cache.items() if len(entry) == 4}
    sources = {name: lines for name, lines in cells.items() if not Path(name).exists()}
    try:
        call = cloudpickle.dumps((function, arguments))
    except Exception as error:  # of any type: each object says in its own way that it stays here
        raise RankError(f"The job cannot travel to its ranks: {error}") from error
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.refuse_what_others_may_write()
    folder.clear()
    folder.save_job({"identity": secrets.token_hex(8), "call": call, "sources": sources})


class Job:
    """Torchrun and its ranks on this machine: started, followed, stopped."""

    def __init__(self, world_size: int, restarts: int) -> None:
        self.folder = Folder(processes.temporary_path("ranks"))
        self._world_size = world_size
        self._restarts = restarts
        self._attempt = 0
        self._lines = Lines(self.folder)
        self._keeper = processes.keep(self.folder.path, self._command(), environment())
        assert self._keeper.stdin is not None
        self._stdin = self._keeper.stdin

    def start(self, function: Callable[..., object], arguments: Mapping[str, Any]) -> None:
        """Write the job, then let the keeper of its folder start torchrun."""
        write(self.folder, function, arguments)
        with contextlib.suppress(BrokenPipeError):  # it was killed: `follow` says so
            self._stdin.write(b"start\n")
            self._stdin.flush()

    def follow(self, detail: str, timeout_s: float, check: Callable[[], None]) -> None:
        """Pass on the ranks' lines until torchrun has ended; RankError when it takes too long.

        detail: what a line says beside the number of ranks. check: called in between; may raise.
        """
        begun_s = time.monotonic()
        with _live_line(f"{self._world_size} ranks, started by torchrun", detail) as show:
            while self._running():
                self._lines.pass_on(self._attempt)
                self._tell_restart()
                age_s = time.monotonic() - begun_s
                if age_s > timeout_s:
                    raise self._too_late(timeout_s)
                show(f"{age_s:.0f} s · {self._progress()}")
                time.sleep(LOOK_EVERY_S)
                check()
            self._tell_restart()
            self._lines.pass_on(self._attempt, last=True)
        if not self.folder.exit.exists():
            raise RankError("the job's own shell was killed, and torchrun and the ranks with it")

    def stop(self) -> None:
        """End whatever still runs, wait until it is gone, remove the folder."""
        deadline_s = time.monotonic() + GRACE_S
        alive = [path.open() for path in self.folder.path.glob("alive-*")]
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        if self._running():
            os.killpg(self._keeper.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(GRACE_S)
        if self._keeper.poll() != 0:
            processes.kill_group(self._keeper.pid)
        self._keeper.wait()
        for lock in alive:
            _end_rank(lock, deadline_s)
        shutil.rmtree(self.folder.path, ignore_errors=True)

    def _command(self) -> list[str]:
        meeting = [
            "--nnodes=1",
            "--rdzv-backend=c10d",
            "--rdzv-conf=store_type=file",
            f"--rdzv-endpoint={self.folder.path}/meeting",
            "--local-addr=127.0.0.1",
        ]
        words = torchrun(self.folder, self._world_size, meeting, self._restarts)
        return [sys.executable, "-m", "torch.distributed.run", *words, "--launched"]

    def _running(self) -> bool:
        return self._keeper.poll() is None and not self.folder.exit.exists()

    def _tell_restart(self) -> None:
        attempt = self.folder.last_attempt()
        if attempt > self._attempt:
            self._lines.pass_on(self._attempt, last=True)
            cause = failures.diagnose(self.folder, self._world_size, self._attempt)
            print(f"{cause}\nRestart {attempt} of {self._restarts}: every rank begins anew.")
            self._attempt = attempt

    def _progress(self) -> str:
        """How many exchanges the rank with the most has begun."""
        last = self.folder.states(self._attempt).values()
        groups = [state["groups"].values() for state in last if state["groups"]]
        if not groups:
            return "starting"
        return f"{max(sum(g['exchanges'] for g in groups_) for groups_ in groups)} exchanges"

    def _too_late(self, timeout_s: float) -> RankError:
        self._lines.pass_on(self._attempt, last=True)
        hang = failures.hang(self.folder, self._world_size, self._attempt, now_s=time.time())
        return RankError(f"Not done after {timeout_s:g} s. {hang}")


def environment() -> dict[str, str]:
    """What the ranks' processes inherit: this process's import path, loopback only.

    PET_… would be torchrun's own options, given to another job around this one.
    """
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PET_")}
    return mine | {
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": loopback,
        # else the agent opens a store on all networks for its ranks, who meet in files
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }


@contextlib.contextmanager
def _live_line(title: str, detail: str) -> Iterator[Callable[[str], object]]:
    """A function that puts news behind the title; in the end the title stands alone again.

    Only a notebook can replace a line; elsewhere title and detail are printed once.
    """
    if not lab.in_notebook():
        print(f"{title}: {detail}")
        yield lambda news: None
        return
    from IPython.display import display

    handle = display({"text/plain": title}, raw=True, display_id=True)
    try:
        yield lambda news: handle.update({"text/plain": f"{title}: {detail} · {news}"}, raw=True)
    finally:
        handle.update({"text/plain": title}, raw=True)


def _end_rank(lock: IO[str], deadline_s: float) -> None:
    """Wait until the rank of this `alive` file has ended; kill what is left of it and its children.

    A rank leads its process group. A process under its number that does not hold the file has got
    the number anew, so nothing is left of the group.
    """
    with lock:
        pid = int(lock.read() or 0)
        while _runs(pid) and time.monotonic() < deadline_s:
            time.sleep(LOOK_EVERY_S / 4)
        if pid and (_held(lock) or not _runs(pid)):
            processes.kill_group(pid)


def _held(lock: IO[str]) -> bool:
    """Whether a rank, or a process that it forked, still holds this file."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _runs(pid: int) -> bool:
    """Whether there is such a process that has not ended, reaped or not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
