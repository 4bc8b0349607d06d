"""Who computes what when, in a pipeline: schedules on a virtual clock. Lab 04.

A model's layers are cut into stages, a stage a rank; a batch is cut into microbatches. A rank's
order is a list of operations: ("F", 3) is the forward pass of microbatch 3, ("B", 3) its backward.
"""

from collections.abc import Sequence
from typing import NamedTuple

from scaletoolkit import lab

Operation = tuple[str, int]
Order = list[Operation]
Times = float | Sequence[float]

SIGNS = {"F": "0123456789", "B": "abcdefghij"}


class PipelineError(lab.LabError, ValueError):
    """Orders of operations that no pipeline can follow."""


class Piece(NamedTuple):
    """One operation of one rank, and when it begins and ends, in units of the virtual clock."""

    rank: int
    operation: Operation
    begin: float
    end: float


def gpipe(stages: int, microbatches: int) -> list[Order]:
    """All forwards, then all backwards; an order for each rank. Source: GPipe, NeurIPS 2019."""
    forwards = [("F", number) for number in range(microbatches)]
    backwards = [("B", number) for number in range(microbatches)]
    return [forwards + backwards for _ in range(stages)]


def one_forward_one_backward(stages: int, microbatches: int) -> list[Order]:
    """Backward as soon as it can; an order for each rank.

    Rank r of p has at most p - r microbatches in flight. Source: PipeDream-Flush, arXiv 2006.09503.
    """
    numbers = list(range(microbatches))
    return [_in_turns(numbers, numbers, stages - rank) for rank in range(stages)]


def interleaved(ranks: int, microbatches: int, chunks: int) -> list[Order]:
    """1F1B where each rank has so many stages, one from each part of the model: an order a rank.

    Number n + k × microbatches is microbatch n in the rank's stage k, so `play` must be told
    `microbatches`, which are a multiple of `ranks`, else PipelineError. Source: D. Narayanan and
    others, Megatron-LM, 2021 (arXiv 2104.04473), section 2.2.
    """
    if microbatches % ranks:
        raise PipelineError(f"{microbatches} microbatches are no multiple of {ranks} ranks")
    groups = [range(first, first + ranks) for first in range(0, microbatches, ranks)]
    stages = [microbatches * chunk for chunk in range(chunks)]
    forwards = [n + of for group in groups for of in stages for n in group]
    backwards = [n + of for group in groups for of in reversed(stages) for n in group]
    ahead = [2 * (ranks - rank - 1) + (chunks - 1) * ranks + 1 for rank in range(ranks)]
    return [_in_turns(forwards, backwards, of) for of in ahead]


def _in_turns(forwards: list[int], backwards: list[int], ahead: int) -> Order:
    """So many forwards, then a backward and a forward in turn, then the other backwards."""
    order = [("F", number) for number in forwards[:ahead]]
    for place, number in enumerate(backwards):
        order.append(("B", number))
        order += [("F", later) for later in forwards[place + ahead : place + ahead + 1]]
    return order


