"""Who keeps the others waiting when a job stands still: from the last sign of each rank.

A rank inside an exchange waits for those of its group that have not come to it. Whoever is waited
for and waits for nobody is the cause; where all wait, their exchanges do not fit together.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from scaletoolkit.machine.ranks.marks import State, Wait

MOVES_S = 0.9  # whose place changes more often waits for nobody
MOST_LINES = 4
UNKNOWN: Wait = {"exchange": "an exchange", "group": None, "peers": []}
SILENT = "no sign any more: stopped, or in code that lets no other thread run"
STEPS = "every rank must take the same number of steps"


class Ranks(NamedTuple):
    """A job that stands still.

    states: the last sign of each rank that began. finished: who has returned. in_vain: whose
    exchange has failed. silent: whose signs have ended while others' went on.
    """

    world_size: int
    states: Mapping[int, State]
    finished: Collection[int] = ()
    in_vain: Collection[int] = ()
    silent: Collection[int] = ()


def told(ranks: Ranks) -> tuple[str, bool]:
    """What the ranks wait for as a sentence and lines, and whether a cause is among them."""
    waits = _waits(ranks) or _ahead(ranks)
    causes = sorted(set().union(*waits.values()) - set(waits))
    silent = sorted(set(ranks.silent) - set(ranks.finished))
    early = sorted(set(causes) & set(ranks.finished))
    waiting = [rank for rank in sorted(waits) if rank not in silent]
    if silent:
        return f"{names(silent)} gave {SILENT}:{_lines(ranks, silent, waiting)}", True
    if early:
        asked = f"{names(early)} had already finished when {names(waits)} asked"
        return f"{asked} for another exchange: {STEPS}", True
    if causes:
        return f"{names(causes)} kept the others waiting:{_lines(ranks, causes, waiting)}", True
    if waits:
        reason = "their exchanges do not fit together"
        return f"{names(waits)} wait for each other, {reason}:{_lines(ranks, [], waiting)}", False
    at_work = set(range(ranks.world_size)) - set(ranks.finished)
    if not at_work:
        reason = "a thread or a process that it started goes on"
        return f"Every rank has returned, but one does not end: {reason}", False
    return f"No rank waits for another; each is still at work:{_lines(ranks, at_work, [])}", False


def names(ranks: Iterable[int]) -> str:
    """ "rank 1", or "ranks 0, 2"."""
    numbers = [str(rank) for rank in sorted(ranks)]
    return f"rank {numbers[0]}" if len(numbers) == 1 else f"ranks {', '.join(numbers)}"


def _waits(ranks: Ranks) -> dict[int, set[int]]:
    """{rank: those it waits for} of the ranks that stand in an exchange."""
    waits = {}
    for rank, state in ranks.states.items():
        wait = state["wait"] if state["still_s"] > MOVES_S else None
        if rank in ranks.in_vain:
            wait = state["wait"] or UNKNOWN
        if wait is None or rank in ranks.finished:
            continue
        peers = _awaited(ranks, rank, wait)
        computes = wait["exchange"] == "backward" and not peers and rank not in ranks.in_vain
        if not computes:
            waits[rank] = peers
    return waits


def _awaited(ranks: Ranks, rank: int, wait: Wait) -> set[int]:
    """Those that have not come to the exchange in which this rank waits."""
    if wait["peers"]:
        return set(wait["peers"])
    groups = ranks.states[rank]["groups"]
    shared = [wait["group"]] if wait["group"] in groups else list(groups)
    members = {peer for name in shared for peer in groups[name]["ranks"]}
    missing = {
        peer
        for peer in (members or set(range(ranks.world_size))) - {rank}
        if peer not in ranks.states or ranks.states[peer]["wait"] != wait
    }
    behind = missing & _behind(ranks, rank, shared)
    return behind if behind or wait["exchange"] == "backward" else missing


def _behind(ranks: Ranks, rank: int, shared: Iterable[str]) -> set[int]:
    """The members of these groups that have begun fewer exchanges there than this rank."""
    behind = set()
    for name in shared:
        group = ranks.states[rank]["groups"][name]
        for peer in group["ranks"]:
            other = ranks.states[peer]["groups"].get(name) if peer in ranks.states else None
            if other is None or other["exchanges"] < group["exchanges"]:
                behind.add(peer)
    return behind


def _ahead(ranks: Ranks) -> dict[int, set[int]]:
    """{rank: those behind it}, where no rank stands in an exchange, as those of GPUs do not."""
    waits = {}
    for rank, state in ranks.states.items():
        behind = _behind(ranks, rank, state["groups"])
        if behind and state["still_s"] > MOVES_S and rank not in ranks.finished:
            waits[rank] = behind
    return waits


def _lines(ranks: Ranks, causes: Collection[int], waiting: Collection[int]) -> str:
    """A line for each cause and each rank that waits, the first few of each."""
    lines = [_line(ranks, rank, "") for rank in sorted(causes)]
    last = [_line(ranks, rank, _wait(ranks, rank)) for rank in sorted(waiting)]
    return "".join(f"\n  {line}" for line in _few(lines) + _few(last))


def _few(lines: list[str]) -> list[str]:
    more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return lines[:MOST_LINES] + more


def _wait(ranks: Ranks, rank: int) -> str:
    wait = ranks.states[rank]["wait"]
    if wait is None:
        return ""
    other = f" for {names(wait['peers'])}" if wait["peers"] else ""
    return f" waits in {wait['exchange']}{other},"


def _line(ranks: Ranks, rank: int, waits: str) -> str:
    if rank not in ranks.states:
        return f"rank {rank} has not begun"
    return f"rank {rank}{waits} at {ranks.states[rank]['where']}"
