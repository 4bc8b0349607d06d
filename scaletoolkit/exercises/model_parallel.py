"""Exercises of lab 04: bytes of training, segments, a pipeline's order, fair stages, a plan."""

from itertools import combinations, pairwise

from scaletoolkit.exercises._plan import KEPT_AND_LOST
from scaletoolkit.exercises._segments import FEWEST_KEPT
from scaletoolkit.lab.exercises import Book, Case, Exercise


def training_bytes(width, depth, number_bytes):
    up = width * 4 * width + 4 * width
    down = 4 * width * width + width
    return 4 * depth * (up + down) * number_bytes


def _draw_model(dice):
    return dice.choice([8, 16, 32, 64, 100]), dice.randint(1, 12), dice.choice([2, 4, 8])


TRAINING_BYTES = Exercise(
    name="4.1",
    story="How many bytes does training such a model keep, whatever the batch?",
    hints=(
        "A layer from a to b numbers has a × b weights, and b more for what it adds.",
        "A block has two layers: width to 4 × width, and back.",
        "Each weight is kept four times: itself, its gradient, and Adam's two moments.",
    ),
    solution=training_bytes,
    why="A block has 8 width² + 5 width weights. Each has a gradient, and Adam remembers two "
    "moments of it: four numbers a weight.",
    wrong={
        "what the layers add (the biases) is left out": lambda width, depth, number_bytes: (
            32 * width * width * depth * number_bytes
        ),
        "only the weights are counted": lambda width, depth, number_bytes: (
            training_bytes(width, depth, number_bytes) // 4
        ),
        "Adam is taken to remember one number a weight": lambda width, depth, number_bytes: (
            training_bytes(width, depth, number_bytes) // 4 * 3
        ),
        "the inside is taken to be as wide as the outside": lambda width, depth, number_bytes: (
            4 * depth * 2 * (width + 1) * width * number_bytes
        ),
    },
    cases=(
        Case("one block of width 1, one byte a number", (1, 1, 1), 4 * 13),
        Case("two blocks of width 10, four bytes a number", (10, 2, 4), 4 * 2 * 850 * 4),
        Case("the same with eight bytes a number", (10, 2, 8), 4 * 2 * 850 * 8),
    ),
    draw=_draw_model,
)


def order_of(rank, stages, microbatches):
    ahead = min(stages - rank, microbatches)
    order = [("F", number) for number in range(ahead)]
    for number in range(microbatches):
        order.append(("B", number))
        if number + ahead < microbatches:
            order.append(("F", number + ahead))
    return order


def _draw_place(dice):
    stages = dice.randint(2, 8)
    return dice.randrange(stages), stages, dice.randint(1, 12)


def _as_text(ahead_of):
    """The order of a rank that goes so many microbatches ahead."""

    def order(rank, stages, microbatches):
        ahead = max(1, min(ahead_of(rank, stages), microbatches))
        operations = [("F", number) for number in range(ahead)]
        for number in range(microbatches):
            operations.append(("B", number))
            if number + ahead < microbatches:
                operations.append(("F", number + ahead))
        return operations

    return order


ORDER_OF = Exercise(
    name="4.3",
    story="What does a rank do, one after the other, if it goes back as soon as it can?",
    hints=(
        "Rank r begins with stages - r forwards: so long until the first gradient is back.",
        "Then one backward, one forward, in turn, until no forward is left; then the backwards.",
        "ahead = min(stages - rank, microbatches); after ('B', n) comes ('F', n + ahead).",
    ),
    solution=order_of,
    why="The first gradient reaches rank r when its microbatch has been through the stages after "
    "it. Until then it may go stages - r ahead; each backward then makes room for one forward.",
    wrong={
        "all forwards come first": _as_text(lambda rank, stages: 10**9),
        "every rank goes as far ahead as the first one": _as_text(lambda rank, stages: stages),
        "each rank goes one less ahead, and waits": _as_text(
            lambda rank, stages: stages - rank - 1
        ),
        "the last rank is taken to be the first": _as_text(lambda rank, stages: rank + 1),
    },
    cases=(
        Case("the last of 3 ranks, 2 microbatches", (2, 3, 2), order_of(2, 3, 2)),
        Case("the first of 2 ranks, 3 microbatches", (0, 2, 3), order_of(0, 2, 3)),
        Case("fewer microbatches than stages", (0, 4, 2), order_of(0, 4, 2)),
    ),
    draw=_draw_place,
)


def slowest_stage(costs, stages):
    best = sum(costs)
    for cuts in combinations(range(1, len(costs)), stages - 1):
        edges = [0, *cuts, len(costs)]
        sums = [sum(costs[a:b]) for a, b in pairwise(edges)]
        best = min(best, max(sums))
    return best


def _equal_counts(costs, stages):
    size = -(-len(costs) // stages)
    return max(sum(costs[i : i + size]) for i in range(0, len(costs), size))


def _filled(costs, stages):
    average = sum(costs) / stages
    sums = [0]
    for cost in costs:
        if sums[-1] + cost > average and len(sums) < stages and sums[-1]:
            sums.append(0)
        sums[-1] += cost
    return max(sums)


def _any_place(costs, stages):
    sums = [0] * stages
    for cost in sorted(costs, reverse=True):
        sums[sums.index(min(sums))] += cost
    return max(sums)


def _nearest(costs, stages):
    sums = [sum(costs[:i]) for i in range(len(costs) + 1)]
    ends = [sums[-1] * stage / stages for stage in range(1, stages)]
    cuts = [min((abs(sums[i] - end), i) for i in range(1, len(costs)))[1] for end in ends]
    return max(sum(costs[a:b]) for a, b in pairwise([0, *cuts, len(costs)]))


def _draw_costs(dice):
    count = dice.randint(5, 9)
    return [dice.randint(1, 12) for _ in range(count)], dice.randint(2, 4)


SLOWEST_STAGE = Exercise(
    name="4.4",
    story="Layers of unlike cost: how long does the slowest stage take, if cut as well as can be?",
    hints=(
        "Layers stay in their order: a stage is a run of neighbours.",
        "Try every way to cut: itertools.combinations(range(1, len(costs)), stages - 1).",
        "For each, take the largest sum between two cuts; of these, the smallest.",
    ),
    solution=slowest_stage,
    why="Neither the same number of layers nor filling up to the average is best in general. "
    "Nine layers can be cut in few ways, so all of them can be tried. For many layers there are "
    "far too many; dynamic programming finds the best without trying all.",
    wrong={
        "each stage gets the same number of layers": _equal_counts,
        "the average of the stages is taken": lambda costs, stages: sum(costs) / stages,
        "stages are filled one after the other up to the average": _filled,
        "layers may lie anywhere, not only beside each other": _any_place,
        "each cut is made where the sum so far is nearest to an equal share": _nearest,
    },
    cases=(
        Case("a dear layer between cheap ones", ([2, 1, 3, 1], 3), 3),
        Case("four equal layers, two stages", ([2, 2, 2, 2], 2), 4),
        Case("one dear layer at the end", ([1, 1, 1, 5], 2), 5),
        Case("the dear ones in the middle", ([1, 4, 4, 1], 2), 5),
        Case("three stages", ([5, 1, 1, 1, 4], 3), 5),
    ),
    draw=_draw_costs,
)


BOOK = Book(TRAINING_BYTES, FEWEST_KEPT, ORDER_OF, SLOWEST_STAGE, KEPT_AND_LOST)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