def play(
    orders: Sequence[Order], forward: Times = 1, backward: float = 2, microbatches: int = 0
) -> list[Piece]:
    """When each operation runs, if each rank follows its order and starts as soon as it can.

    forward: how long a forward pass takes, for all stages or for each; a backward pass takes
    `backward` times as long. microbatches: how many there are, where ranks are `interleaved`.
    PipelineError for orders that wait for ever or leave work undone, or for too few or many times.
    """
    times = _times(orders, forward)
    ends: dict[tuple[int, Operation], float] = {}
    free = [0.0] * len(orders)
    waiting = [[(kind, number) for kind, number in order] for order in orders]
    rounds = (microbatches or len(orders[0]) // 2, len(orders[0]) // 2)
    pieces: list[Piece] = []
    while any(waiting):
        before = len(pieces)
        for rank, order in enumerate(waiting):
            needs = _needs(order[0], rank, len(orders), *rounds) if order else []
            if order and all(need in ends for need in needs):
                operation = order.pop(0)
                begin = max([free[rank], *(ends[need] for need in needs)])
                free[rank] = begin + times[rank] * (1 if operation[0] == "F" else backward)
                ends[rank, operation] = free[rank]
                pieces.append(Piece(rank, operation, begin, free[rank]))
        if len(pieces) == before:
            raise PipelineError(_stuck(waiting))
    return pieces


def _times(orders: Sequence[Order], forward: Times) -> list[float]:
    """A time for each rank; PipelineError unless each does F and B of each microbatch once."""
    times = [forward] * len(orders) if isinstance(forward, int | float) else list(forward)
    if len(times) != len(orders):
        raise PipelineError(f"there are {len(orders)} orders, and {len(times)} times of stages")
    if not orders or not orders[0]:
        raise PipelineError("a pipeline needs a rank at least, and each rank something to do")
    numbers = {number for _, number in orders[0]}
    wanted = sorted((kind, number) for kind in "BF" for number in numbers)
    for rank, order in enumerate(orders):
        if sorted(map(tuple, order)) != wanted:
            raise PipelineError(
                f"rank {rank} must do F and B of each of {len(numbers)} microbatches, once: {order}"
            )
    return times


def _needs(
    operation: Operation, rank: int, ranks: int, microbatches: int, units: int
) -> list[tuple[int, Operation]]:
    """(rank, operation) that must have ended before this one can begin."""
    kind, number = operation
    if kind == "F":
        if rank > 0:
            return [(rank - 1, operation)]
        return [(ranks - 1, ("F", number - microbatches))] if number >= microbatches else []
    needs = [(rank, ("F", number))]
    if rank < ranks - 1:
        needs.append((rank + 1, operation))
    elif number + microbatches < units:
        needs.append((0, ("B", number + microbatches)))
    return needs


def _stuck(waiting: list[Order]) -> str:
    heads = []
    for rank, order in enumerate(waiting):
        if order:
            kind, number = order[0]
            heads.append(f"rank {rank} for {kind}{number}")
    return f"these orders wait for ever: {', '.join(heads)}"


def makespan(pieces: Sequence[Piece]) -> float:
    """When the last operation ends."""
    return max(piece.end for piece in pieces)


def bubble(pieces: Sequence[Piece]) -> float:
    """The share of the ranks' time in which they compute nothing."""
    ranks = {piece.rank for piece in pieces}
    busy = sum(piece.end - piece.begin for piece in pieces)
    return 1 - busy / (len(ranks) * makespan(pieces))


def in_flight(order: Order) -> int:
    """How many microbatches a rank remembers at most: forward has run, backward has not."""
    most = 0
    now = 0
    for kind, _ in order:
        now += 1 if kind == "F" else -1
        most = max(most, now)
    return most


def drawn(pieces: Sequence[Piece]) -> str:
    """The schedule as text: a line a rank, a column a unit of time, a dot where it is idle.

    A forward pass is a digit, the backward pass of 0 is an a, that of 1 a b, and so on. For whole
    units of time and at most ten microbatches, else PipelineError.
    """
    most = max(piece.operation[1] for piece in pieces)
    if most > 9:
        raise PipelineError(f"only microbatches 0 to 9 can be drawn, and there is a {most}")
    for piece in pieces:
        if piece.end != round(piece.end):
            which = f"{piece.operation[0]}{piece.operation[1]} of rank {piece.rank}"
            raise PipelineError(
                f"only whole units of time can be drawn, and {which} ends at {piece.end:g}"
            )
    lines = []
    for rank in sorted({piece.rank for piece in pieces}):
        line = ["·"] * round(makespan(pieces))
        for piece in pieces:
            if piece.rank == rank:
                kind, number = piece.operation
                begin = round(piece.begin)
                width = round(piece.end) - begin
                sign = SIGNS[kind][number]
                line[begin : begin + width] = sign * width
        lines.append(f"rank {rank} │{''.join(line)}│")
    return "\n".join(lines)
