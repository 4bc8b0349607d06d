"""What went wrong first in a job of several ranks, as a sentence: one failure makes others fail."""

import re
import signal
import time
from collections.abc import Collection, Mapping

from scaletoolkit.machine.ranks import hangs
from scaletoolkit.machine.ranks.folder import SILENT_BEATS, Folder, RankError
from scaletoolkit.machine.ranks.marks import Failure

SIGNALLED = 128  # a shell adds the signal that ended its command
WATCHDOG = re.compile("Watchdog caught collective operation timeout")


def diagnose(folder: Folder, world_size: int, attempt: int) -> RankError:
    """Why an attempt failed, as a RankError that names the rank."""
    failures = folder.failures(attempt)
    causes = {rank: failure for rank, failure in failures.items() if not failure["echo"]}
    if causes:
        return _raised(causes)
    ended = _ended_by_signal(folder)
    if ended:
        return RankError(ended)
    dead = _dead(folder, attempt)
    gave_up = {rank for rank, code in dead.items() if _gave_up(folder, attempt, rank, code)}
    killed = {rank: code for rank, code in dead.items() if rank not in gave_up}
    if killed:
        return RankError(_running(folder, attempt, killed) or _died(killed))
    in_vain = gave_up.union(failures)
    if not in_vain:
        return RankError(_never_began(folder, world_size, attempt))
    sentence, certain = hangs.told(_standing(folder, world_size, attempt, in_vain))
    if certain or not failures:
        return RankError(sentence)
    first = _raised(failures)
    return RankError(f"{sentence}\n{first}", first.traceback)


def hang(folder: Folder, world_size: int, attempt: int, now_s: float) -> str:
    """Who keeps the others waiting in a job that still runs, as a sentence."""
    return hangs.told(_standing(folder, world_size, attempt, folder.failures(attempt), now_s))[0]


def _standing(
    folder: Folder, world_size: int, attempt: int, in_vain: Collection[int], now_s: float = 0
) -> hangs.Ranks:
    states = folder.states(attempt)
    finished = folder.marks("result", attempt)
    ended = {*finished, *in_vain}
    silent = folder.silent(attempt, now_s) - ended
    return hangs.Ranks(world_size, states, finished, in_vain, silent)


def _gave_up(folder: Folder, attempt: int, rank: int, code: int | None) -> bool:
    """Whether a rank aborted because an exchange took too long: NCCL does, without an error."""
    if code != -signal.SIGABRT:
        return False
    wait = folder.states(attempt)[rank]["wait"]
    return wait is not None or WATCHDOG.search(folder.wrote("stderr", attempt, rank)) is not None


def _raised(failures: Mapping[int, Failure]) -> RankError:
    """What the rank raised that raised first."""
    rank, first = min(failures.items(), key=lambda item: item[1]["time_ns"])
    lines = "".join(f"\n  {line}" for line in first["lines"])
    sentence = f"rank {rank} raised {first['type']}: {first['message']}{lines}"
    return RankError(sentence, first["traceback"])


def _ended_by_signal(folder: Folder) -> str:
    """What ended torchrun itself and so all ranks, as a sentence; "" where nothing did."""
    told = re.search(r"Received (\d+) death signal", folder.said())
    number = int(told[1]) if told else folder.exit_status() - SIGNALLED
    return f"torchrun was ended by {_signal(number)}, and its ranks with it" if number > 0 else ""


def _dead(folder: Folder, attempt: int) -> dict[int, int | None]:
    """{rank: exit code} of the ranks that ended by themselves and left no mark of why.

    Not those that torchrun stopped; None: the exit code is not known.
    """
    log = folder.said()
    by_torchrun = {int(pid) for pid in re.findall(r"process (\d+) (?:closing|via)", log)}
    stopped = {r for r, path in folder.marks("stopped", attempt).items() if path.stat().st_size}
    explained = {*folder.marks("result", attempt), *folder.marks("failure", attempt)}
    dead = {}
    for rank, state in folder.states(attempt).items():
        code = _exit_code(log, state["pid"])
        unknown = rank in stopped and code is None
        if rank not in explained and state["pid"] not in by_torchrun and not unknown:
            dead[rank] = code
    return dead


def _exit_code(log: str, pid: int) -> int | None:
    code = re.search(rf"exitcode\s*: (-?\d+)\)?[^\n]*\(pid: {pid}\)", log)
    return int(code[1]) if code else None


def _signal(number: int) -> str:
    return f"signal {number} ({signal.Signals(number).name})"


def _died(dead: Mapping[int, int | None]) -> str:
    """The first of the dead that torchrun did not stop itself, as a sentence."""
    rank, code = min(dead.items(), key=lambda item: (item[1] in (None, -signal.SIGTERM), item[0]))
    if code is None:
        return f"rank {rank} ended without returning from its function"
    if code >= 0:
        return f"rank {rank} ended with exit code {code} and raised nothing"
    return f"rank {rank} was killed by {_signal(-code)}"


def _running(folder: Folder, attempt: int, missing: Collection[int]) -> str:
    """That these ranks may still run, where their signs are fresh and no log knows better."""
    silent = folder.silent(attempt, time.time())
    if folder.log.exists() or silent.intersection(missing):
        return ""
    every_s = max(state["every_s"] for state in folder.states(attempt).values())
    late = f"ended without a word in the last {SILENT_BEATS * every_s:g} s"
    return f"no result yet of {hangs.names(set(missing))}: still at work, or {late}"


def _never_began(folder: Folder, world_size: int, attempt: int) -> str:
    missing = set(range(world_size)) - set(folder.states(attempt))
    log = folder.said().strip().splitlines()
    none = "the launcher ended before its ranks"
    what = f"{hangs.names(missing)} never began" if missing else none
    last = [f"{what}; torchrun's last lines:", *(f"  {line}" for line in log[-5:])]
    return "\n".join(last) if log else f"{what}, and torchrun said nothing"
