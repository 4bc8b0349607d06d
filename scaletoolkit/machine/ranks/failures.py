"""What went wrong first in a job of several ranks, as a sentence: one failure makes others fail."""

import re
import signal
from collections.abc import Iterable, Mapping

from scaletoolkit.machine.ranks.folder import Failure, Folder, RankError, State


def diagnose(folder: Folder, world_size: int, attempt: int) -> RankError:
    """Why an attempt failed, as a RankError that names the rank."""
    failures = folder.failures(attempt)
    causes = {rank: failure for rank, failure in failures.items() if not failure["echo"]}
    if causes:
        return _raised(causes)
    dead = _dead(folder, attempt)
    if dead:
        return RankError(_died(dead))
    finished = set(folder.marks("result", attempt))
    states = folder.states(attempt)
    silent = set(states) - set(failures) - finished
    if failures and finished:
        rule = "every rank must take the same number of steps"
        early = f"{_names(finished)} had already finished when {_names(failures)}"
        return RankError(f"{early} asked for another exchange: {rule}")
    if failures and silent:
        return RankError(held_up(states, silent))
    if failures:
        return _raised(failures)
    return RankError(_never_began(folder, world_size, attempt))


def held_up(states: Mapping[int, State], suspects: set[int]) -> str:
    """Which of the suspects the others wait for, and where it stands, as a sentence."""
    fewest = min(states[rank]["collectives"] for rank in suspects)
    slowest = sorted(rank for rank in suspects if states[rank]["collectives"] == fewest)
    waiting = any(state["collectives"] > fewest for state in states.values())
    places = "\n".join(f"  rank {rank} at {states[rank]['where']}" for rank in slowest)
    if not waiting:
        return f"No rank waits for another; each is still at work:\n{places}"
    return f"{_names(slowest)} hung, and the others wait for it:\n{places}"


def _names(ranks: Iterable[int]) -> str:
    numbers = [str(rank) for rank in sorted(ranks)]
    return f"rank {numbers[0]}" if len(numbers) == 1 else f"ranks {', '.join(numbers)}"


def _raised(failures: Mapping[int, Failure]) -> RankError:
    """What the rank raised that raised first."""
    rank, first = min(failures.items(), key=lambda item: item[1]["time_ns"])
    lines = "".join(f"\n  {line}" for line in first["lines"])
    sentence = f"rank {rank} raised {first['type']}: {first['message']}{lines}"
    return RankError(sentence, first["traceback"])


def _dead(folder: Folder, attempt: int) -> dict[int, int | None]:
    """{rank: exit code} of the ranks that ended and left no mark of why; None: not known."""
    stopped = {r for r, path in folder.marks("stopped", attempt).items() if path.stat().st_size}
    explained = stopped.union(folder.marks("result", attempt), folder.marks("failure", attempt))
    last = folder.states(attempt).items()
    log = folder.said()
    return {rank: _exit_code(log, state["pid"]) for rank, state in last if rank not in explained}


def _exit_code(log: str, pid: int) -> int | None:
    code = re.search(rf"exitcode\s*: (-?\d+)\)?[^\n]*\(pid: {pid}\)", log)
    return int(code[1]) if code else None


def _died(dead: Mapping[int, int | None]) -> str:
    """The first of the dead that torchrun did not stop itself, as a sentence."""
    rank, code = min(dead.items(), key=lambda item: (item[1] in (None, -signal.SIGTERM), item[0]))
    if code is None:
        return f"rank {rank} ended without returning from its function"
    if code >= 0:
        return f"rank {rank} ended with exit code {code} and raised nothing"
    return f"rank {rank} was killed by signal {-code} ({signal.Signals(-code).name})"


def _never_began(folder: Folder, world_size: int, attempt: int) -> str:
    missing = set(range(world_size)) - set(folder.states(attempt))
    log = folder.said().strip().splitlines()
    what = f"{_names(missing)} never began" if missing else "the launcher ended before its ranks"
    return "\n".join([f"{what}; torchrun's last lines:", *(f"  {line}" for line in log[-5:])])
