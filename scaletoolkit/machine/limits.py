"""A command inside walls: memory, CPU seconds, output of all its processes together. Lab 11.

The system's own limits count each process alone, and a command may start many. So a process of its
own watches the command and whatever it has started, counts them together, and ends them all: when
they are over a limit, and when the process that asked for it ends. It looks every LOOK_EVERY_S, and
whoever hides from it (a process that leaves its parent between two looks) is not counted: a wall
for accidents. Against attacks there are cgroups whose files the command may not write.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import psutil

from scaletoolkit.machine import processes

LOOK_EVERY_S = 0.02
LIMITS = {"memory": "memory_bytes", "cpu": "cpu_s", "time": "seconds", "output": "output_bytes"}
Members = dict[int, psutil.Process]


@dataclass(frozen=True)
class Outcome:
    """What became of a command. over: memory, cpu, time or output, whose limit ended it, or "".

    status: its exit status, negative for a signal. most_processes: of those that ran at once.
    peak_bytes, cpu_s: of all of them together. said: the end of what they wrote.
    """

    over: str
    status: int
    most_processes: int
    peak_bytes: int
    cpu_s: float
    said: str

    def __repr__(self) -> str:
        how = f"over its limit of {self.over}" if self.over else f"exit status {self.status}"
        return f"Outcome: {how}, {self.most_processes} processes, {self.peak_bytes:,} bytes"


def run_limited(
    command: Sequence[str],
    memory_bytes: float,
    cpu_s: float = 60,
    seconds: float = 60,
    cores: Sequence[int] = (),
    output_bytes: float = 100e6,
) -> Outcome:
    """Run a command, and end it when all its processes together are over a limit: an Outcome.

    memory_bytes: shared pages count once (Linux; elsewhere each process's resident memory). cpu_s:
    of those that run and those that have ended. seconds: by the clock. cores: the only ones that
    may be used, by number (Linux); all of them when empty. output_bytes: of what they write to
    stdout and stderr. ValueError for an empty command, a limit that is not positive and cores that
    this process may not use; FileNotFoundError where there is no such program; ChildProcessError
    where the process that watches was killed.
    """
    plan = _plan(command, cores, [memory_bytes, cpu_s, seconds, output_bytes])
    child = processes.Child(["-m", "scaletoolkit.machine.limits", json.dumps(plan)])
    try:
        line = child.stdout.readline()
    finally:
        said = child.end()
    if not line:
        raise ChildProcessError(f"the process that watches {command[0]} was killed")
    facts = json.loads(line)
    if "error" in facts:
        raise FileNotFoundError(f"{command[0]} cannot be run: {facts['error']}")
    return Outcome(**facts | {"said": said[-500:]})


def _plan(
    command: Sequence[str], cores: Sequence[int], limits: Sequence[float]
) -> dict[str, object]:
    """What the watcher is told; ValueError for what cannot be."""
    if not command:
        raise ValueError("a command needs at least the name of a program, got none")
    for name, limit in zip(LIMITS.values(), limits, strict=True):
        if not limit > 0:
            raise ValueError(f"{name} must be more than 0, got {limit}")
    if cores and not hasattr(os, "sched_setaffinity"):
        raise ValueError("this system cannot keep a process to some cores; leave `cores` away")
    for core in cores:
        if core not in os.sched_getaffinity(0):
            raise ValueError(f"core {core} is none of those that this process may use")
    named = dict(zip(LIMITS, limits, strict=True))
    return {"command": list(command), "cores": list(cores), "limits": named}


class Group:
    """All processes that descend from this one, and what they have used together so far."""

    def __init__(self) -> None:
        self.members: Members = {}
        self.cpu_s: dict[int, float] = {}
        self.peak_bytes = 0
        self.most_processes = 0

    def look(self) -> None:
        """Count who is there now."""
        for process in psutil.Process().children(recursive=True):
            self.members.setdefault(process.pid, process)
        self.members = {pid: p for pid, p in self.members.items() if p.is_running()}
        used_bytes = 0
        for pid, process in self.members.items():
            with suppress(psutil.Error):
                used_bytes += _memory_bytes(process)
            with suppress(psutil.Error):  # also where its memory is hidden from us
                times = process.cpu_times()
                self.cpu_s[pid] = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, used_bytes)
        self.most_processes = max(self.most_processes, len(self.members))

    def end(self) -> None:
        """Kill them all, also those that were started meanwhile."""
        while alive := [p for p in self.members.values() if _alive(p)]:
            for process in alive:
                with suppress(psutil.Error):
                    process.kill()
            time.sleep(LOOK_EVERY_S)  # whoever waits for them here would take their exit status
            self.look()


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _memory_bytes(process: psutil.Process) -> int:
    """A process's memory; what several share counts in parts, where the system says so."""
    usage = process.memory_full_info()
    return int(getattr(usage, "pss", usage.rss))


def watch(plan: dict[str, object]) -> Outcome:
    """Run the plan's command as a child of this process: what became of it."""
    limits = plan["limits"]
    assert isinstance(limits, dict)
    asker_ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=[asker_ended], daemon=True).start()
    if plan["cores"]:
        os.sched_setaffinity(0, plan["cores"])  # type: ignore[attr-defined,arg-type,unused-ignore]  # Linux only
    group = Group()
    start_s = time.monotonic()
    command = subprocess.Popen(
        plan["command"],  # type: ignore[call-overload]  # a list of texts
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    over = ""
    while command.poll() is None and not over and not asker_ended.is_set():
        group.look()
        used = {"memory": group.peak_bytes, "cpu": sum(group.cpu_s.values())}
        used["time"] = time.monotonic() - start_s
        used["output"] = os.fstat(sys.stderr.fileno()).st_size
        over = next((name for name, limit in limits.items() if used[name] > limit), "")
        time.sleep(LOOK_EVERY_S)
    group.end()
    cpu_s = sum(group.cpu_s.values())
    return Outcome(over, command.wait(), group.most_processes, group.peak_bytes, cpu_s, "")


def _wait_for_end(asker_ended: threading.Event) -> None:
    """Say when the process that asked has ended, or wants no more: then stdin closes."""
    sys.stdin.read()
    asker_ended.set()


if __name__ == "__main__":
    try:
        print(json.dumps(asdict(watch(json.loads(sys.argv[1])))), flush=True)
    except OSError as error:
        print(json.dumps({"error": error.strerror or str(error)}), flush=True)
