"""What went wrong in a job of several ranks, as a sentence.

When one rank fails, the others fail too, or wait for ever: their connection is lost, their time
runs out, the agent stops them. `diagnose` looks for the first cause.
"""

import json
import re
import signal
from pathlib import Path

from scaletoolkit import lab

SILENT_S = 3


class RankError(lab.LabError):
    """A job failed: the sentence says which rank and what; a notebook shows no traceback.

    `traceback` is the failing rank's own, in full, where there is one.
    """

    def __init__(self, sentence, traceback=""):
        super().__init__(sentence)
        self.traceback = traceback


def marks(folder, mark, attempt):
    """{rank: path} of the marks of one kind that the ranks of an attempt have left."""
    found = Path(folder).glob(f"{mark}-{attempt}-*")
    return {int(path.name.rsplit("-", 1)[1]): path for path in found}


def last_attempt(folder):
    """The number of the newest attempt, from 0; 0 before any rank has begun."""
    return max((int(p.name.split("-")[1]) for p in Path(folder).glob("state-*")), default=0)


def states(folder, attempt):
    """{rank: {"pid", "collectives", "where"}}: where each rank was seen last."""
    found = marks(folder, "state", attempt).items()
    seen = {rank: json.loads(path.read_text()) for rank, path in found}
    written = {rank: path.stat().st_mtime for rank, path in found}
    for rank, time_s in written.items():
        if max(written.values()) - time_s > SILENT_S:
            seen[rank]["where"] += " (and has given no sign since)"
    return seen


def diagnose(folder, world_size, attempt):
    """Why an attempt failed, as a RankError that names the rank."""
    failures = {r: json.loads(p.read_text()) for r, p in marks(folder, "failure", attempt).items()}
    causes = {r: f for r, f in failures.items() if not f["echo"]}
    if causes:
        return _raised(causes)
    dead = _dead(folder, attempt)
    if dead:
        return RankError(_died(dead))
    finished = set(marks(folder, "result", attempt))
    silent = set(states(folder, attempt)) - set(failures) - finished
    if failures and finished:
        return RankError(_too_early(failures, finished))
    if failures and silent:
        return RankError(held_up(folder, attempt, silent))
    if failures:
        return _raised(failures)
    return RankError(_never_began(folder, world_size, attempt))


def held_up(folder, attempt, suspects):
    """Which of the suspects the others wait for, and where it stands, as a sentence."""
    seen = {r: s for r, s in states(folder, attempt).items() if r in suspects}
    fewest = min(state["collectives"] for state in seen.values())
    slowest = {rank: s["where"] for rank, s in seen.items() if s["collectives"] == fewest}
    everyone = states(folder, attempt).values()
    waiting = any(state["collectives"] > fewest for state in everyone)
    places = "\n".join(f"  rank {rank} at {where}" for rank, where in sorted(slowest.items()))
    if not waiting:
        return f"No rank waits for another; each is still at work:\n{places}"
    return f"{_names(slowest)} hung, and the others wait for it:\n{places}"


def _names(found):
    numbers = [str(rank) for rank in sorted(found)]
    return f"rank {numbers[0]}" if len(numbers) == 1 else f"ranks {', '.join(numbers)}"


def _raised(failures):
    rank, first = min(failures.items(), key=lambda item: item[1]["time_ns"])
    lines = "".join(f"\n  {line}" for line in first["lines"])
    sentence = f"rank {rank} raised {first['type']}: {first['message']}{lines}"
    return RankError(sentence, first["traceback"])


def _dead(folder, attempt):
    """{rank: exit code} of the ranks that ended and left no mark of why; None: not known."""
    ended = set(marks(folder, "result", attempt)) | set(marks(folder, "failure", attempt))
    stopped = {r for r, p in marks(folder, "stopped", attempt).items() if p.stat().st_size}
    log = (Path(folder) / "agent.log").read_text(errors="replace")
    seen = states(folder, attempt).items()
    return {r: _exit_code(log, s["pid"]) for r, s in seen if r not in ended | stopped}


def _exit_code(log, pid):
    code = re.search(rf"exitcode\s*: (-?\d+)\)?[^\n]*\(pid: {pid}\)", log)
    return int(code[1]) if code else None


def _died(dead):
    """The first of the dead that torchrun did not stop itself, as a sentence."""
    rank, code = min(dead.items(), key=lambda item: (item[1] in (None, -signal.SIGTERM), item[0]))
    if code is None:
        return f"rank {rank} ended without returning from its function"
    if code >= 0:
        return f"rank {rank} ended with exit code {code} and raised nothing"
    return f"rank {rank} was killed by signal {-code} ({signal.Signals(-code).name})"


def _too_early(failures, finished):
    return (
        f"{_names(finished)} had already finished when {_names(failures)} asked for another "
        "exchange: every rank must take the same number of steps"
    )


def _never_began(folder, world_size, attempt):
    missing = set(range(world_size)) - set(states(folder, attempt))
    log = (Path(folder) / "agent.log").read_text(errors="replace").strip().splitlines()
    what = f"{_names(missing)} never began" if missing else "the launcher ended before its ranks"
    return "\n".join([f"{what}; torchrun's last lines:", *(f"  {line}" for line in log[-5:])])
