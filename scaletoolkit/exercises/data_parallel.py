"""Exercises of lab 03: weight of a share, learning rate, steps of a rank, efficiency."""

from scaletoolkit.lab.exercises import Book, Case, Exercise


def weight(share, batch, world_size):
    return share * world_size / batch


def _share_of_batch(share, batch, world_size):
    return share / batch


def _upside_down(share, batch, world_size):
    return batch / (share * world_size)


def _all_alike(share, batch, world_size):
    return 1


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
    wrong=(_share_of_batch, _upside_down, _all_alike),
    cases=(
        Case("4 of 16 images on one of 4 ranks", (4, 16, 4), 1),
        Case("3 of 10 images on one of 4 ranks", (3, 10, 4), 1.2),
        Case("2 of 10 images on one of 4 ranks", (2, 10, 4), 0.8),
        Case("a rank that got no image", (0, 3, 4), 0),
    ),
)


def learning_rate(base, step, warmup_steps, times_the_batch):
    grown = min(1, step / warmup_steps)
    return base + (base * times_the_batch - base) * grown


def _no_warmup(base, step, warmup_steps, times_the_batch):
    return base * times_the_batch


def _from_zero(base, step, warmup_steps, times_the_batch):
    return base * times_the_batch * min(1, step / warmup_steps)


def _never_stops(base, step, warmup_steps, times_the_batch):
    return base + (base * times_the_batch - base) * step / warmup_steps


LEARNING_RATE = Exercise(
    name="3.2",
    story="Which learning rate belongs to a step of the warm-up, when the batch has grown?",
    hints=(
        "At step 0 it is `base`; at warmup_steps and after it is base × times_the_batch.",
        "In between it grows by the same amount each step.",
        "base + (base × times_the_batch - base) × min(1, step ÷ warmup_steps)",
    ),
    solution=learning_rate,
    why="The linear scaling rule with gradual warm-up (Goyal et al., 2017): k times the batch "
    "means k times fewer steps, so each must go k times as far, once the first, wild steps "
    "are over.",
    wrong=(_no_warmup, _from_zero, _never_stops),
    cases=(
        Case("the first of 100 warm-up steps, batch × 4", (0.1, 0, 100, 4), 0.1),
        Case("half-way, batch × 4", (0.1, 50, 100, 4), 0.25),
        Case("the end of the warm-up", (0.1, 100, 100, 4), 0.4),
        Case("long after it", (0.1, 900, 100, 4), 0.4),
        Case("the same batch as before", (0.1, 30, 100, 1), 0.1),
    ),
)


def steps_per_rank(group_rows, batch_size, world_size):
    shares = [group_rows[rank::world_size] for rank in range(world_size)]
    return min(sum(share) // batch_size for share in shares)


def _all_rows_evenly(group_rows, batch_size, world_size):
    return sum(group_rows) // world_size // batch_size


def _richest_rank(group_rows, batch_size, world_size):
    return max(sum(group_rows[r::world_size]) // batch_size for r in range(world_size))


def _last_batch_not_full(group_rows, batch_size, world_size):
    return min(-(-sum(group_rows[r::world_size]) // batch_size) for r in range(world_size))


STEPS_PER_RANK = Exercise(
    name="3.3",
    story="How many full batches can every rank take, if row group i goes to rank i mod p?",
    hints=(
        "Which row groups does rank r get? A slice with a step finds them.",
        "A rank can take its rows // batch_size steps.",
        "Every rank must take the same number: the smallest of them.",
    ),
    solution=steps_per_rank,
    why="A rank that takes one step more than the others waits in the all-reduce for ever.",
    wrong=(_all_rows_evenly, _richest_rank, _last_batch_not_full),
    cases=(
        Case("four equal row groups on 2 ranks", ([100] * 4, 10, 2), 20),
        Case("five equal row groups on 2 ranks", ([100] * 5, 10, 2), 20),
        Case("a short last row group", ([100, 100, 100, 45], 10, 2), 14),
        Case("batches that do not divide the rows", ([100] * 2, 30, 2), 3),
    ),
)


def efficiency(compute_s, size_bytes, world_size, latency_s, bytes_per_s):
    messages = 2 * (world_size - 1)
    exchange_s = messages * (latency_s + size_bytes / world_size / bytes_per_s)
    return compute_s / (compute_s + exchange_s)


def _latency_once(compute_s, size_bytes, world_size, latency_s, bytes_per_s):
    moved = 2 * (world_size - 1) / world_size * size_bytes
    return compute_s / (compute_s + latency_s + moved / bytes_per_s)


def _whole_gradient_in_each_message(compute_s, size_bytes, world_size, latency_s, bytes_per_s):
    exchange_s = 2 * (world_size - 1) * (latency_s + size_bytes / bytes_per_s)
    return compute_s / (compute_s + exchange_s)


def _share_lost(compute_s, size_bytes, world_size, latency_s, bytes_per_s):
    return 1 - efficiency(compute_s, size_bytes, world_size, latency_s, bytes_per_s)


EFFICIENCY = Exercise(
    name="3.4",
    story="Which share of a step is computing, if every rank keeps its own full batch?",
    hints=(
        "A step is the computing and then the exchange; the share is computing ÷ both.",
        "The exchange is a ring: 2 × (world_size - 1) messages, each with its own latency.",
        "One message takes latency_s + size_bytes ÷ world_size ÷ bytes_per_s.",
    ),
    solution=efficiency,
    why="The bytes of a ring hardly grow with the number of ranks; its messages do. So a large "
    "gradient costs efficiency at once, and a small one only when the ranks are many.",
    wrong=(_latency_once, _whole_gradient_in_each_message, _share_lost),
    cases=(
        Case("one rank", (0.2, 1e8, 1, 1e-4, 1e9), 1),
        Case("2 ranks, 100 MB, 1 GB/s, no latency", (0.1, 1e8, 2, 0, 1e9), 0.5),
        Case("4 ranks, 100 MB, 1 GB/s, no latency", (0.15, 1e8, 4, 0, 1e9), 0.5),
        Case("101 ranks, no bytes to speak of, 1 ms latency", (0.2, 0, 101, 1e-3, 1e9), 0.5),
    ),
)

BOOK = Book(WEIGHT, LEARNING_RATE, STEPS_PER_RANK, EFFICIENCY)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
