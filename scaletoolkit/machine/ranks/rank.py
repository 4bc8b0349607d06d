"""What every rank runs: `torchrun … -m scaletoolkit.machine.ranks.rank FOLDER`."""

import atexit
import contextlib
import ctypes
import faulthandler
import gc
import io
import os
import re
import signal
import sys
import threading
import time
import traceback
from typing import IO

from scaletoolkit.machine import processes
from scaletoolkit.machine.ranks import meeting, signs
from scaletoolkit.machine.ranks.folder import Folder
from scaletoolkit.machine.ranks.marks import Failure, Marks

BEAT_S = 0.5
REQUEUED = "SCALETOOLKIT_REQUEUED"  # how many times a cluster's queue has begun the job anew
FAR_BEAT_S = 5  # where hundreds of ranks share one file system
ECHO_GRACE_S = 1.5
# Errors that a rank gets because another one has a problem: lost connections, waits in vain.
ECHO_TYPES = ("DistError", "DistBackendError", "DistNetworkError", "DistStoreError")
# The last two come from a meeting in files in which an awaited rank has written nothing.
ECHO_MESSAGE = re.compile(r"gloo/|NCCL|c10d|^Wait timeout$|^Timeout waiting for key")

WRITTEN = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
_locks: list[IO[str]] = []  # held until this process has ended


def main(folder: Folder, launched: bool) -> None:
    """Run the job in `folder` as the rank that torchrun's environment names.

    launched: by `launch`, which shows what the rank writes; the rank ends with it, by its stdin,
    and meets the others in files.
    """
    rank = int(os.environ["RANK"])
    attempt = int(os.environ["TORCHELASTIC_RESTART_COUNT"]) + int(os.environ.get(REQUEUED, 0))
    marks = Marks(folder.path, attempt, rank)
    if launched:
        processes.end_with(sys.stdin.fileno())
        _locks.append(marks.hold())
        _write_into(marks)
        meeting.in_files(folder, attempt)
    over = _begin_signs(marks, BEAT_S if launched else FAR_BEAT_S)
    try:
        call = folder.read_job()
        result = call.function(rank, int(os.environ["WORLD_SIZE"]), **call.arguments)
        over.set()
        marks.save_result(call.identity, result)
    except BaseException as error:
        over.set()
        _fail(marks, error)
    if signs.in_group():
        sys.modules["torch"].distributed.destroy_process_group()


def _write_into(marks: Marks) -> None:
    """Let everything that this rank and its children write go to its marks, a line at a time."""
    for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
        with marks.path(name).open("w") as mark:
            os.dup2(mark.fileno(), stream.fileno())
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _begin_signs(marks: Marks, every_s: float) -> threading.Event:
    """Let a heartbeat and a termination signal leave their marks, until the event is set."""
    marks.save_state({"where": signs.START, "wait": None, "groups": {}}, every_s, 0)
    stopped = marks.path("stopped").open("w")
    faulthandler.register(signal.SIGTERM, stopped, all_threads=False, chain=True)
    over = threading.Event()
    beat = (marks, threading.get_ident(), every_s, over)
    threading.Thread(target=signs.beat, args=beat, daemon=True).start()
    return over


def _fail(marks: Marks, error: BaseException) -> None:
    """Leave the mark of what was raised, and end this rank."""
    failure = describe(error)
    marks.save_failure(failure)
    if failure["echo"]:
        time.sleep(ECHO_GRACE_S)  # so that torchrun sees the cause end before its echo
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)  # leaving a broken group politely may wait for ranks that are gone


def describe(error: BaseException) -> Failure:
    """An exception as plain values: type, message, the caller's own lines, the whole traceback."""
    name = type(error).__name__
    message = str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if signs.is_own(frame)]
    return {
        "time_ns": time.time_ns(),
        "type": name,
        "message": message,
        "echo": name in ECHO_TYPES or ECHO_MESSAGE.search(message) is not None,
        "lines": [signs.line_of(frame) for frame in own or frames[-3:]],
        "traceback": "".join(traceback.format_exception(error)),
    }


def _leave() -> None:
    """End this process as Python does, up to where Python takes itself apart.

    From there on it unwinds each thread that asks for its lock, and where that is a thread of
    torch, inside a destructor, the process aborts: a rank that has returned would have failed.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    for file in gc.get_objects():  # those that nobody has closed, the standard ones among them
        if type(file) in WRITTEN:
            with contextlib.suppress(ValueError, OSError):
                file.flush()
    ctypes.CDLL(None).fflush(None)  # what code in C has printed
    os._exit(0)


if __name__ == "__main__":
    main(Folder(sys.argv[1]), launched="--launched" in sys.argv[2:])
    _leave()
