"""What every rank runs: `torchrun … -m scaletoolkit.machine.ranks.rank FOLDER`."""

import contextlib
import faulthandler
import os
import re
import signal
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO, cast

from scaletoolkit.machine import processes
from scaletoolkit.machine.ranks import meeting
from scaletoolkit.machine.ranks.folder import Failure, Folder, Marks, State

HEARTBEAT_S = 0.5
ECHO_GRACE_S = 1.5
# Errors that a rank gets because another one has a problem: lost connections, waits in vain.
ECHO_TYPES = ("DistError", "DistBackendError", "DistNetworkError", "DistStoreError")
# The last two come from a meeting in files in which an awaited rank has written nothing.
ECHO_MESSAGE = re.compile(r"gloo/|NCCL|c10d|^Wait timeout$|^Timeout waiting for key")
LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
OURS = tuple(str(Path(__file__).with_name(f"{name}.py")) for name in ("rank", "meeting", "folder"))


class Lines:
    """A stdout whose lines carry the rank; whole lines, so that those of two ranks never mix."""

    def __init__(self, rank: int, descriptor: int) -> None:
        self._prefix = f"rank {rank} │ "
        self._descriptor = descriptor
        self._rest = ""

    def write(self, text: str) -> int:
        """Write the lines that this text ends; the rest waits for its end."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            os.write(self._descriptor, f"{self._prefix}{line}\n".encode())
        return len(text)

    def flush(self) -> None:
        """Nothing to do: a line is written when it ends."""

    def end(self) -> None:
        """Write what is left of a line that never ended."""
        if self._rest:
            self.write("\n")

    def isatty(self) -> bool:
        """No terminal shows these lines directly."""
        return False


def main(folder: Folder, launched: bool) -> None:
    """Run the job in `folder` as the rank that torchrun's environment names.

    launched: by `launch`; the rank ends with it, by its stdin, and meets the others in files.
    """
    rank = int(os.environ["RANK"])
    attempt = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    if launched:
        processes.end_with(sys.stdin.fileno())
        meeting.in_files(folder, attempt)
    marks = Marks(folder, attempt, rank)
    lock = marks.hold()
    _begin_signs(marks)
    lines = Lines(rank, os.dup(1))
    sys.stdout = cast("TextIO", lines)
    try:
        call = folder.read_job()
        result = call.function(rank, int(os.environ["WORLD_SIZE"]), **call.arguments)
        marks.save_result(call.identity, result)
    except BaseException as error:
        failure = describe(error)
        marks.save_json("failure", failure)
        if failure["echo"]:
            time.sleep(ECHO_GRACE_S)  # so that torchrun sees the cause end before its echo
        lines.end()
        os._exit(1)  # leaving a broken group politely may wait for ranks that are gone
    lines.end()
    if _in_group():
        sys.modules["torch"].distributed.destroy_process_group()
    lock.close()


def _begin_signs(marks: Marks) -> None:
    """Let a heartbeat, a termination signal and stderr leave their marks."""
    marks.save_json("state", {"pid": os.getpid(), "collectives": -1, "where": "its start"})
    stopped = marks.path("stopped").open("w")
    faulthandler.register(signal.SIGTERM, stopped, all_threads=False, chain=True)
    with marks.path("stderr").open("w") as stderr:
        os.dup2(stderr.fileno(), 2)
    threading.Thread(target=_beat, args=(marks, threading.get_ident()), daemon=True).start()


def describe(error: BaseException) -> Failure:
    """An exception as plain values: type, message, the caller's own lines, the whole traceback."""
    name = type(error).__name__
    message = str(error)
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "time_ns": time.time_ns(),
        "type": name,
        "message": message,
        "echo": name in ECHO_TYPES or ECHO_MESSAGE.search(message) is not None,
        "lines": [line_of(frame) for frame in own(frames) or frames[-3:]],
        "traceback": "".join(traceback.format_exception(error)),
    }


def own(frames: Sequence[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """The frames outside libraries and outside what runs a rank."""
    return [f for f in frames if not f.filename.startswith(("<frozen", *LIBRARIES, *OURS))]


def line_of(frame: traceback.FrameSummary) -> str:
    """A frame as a person reads it: "cell, line 4, in train: loss.backward()"."""
    file = Path(frame.filename)
    name = file.name if file.exists() else "cell"
    return f"{name}, line {frame.lineno}, in {frame.name}: {frame.line or '(source not known)'}"


def _beat(marks: Marks, thread: int) -> None:
    """Write where this rank, whose function runs in that thread, stands; every half second."""
    while True:
        time.sleep(HEARTBEAT_S)
        frames = own(traceback.extract_stack(sys._current_frames().get(thread)))
        where = line_of(frames[-1]) if frames else "its start"
        with contextlib.suppress(FileNotFoundError):
            state: State = {"pid": os.getpid(), "collectives": _collectives(), "where": where}
            marks.save_json("state", state)


def _collectives() -> int:
    """How many collectives this rank has begun, over all its groups; -1 before it joins one."""
    if not _in_group():
        return -1
    groups = list(sys.modules["torch"].distributed.distributed_c10d._world.pg_map)
    return sum(group._get_sequence_number_for_group() for group in groups)


def _in_group() -> bool:
    """Whether this rank has joined a group; without torch it has not."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    return distributed is not None and distributed.is_initialized()


if __name__ == "__main__":
    main(Folder(sys.argv[1]), launched="--launched" in sys.argv[2:])
