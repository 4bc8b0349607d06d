"""Several learners on one machine take turns at measuring, so that nobody's numbers suffer.

Off unless `SCALETOOLKIT_TURNS` names a folder of this machine that all of them may write to: only
who sets a machine up knows who shares it. Who waits has a ticket there, a locked file; who measures
holds the folder's lock. The system frees both when their process ends, however it ends.
"""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from scaletoolkit import lab

VARIABLE = "SCALETOOLKIT_TURNS"
LOOK_EVERY_S = 0.2
GUESS_S = 10.0  # for a turn of whom we know no better
LEFT_S = 60  # a ticket that is not yet to be seen after so long has no process any more
PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "far down")

_took_s: dict[str, float] = {}  # this process's last turn at each label


@contextlib.contextmanager
def turn(label: str) -> Iterator[None]:
    """Measure inside this block; it begins when nobody else on the machine measures.

    Blocks inside it, and what it starts, have the same turn. Raises LabError for a wrong folder.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        yield
        return
    with contextlib.ExitStack() as stack:
        gate = _gate(stack, Path(folder))
        ticket = _ticket(stack, Path(folder), _took_s.get(label, GUESS_S))
        if _before(ticket) or not _locked(gate):
            with lab.busy("Measuring waits for its turn") as show:
                while (before := _before(ticket)) or not _locked(gate):
                    show(_news(before))
                    time.sleep(LOOK_EVERY_S)
        os.utime(ticket)  # it begins
        stack.callback(os.environ.update, {VARIABLE: folder})
        os.environ[VARIABLE] = ""
        begun_s = time.monotonic()
        yield
        _took_s[label] = time.monotonic() - begun_s


def _gate(stack: contextlib.ExitStack, folder: Path) -> int:
    """The folder, open until the stack is left; what killed processes left in it is removed."""
    try:
        gate = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise lab.LabError(f"{VARIABLE} names a folder that cannot be used: {error}") from None
    stack.callback(os.close, gate)
    for path in folder.glob(".turn-*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's
            if time.time() - path.stat().st_mtime > LEFT_S:
                path.unlink()
    return gate


def _ticket(stack: contextlib.ExitStack, folder: Path, seconds: float) -> Path:
    """Take a ticket for so many seconds, until the stack is left."""
    ticket = folder / f"turn-{time.time_ns():020}-{secrets.token_hex(4)}"
    new = folder / f".{ticket.name}"
    try:
        file = stack.enter_context(new.open("w"))
    except OSError as error:
        raise lab.LabError(f"{VARIABLE} names a folder that cannot be used: {error}") from None
    for path in (new, ticket):
        stack.callback(path.unlink, missing_ok=True)
    new.chmod(0o644)  # others look whether it is locked
    fcntl.flock(file, fcntl.LOCK_EX)
    print(seconds, file=file, flush=True)
    return new.rename(ticket)  # whoever sees it sees it locked


def _locked(file: int) -> bool:
    """Whether the lock of an open file is ours now."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _before(ticket: Path) -> list[tuple[float, float]]:
    """(seconds it may take, when it was last touched) of each live ticket before this one."""
    tickets = []
    for path in sorted(path for path in ticket.parent.glob("turn-*") if path < ticket):
        with contextlib.suppress(OSError), path.open() as file:  # OSError: gone meanwhile
            if _locked(file.fileno()):
                path.unlink()  # its process was killed
            else:
                tickets.append((float(file.read()), path.stat().st_mtime))
    return tickets


def _news(before: list[tuple[float, float]]) -> str:
    """Where we stand in the line, and about how long it may take."""
    begun_s = min((touched_s for _, touched_s in before), default=time.time())
    seconds = sum(s for s, _ in before) + begun_s - time.time()
    place = PLACES[min(max(len(before), 1), len(PLACES)) - 1]
    return f"Measuring waits: {place} in line, about {max(5, round(seconds, -1)):.0f} s"
