"""What every rank runs: `torchrun … -m scaletoolkit.machine.ranks.rank FOLDER`.

A rank reads its job from the folder, calls the function and leaves marks of how it went, named
<mark>-<attempt>-<rank>: `alive` is locked while the rank lives, `state` says every half second
where it stands, `result` or `failure` ends it, `stopped` is what a termination signal leaves.
Marks instead of messages, because a rank that is killed or hangs can send none.
"""

import contextlib
import faulthandler
import fcntl
import json
import linecache
import os
import pickle
import re
import select
import signal
import sys
import sysconfig
import threading
import time
import traceback
from pathlib import Path

HEARTBEAT_S = 0.5
ECHO_GRACE_S = 1.5
# Errors that a rank gets because another one has a problem: lost connections, waits in vain.
ECHO_TYPES = ("DistError", "DistBackendError", "DistNetworkError", "DistStoreError")
ECHO_MESSAGE = re.compile(r"gloo/|NCCL|c10d")
LIBRARIES = ("<frozen", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))


class Marks:
    """This rank's files in the job's folder; each appears whole or not at all."""

    def __init__(self, folder, attempt, rank):
        self.folder, self.ending = Path(folder), f"{attempt}-{rank}"

    def path(self, mark):
        return self.folder / f"{mark}-{self.ending}"

    def save(self, mark, data):
        half = self.path(f"writing-{mark}")
        half.write_bytes(data)
        half.replace(self.path(mark))

    def save_json(self, mark, **values):
        self.save(mark, json.dumps(values).encode())

    def hold(self):
        """Lock `alive` until this process and its children have ended."""
        alive = self.path("alive").open("w")
        fcntl.flock(alive, fcntl.LOCK_EX)
        alive.write(str(os.getpid()))
        alive.flush()
        return alive


class Lines:
    """A stdout whose lines carry the rank; whole lines, so that those of two ranks never mix."""

    def __init__(self, rank, descriptor):
        self.prefix, self.descriptor, self.rest = f"rank {rank} │ ", descriptor, ""

    def write(self, text):
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            os.write(self.descriptor, f"{self.prefix}{line}\n".encode())
        return len(text)

    def flush(self):
        """Nothing to do: a line is written when it ends."""

    def end(self):
        """Write what is left of a line that never ended."""
        if self.rest:
            self.write("\n")

    def isatty(self):
        return False


def main(folder, watched):
    """Run the job in `folder` as the rank that torchrun's environment names."""
    rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    attempt = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    marks = Marks(folder, attempt, rank)
    lock, stopped = marks.hold(), marks.path("stopped").open("w")
    marks.save_json("state", pid=os.getpid(), collectives=-1, where="its start")
    faulthandler.register(signal.SIGTERM, stopped, all_threads=False, chain=True)
    with marks.path("stderr").open("w") as stderr:
        os.dup2(stderr.fileno(), 2)
    threading.Thread(target=_beat, args=(marks, watched), daemon=True).start()
    sys.stdout = lines = Lines(rank, os.dup(1))
    try:
        function, arguments = load_job(folder)
        marks.save("result", pickle.dumps(function(rank, world_size, **arguments)))
    except BaseException as error:
        failure = describe(error)
        marks.save_json("failure", **failure)
        if failure["echo"]:
            time.sleep(ECHO_GRACE_S)  # so that torchrun sees the cause end before its echo
        lines.end()
        os._exit(1)  # leaving a broken group politely may wait for ranks that are gone
    lines.end()
    _leave_group()
    lock.close()


def load_job(folder):
    """The job's (function, arguments); tracebacks get to know the cells' source lines."""
    job = pickle.loads((Path(folder) / "job").read_bytes())
    for name, lines in job["sources"].items():
        linecache.cache[name] = (sum(map(len, lines)), None, lines, name)
    return pickle.loads(job["call"])


def describe(error):
    """An exception as plain values: type, message, the caller's own lines, the whole traceback;
    `echo` says that another rank's trouble caused it."""
    name, message = type(error).__name__, str(error)
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "time_ns": time.time_ns(),
        "type": name,
        "message": message,
        "echo": name in ECHO_TYPES or ECHO_MESSAGE.search(message) is not None,
        "lines": [line_of(frame) for frame in own(frames) or frames[-3:]],
        "traceback": "".join(traceback.format_exception(error)),
    }


def own(frames):
    """The frames outside libraries and outside this module."""
    return [f for f in frames if f.filename != __file__ and not f.filename.startswith(LIBRARIES)]


def line_of(frame):
    """A frame as a person reads it: "cell, line 4, in train: loss.backward()"."""
    file = Path(frame.filename)
    return f"{file.name if file.exists() else 'cell'}, line {frame.lineno}, in {frame.name}: " + (
        frame.line or "(source not known)"
    )


def _beat(marks, watched):
    while True:
        if watched and select.select([0], [], [], HEARTBEAT_S)[0]:
            os._exit(1)  # whoever launched this rank is gone
        if not watched:
            time.sleep(HEARTBEAT_S)
        with contextlib.suppress(FileNotFoundError):
            marks.save_json("state", pid=os.getpid(), collectives=_collectives(), where=_where())


def _where():
    frame = sys._current_frames().get(threading.main_thread().ident)
    frames = own(traceback.extract_stack(frame))
    return line_of(frames[-1]) if frames else "its start"


def _collectives():
    """How many collectives this rank has begun, over all its groups; -1 before it joins one.

    The rank that has begun fewest is the one that the others wait for.
    """
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "distributed") or not torch.distributed.is_initialized():
        return -1
    groups = list(torch.distributed.distributed_c10d._world.pg_map)
    return sum(group._get_sequence_number_for_group() for group in groups)


def _leave_group():
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], "--watched" in sys.argv[2:])
