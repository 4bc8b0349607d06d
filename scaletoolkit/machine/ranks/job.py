"""A job of several ranks: written to a folder, started through torchrun, followed, stopped.
Ground, beside `ranks`.
"""

import contextlib
import fcntl
import linecache
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cloudpickle

from scaletoolkit import lab
from scaletoolkit.machine.ranks import failures

LOOK_EVERY_S = 0.2
GRACE_S = 8
LOOPBACK = "127.0.0.1"

# A shell stays beside the job: it starts torchrun when told to, says how it ended and removes the
# folder once this process lets go of the pipe: even a killed kernel leaves no process and no file.
KEEPER = 'trap : TERM; read _ && "$@"; echo $? >"$0/exit"; exec >&-; cat >/dev/null; rm -rf -- "$0"'


def torchrun(folder, ranks_per_node, nodes=1, host="localhost:0", restarts=0):
    """Torchrun's arguments for the job in `folder`: a list of words."""
    return [
        f"--nnodes={nodes}",
        f"--nproc-per-node={ranks_per_node}",
        "--rdzv-backend=c10d",
        f"--rdzv-endpoint={host}",
        f"--rdzv-id={folder.name}",
        f"--max-restarts={restarts}",
        f"--log-dir={folder / 'logs'}",
        "-m",
        "scaletoolkit.machine.ranks.rank",
        str(folder),
    ]


def write(folder, function, arguments):
    """Put the function by value, its arguments and the source of a notebook's cells in a folder."""
    cells = {name: entry[2] for name, entry in linecache.cache.items() if len(entry) == 4}
    sources = {name: lines for name, lines in cells.items() if not Path(name).exists()}
    try:
        job = {"call": cloudpickle.dumps((function, arguments)), "sources": sources}
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise failures.RankError(f"The job cannot travel to its ranks: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job").write_bytes(pickle.dumps(job))


@contextlib.contextmanager
def interrupts_held_back():
    """A function that raises KeyboardInterrupt where one has come; it comes nowhere else in here.

    An interrupt in the middle of Popen.poll leaves Popen's lock taken, and the next wait would
    never end. Only a main thread is ever interrupted.
    """
    came = []

    def check():
        if came:
            raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    before = main and signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield check
    finally:
        if main:
            signal.signal(signal.SIGINT, before or signal.SIG_DFL)
    check()


class Job:
    """Torchrun and its ranks: started, followed, stopped."""

    def __init__(self, folder, world_size, detail, restarts):
        self.folder, self.world_size, self.restarts = folder, world_size, restarts
        self.detail = detail
        self.keeper, self.half_line, self.attempt = None, b"", 0

    def start(self, function, arguments):
        """Let a shell watch over the folder, write the job into it, then start torchrun."""
        words = torchrun(self.folder, self.world_size, restarts=self.restarts)
        words = [f"--local-addr={LOOPBACK}", *words, "--watched"]
        torchrun_module = [sys.executable, "-m", "torch.distributed.run"]
        with (self.folder / "agent.log").open("wb") as log:
            self.keeper = subprocess.Popen(
                ["sh", "-c", KEEPER, str(self.folder), *torchrun_module, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(),
                start_new_session=True,
            )
        os.set_blocking(self.keeper.stdout.fileno(), False)
        write(self.folder, function, arguments)
        self.keeper.stdin.write(b"start\n")
        self.keeper.stdin.flush()

    def follow(self, timeout_s, check=lambda: None):
        """Pass on the ranks' lines until torchrun has ended; raise when it takes too long.

        check: called every round; what it raises ends the wait.
        """
        begun = time.monotonic()
        with _live_line(f"{self.world_size} ranks, started by torchrun", self.detail) as show:
            while self._running():
                self._pass_lines()
                self._tell_restart()
                age_s = time.monotonic() - begun
                if age_s > timeout_s:
                    raise self._too_late(timeout_s)
                show(f"{age_s:.0f} s · {self._exchanges()} exchanges")
                time.sleep(LOOK_EVERY_S)
                check()
            self._pass_lines()

    def stop(self):
        """End whatever still runs, wait until it is gone, remove the folder."""
        if self.keeper is not None:
            alive = [path.open() for path in self.folder.glob("alive-*")]
            self.keeper.stdin.close()
            if self._running():
                os.killpg(self.keeper.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.keeper.wait(GRACE_S)
            if self.keeper.poll() != 0:
                _kill_group(self.keeper.pid)
            self.keeper.wait()
            self.keeper.stdout.close()
            for lock in alive:
                _see_off(lock)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _running(self):
        return self.keeper.poll() is None and not (self.folder / "exit").exists()

    def _pass_lines(self):
        new = self.keeper.stdout.read() or b""
        *lines, self.half_line = (self.half_line + new).split(b"\n")
        for line in lines:
            print(line.decode(errors="replace"))

    def _tell_restart(self):
        attempt = failures.last_attempt(self.folder)
        if attempt > self.attempt:
            cause = failures.diagnose(self.folder, self.world_size, self.attempt)
            print(f"{cause}\nRestart {attempt} of {self.restarts}: every rank begins anew.")
            self.attempt = attempt

    def _exchanges(self):
        seen = failures.states(self.folder, self.attempt).values()
        return max((state["collectives"] for state in seen), default=0)

    def _too_late(self, timeout_s):
        finished = failures.marks(self.folder, "result", self.attempt)
        suspects = set(failures.states(self.folder, self.attempt)) - set(finished)
        if not suspects:
            return failures.diagnose(self.folder, self.world_size, self.attempt)
        reason = failures.held_up(self.folder, self.attempt, suspects)
        return failures.RankError(f"Not done after {timeout_s:g} s. {reason}")


def _environment():
    """What the ranks' processes inherit: this process's import path, loopback only."""
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": loopback,
        # with one store for all attempts, a restarted rank finds the addresses of dead ones
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }


@contextlib.contextmanager
def _live_line(title, detail):
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


def _see_off(lock):
    """Wait until nobody holds this file any more; kill the rank that named itself in it."""
    deadline = time.monotonic() + GRACE_S
    with lock:
        while True:
            with contextlib.suppress(BlockingIOError):
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.monotonic() > deadline:
                return _kill_group(int(lock.read()))
            time.sleep(LOOK_EVERY_S / 4)


def _kill_group(pid):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
