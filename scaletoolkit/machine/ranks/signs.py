"""The signs that a rank gives while it lives: its line of code, and the exchange it waits in.

A thread writes them again and again. It finds the wait in the stack of the rank's own thread, and
asks torch how many exchanges each group has begun; `hangs` reads them. What is not public of torch
here is watched by `tests/machine/ranks/test_private_apis.py`.
"""

import contextlib
import linecache
import re
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from scaletoolkit.machine.ranks.marks import Group, Marks, Standing, Wait

LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
OURS = str(Path(__file__).parent)
LAUNCH = str(Path(__file__).with_name("launch.py"))
START = "its start"
# Files of torch whose functions wait for other ranks, and files that only stand in between.
EXCHANGES = (
    "torch/distributed/distributed_c10d.py",
    "torch/distributed/rendezvous.py",
    "torch/distributed/_functional_collectives.py",
    "torch/distributed/pipelining/schedules.py",
    "torch/nn/parallel/distributed.py",
)
BETWEEN = ("torch/_ops.py", "torch/distributed/c10d_logger.py", "torch/utils/_contextlib.py")
TO_ONE = {"send": "dst", "isend": "dst", "recv": "src", "irecv": "src"}


def beat(marks: Marks, thread: int, every_s: float, over: threading.Event) -> None:
    """Write where this rank, whose function runs in that thread, stands, until it is over."""
    last = None
    since_s = time.monotonic()
    while not over.wait(every_s):
        standing = look(thread)
        if standing != last:
            since_s = time.monotonic()
        last = standing
        still_s = time.monotonic() - since_s
        with contextlib.suppress(OSError):  # the folder is gone, or full: the next sign may pass
            marks.save_state(standing, every_s, still_s)


def look(thread: int) -> Standing:
    """Where that thread stands now, and how far its groups are."""
    newest_first = traceback.walk_stack(sys._current_frames().get(thread))
    frames = [frame for frame, _ in newest_first][::-1]
    lines = traceback.extract_stack(frames[-1]) if frames else []
    mine = [number for number, line in enumerate(lines) if is_own(line)]
    groups: dict[str, Group] = {}
    wait = None
    with contextlib.suppress(Exception):  # torch promises none of this: better a sign without
        groups = _groups()
        wait = waits(frames[mine[-1] if mine else 0 :])
    return {"where": line_of(lines[mine[-1]]) if mine else START, "wait": wait, "groups": groups}


def waits(frames: Sequence[FrameType]) -> Wait | None:
    """The exchange that waits in these frames, the outermost first; None where none does."""
    inner = next(frame for frame in reversed(frames) if not _file(frame).endswith(BETWEEN))
    exchange = [frame for frame in frames if _file(frame).endswith(EXCHANGES)]
    if any(_file(frame) == LAUNCH and frame.f_code.co_name == "join" for frame in frames):
        return {"exchange": "setup_distributed", "group": None, "peers": []}
    if _file(inner).endswith(EXCHANGES):
        return _described(exchange)
    if inner.f_code.co_name == "_engine_run_backward":
        return {"exchange": "backward", "group": None, "peers": []}
    if re.search(r"\.wait\([^()]*\)$", _running(inner)):
        name = exchange[0].f_code.co_name if exchange else "wait"
        return {"exchange": name, "group": None, "peers": []}
    return None


def _described(exchange: Sequence[FrameType]) -> Wait:
    """The name, the group and the other end of the exchange that waits in these frames."""
    name = exchange[0].f_code.co_name
    known: dict[str, Any] = dict(exchange[0].f_locals)
    if "group" not in known or name == "init_process_group":
        return {"exchange": name, "group": None, "peers": []}
    distributed = sys.modules["torch"].distributed
    group = known["group"] or distributed.group.WORLD
    peer = known.get(TO_ONE.get(name, ""))
    within = known.get(f"group_{TO_ONE.get(name, '')}")
    if peer is None and within is not None:
        peer = distributed.get_global_rank(group, within)
    peers = [] if peer is None else [int(peer)]  # numpy's integers are none of JSON's
    return {"exchange": name, "group": group.group_name, "peers": peers}


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename


def _running(frame: FrameType) -> str:
    """The source line in which the frame is, up to the end of the call that it waits for."""
    _, line, _, end = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    if line is None:
        return ""
    return linecache.getline(_file(frame), line, frame.f_globals).encode()[:end].decode()


def _groups() -> dict[str, Group]:
    """{name: how many exchanges it has begun here, and its ranks} of this rank's groups."""
    if not in_group():
        return {}
    distributed = sys.modules["torch"].distributed
    groups = list(distributed.distributed_c10d._world.pg_map)
    return {
        group.group_name: {
            "exchanges": group._get_sequence_number_for_group(),
            "ranks": [int(rank) for rank in distributed.get_process_group_ranks(group)],
        }
        for group in groups
    }


def in_group() -> bool:
    """Whether this rank has joined a group; without torch it has not."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    return distributed is not None and distributed.is_initialized()


def is_own(frame: traceback.FrameSummary) -> bool:
    """Whether a frame is the caller's: outside libraries and outside what runs a rank."""
    return not frame.filename.startswith(("<frozen", *LIBRARIES, OURS))


def line_of(frame: traceback.FrameSummary) -> str:
    """A frame as a person reads it: "cell, line 4, in train: loss.backward()"."""
    file = Path(frame.filename)
    name = file.name if file.exists() else "cell"
    return f"{name}, line {frame.lineno}, in {frame.name}: {frame.line or '(source not known)'}"
