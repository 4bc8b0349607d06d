"""Exercises of lab 03: weight of a share, learning rate, steps of a rank, speed-up."""

from scaletoolkit.lab.exercises import Book, Case, Exercise


def weight(share, batch, world_size):
    return share * world_size / batch


def _draw_share(dice):
    world_size = dice.randint(2, 8)
    batch = dice.randint(20, 200)
    return dice.randint(1, batch), batch, world_size


WEIGHT = Exercise(
    name="3.1",
    story="What must a rank multiply its mean gradient by, when shares are not equal?",
    hints=(
        "With equal shares the answer is 1.",
        "Its images should count share ÷ batch; the mean over ranks counts 1 ÷ world_size.",
        "share ÷ batch, divided by 1 ÷ world_size.",
    ),
    solution=weight,
    why="The mean over ranks gives every rank one vote. Times share × world_size ÷ batch, "
    "every image has one vote, as it has on one process.",
    wrong={
        "the mean over ranks, which divides by world_size, is forgotten": (
            lambda share, batch, world_size: share / batch
        ),
        "the weight is the wrong way up": (
            lambda share, batch, world_size: batch / (share * world_size)
        ),
        "all ranks get the same weight": lambda share, batch, world_size: 1,
        "an equal share is taken to be a whole number of images": (
            lambda share, batch, world_size: share / (batch // world_size)
        ),
        "the weight is rounded to one place": (
            lambda share, batch, world_size: round(share * world_size / batch, 1)
        ),
    },
    cases=(
        Case("4 of 16 images on one of 4 ranks", (4, 16, 4), 1),
        Case("3 of 10 images on one of 4 ranks", (3, 10, 4), 1.2),
        Case("2 of 10 images on one of 4 ranks", (2, 10, 4), 0.8),
        Case("a rank that got no image", (0, 3, 4), 0),
        Case("a rank that got all 16 images of 4 ranks", (16, 16, 4), 4),
    ),
    draw=_draw_share,
)


def learning_rate(base, step, warmup_steps, times_the_batch):
    grown = min(1, step / warmup_steps)
    return base + (base * times_the_batch - base) * grown


def _draw_step(dice):
    warmup_steps = dice.randint(10, 200)
    return (
        dice.uniform(0.01, 1),
        dice.randint(1, 2 * warmup_steps),
        warmup_steps,
        dice.randint(2, 16),
    )


LEARNING_RATE = Exercise(
    name="3.2",
    story="Which learning rate belongs to a step of the warm-up, when the batch has grown?",
    hints=(
        "At step 0 it is `base`; at warmup_steps and after it is base × times_the_batch.",
        "In between it grows by the same amount each step.",
        "base + (base × times_the_batch - base) × min(1, step ÷ warmup_steps)",
    ),
    solution=learning_rate,
    why="The linear scaling rule with gradual warm-up (Goyal et al., 2017): with k times the batch "
    "an epoch has a k-th of the steps, so each must go k times as far, once the weights no longer "
    "change so fast.",
    wrong={
        "there is no warm-up": lambda base, step, warmup, times: base * times,
        "the warm-up starts at 0 instead of at `base`": lambda base, step, warmup, times: (
            base * times * min(1, step / warmup)
        ),
        "the rate goes on growing after the warm-up": lambda base, step, warmup, times: (
            base + (base * times - base) * step / warmup
        ),
        "the rate stays at `base` until the warm-up is over": lambda base, step, warmup, times: (
            base * times if step >= warmup else base
        ),
        "it grows by the same factor each step, not by the same amount": (
            lambda base, step, warmup, times: base * times ** min(1, step / warmup)
        ),
        "`base × times_the_batch` is added to `base`": lambda base, step, warmup, times: (
            base + base * times * min(1, step / warmup)
        ),
    },
    cases=(
        Case("the first of 100 warm-up steps, batch × 4", (0.1, 0, 100, 4), 0.1),
        Case("half-way, batch × 4", (0.1, 50, 100, 4), 0.25),
        Case("the end of the warm-up", (0.1, 100, 100, 4), 0.4),
        Case("long after it", (0.1, 900, 100, 4), 0.4),
        Case("the same batch as before", (0.1, 30, 100, 1), 0.1),
    ),
    draw=_draw_step,
)


def steps_per_rank(group_rows, batch_size, world_size):
    shares = [group_rows[rank::world_size] for rank in range(world_size)]
    return min(sum(share) // batch_size for share in shares)


def _steps(group_rows, batch_size, world_size):
    return [sum(group_rows[rank::world_size]) // batch_size for rank in range(world_size)]


def _steps_of_blocks(rows, size, ranks):
    length = -(-len(rows) // ranks)
    return min(sum(rows[rank * length : (rank + 1) * length]) // size for rank in range(ranks))


STEPS_PER_RANK = Exercise(
    name="3.3",
    story="How many full batches can every rank take, if row group i goes to rank i % world_size?",
    hints=(
        "Which row groups does rank r get? A slice with a step finds them.",
        "A batch may go on in the rank's next row group: it takes sum(rows) // batch_size steps.",
        "Every rank must take the same number: the smallest of them.",
    ),
    solution=steps_per_rank,
    why="A rank that takes one step more waits in its all-reduce, and nobody comes.",
    wrong={
        "the rows are shared out evenly, but row groups go whole": lambda rows, size, ranks: (
            sum(rows) // ranks // size
        ),
        "the rank with the most rows decides": lambda rows, size, ranks: max(
            _steps(rows, size, ranks)
        ),
        "only rank 0 is asked": lambda rows, size, ranks: _steps(rows, size, ranks)[0],
        "only the last rank is asked": lambda rows, size, ranks: _steps(rows, size, ranks)[-1],
        "the last batch, which is not full, counts too": lambda rows, size, ranks: min(
            -(-sum(rows[rank::ranks]) // size) for rank in range(ranks)
        ),
        "a batch may not go on in the next row group": lambda rows, size, ranks: min(
            sum(group // size for group in rows[rank::ranks]) for rank in range(ranks)
        ),
        "each rank gets row groups that lie side by side": _steps_of_blocks,
        "ranks that get no row group are left out": lambda rows, size, ranks: min(
            _steps(rows, size, min(ranks, len(rows)))
        ),
    },
    cases=(
        Case("four equal row groups on 2 ranks", ([100] * 4, 10, 2), 20),
        Case("five equal row groups on 2 ranks", ([100] * 5, 10, 2), 20),
        Case("a short last row group", ([100, 100, 100, 45], 10, 2), 14),
        Case("batches that do not divide the rows", ([100] * 2, 30, 2), 3),
        Case("batches that do not divide a row group", ([25] * 4, 10, 2), 5),
        Case("a second rank with little", ([100, 10, 100, 10], 10, 2), 2),
        Case("a first rank with little", ([10, 100, 10, 100], 10, 2), 2),
        Case("two row groups on 3 ranks", ([100, 100], 10, 3), 0),
    ),
    draw=lambda dice: (
        [dice.randint(20, 200) for _ in range(dice.randint(1, 11))],
        dice.randint(5, 25),
        dice.randint(2, 4),
    ),
)


def speed_up(share, world_size):
    computing = 2 * share / world_size
    exchange = (1 - share) * 2 * (world_size - 1) / world_size
    return 2 * share / (computing + exchange)


def _a_batch_each(share, world_size):
    exchange = (1 - share) * 2 * (world_size - 1) / world_size
    return world_size * 2 * share / (2 * share + exchange)


def _half_a_batch_each(share, world_size):
    exchange = (1 - share) * 2 * (world_size - 1) / world_size
    return world_size * share / (share + exchange)


def _exchange_as_on_two(share, world_size):
    return 2 * share / (2 * share / world_size + 1 - share)


def _two_machines_are_the_measure(share, world_size):
    return speed_up(share, world_size) / (2 * share)


SPEED_UP = Exercise(
    name="3.4",
    story="On two machines with one batch, `share` of a step is computing. How many times faster "
    "than one machine are world_size machines, on the same batch?",
    hints=(
        "Take the step on two machines as 1: it computes for `share` and exchanges for 1 - share. "
        "One machine computes for 2 × share, and exchanges nothing.",
        "world_size machines compute for 2 × share ÷ world_size.",
        "A ring sends 2 × (world_size - 1) ÷ world_size gradients; on two machines that is one. "
        "So the exchange takes (1 - share) × 2 × (world_size - 1) ÷ world_size.",
    ),
    solution=speed_up,
    why="With more machines the computing shrinks and the exchange does not: from two to four it "
    "even grows by half. So the share that is computing falls from both sides.",
    wrong={
        "every machine keeps a full batch, so it is another batch": _a_batch_each,
        "every machine keeps the half batch that it had on two, so it is another batch": (
            _half_a_batch_each
        ),
        "the exchange is taken to stay as it is on two machines": _exchange_as_on_two,
        "the exchange shrinks like the computing": lambda share, ranks: ranks * share,
        "it is measured against two machines, not against one": _two_machines_are_the_measure,
        "the exchange is forgotten": lambda share, ranks: ranks,
        "each machine sends its gradient to all others": lambda share, ranks: (
            2 * share / (2 * share / ranks + (1 - share) * (ranks - 1))
        ),
    },
    cases=(
        Case("all is computing, 4 machines", (1, 4), 4),
        Case("three quarters are computing, 2 machines", (0.75, 2), 1.5),
        Case("three quarters are computing, 4 machines", (0.75, 4), 2),
        Case("nine tenths are computing, 4 machines", (0.9, 4), 3),
        Case("half is computing, one machine", (0.5, 1), 1),
    ),
    draw=lambda dice: (dice.uniform(0.2, 0.95), dice.randint(3, 64)),
)

BOOK = Book(WEIGHT, LEARNING_RATE, STEPS_PER_RANK, SPEED_UP)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
