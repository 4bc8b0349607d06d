"""Exercise 4.2 of `model_parallel`: how few activations a stack keeps if it is cut in segments."""

from math import isqrt

from scaletoolkit.lab.exercises import Case, Exercise


def fewest_kept(inside):
    fewest = []
    for size in range(1, len(inside) + 1):
        worst = 0
        for before, first in enumerate(range(0, len(inside), size)):
            segment = inside[first : first + size]
            worst = max(worst, before + len(segment) + sum(segment))
        fewest.append(worst)
    return min(fewest)


def _segments(inside, size):
    """[(vectors that enter blocks, vectors kept inside)] of each segment."""
    firsts = range(0, len(inside), size)
    return [(len(inside[a : a + size]), sum(inside[a : a + size])) for a in firsts]


def _at_worst(inside, size):
    kept = [before + sum(segment) for before, segment in enumerate(_segments(inside, size))]
    return max(kept)


def _best(inside, at_worst):
    """The fewest over all sizes, if this is what a list of segments keeps at the worst moment."""
    return min(at_worst(_segments(inside, size)) for size in range(1, len(inside) + 1))


def _without_what_enters(segments):
    return max(before + 1 + inside for before, (_, inside) in enumerate(segments))


def _draw_stack(dice):
    count = dice.randint(6, 24)
    return ([dice.choice([0, 1, 2, 4, 9]) for _ in range(count)],)


FEWEST_KEPT = Exercise(
    name="4.2",
    story="Segments are computed again: how few vectors can be kept at the worst moment?",
    hints=(
        "Take one size first: when segment number j is computed again, j earlier ones wait.",
        "That moment keeps j vectors, one for each block of the segment, and what is inside them.",
        "Take the largest over the segments, for each size; then the smallest over the sizes.",
    ),
    solution=fewest_kept,
    why="Short segments are many, and each keeps what enters it; long ones keep much while they "
    "are computed again. Between them lies the best: near the root of their number if blocks are "
    "alike and keep nothing inside; shorter the more they keep.",
    wrong={
        "each block is taken as a segment of its own": lambda inside: _at_worst(inside, 1),
        "as many blocks as the root of their number make a segment, whatever they keep": (
            lambda inside: _at_worst(inside, isqrt(len(inside)))
        ),
        "what entered later segments is taken to be kept still": lambda inside: _best(
            inside, lambda segments: len(segments) - 1 + max(map(sum, segments))
        ),
        "what enters the earlier segments is left out": lambda inside: _best(
            inside, lambda segments: max(map(sum, segments))
        ),
        "the average segment is taken, not the worst moment": lambda inside: _best(
            inside, lambda segments: len(segments) - 1 + sum(map(sum, segments)) / len(segments)
        ),
        "what enters the blocks inside a segment is left out": lambda inside: _best(
            inside, _without_what_enters
        ),
    },
    cases=(
        Case("one block", ([4],), 5),
        Case("four blocks alike, with nothing inside", ([0, 0, 0, 0],), 3),
        Case("three blocks alike, with nothing inside", ([0, 0, 0],), 2),
        Case("nine blocks alike", ([4] * 9,), 13),
        Case("a block that keeps much", ([1, 1, 9, 1, 1, 1],), 12),
    ),
    draw=_draw_stack,
)
