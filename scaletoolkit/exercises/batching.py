"""Exercises of lab 07: throughput of a batch, start of a batch, users, the queue's bound."""

import math

from scaletoolkit.lab.exercises import Book, Case, Exercise


def throughput(size, call_s, item_s):
    return size / (call_s + item_s * size)


THROUGHPUT = Exercise(
    name="7.1",
    story="How many requests a second does one server answer, in batches of `size`?",
    hints=(
        "How long does one batch take, by the law? How many requests does it answer?",
        "The call is paid once a batch, the item once a request.",
        "size ÷ (call_s + item_s × size)",
    ),
    solution=throughput,
    why="A batch takes call_s + item_s × size and answers `size` requests. The larger it is, "
    "the less each of them pays of the call; no size goes beyond 1 ÷ item_s.",
    wrong={
        "batches are counted instead of requests": lambda size, call_s, item_s: (
            1 / (call_s + item_s * size)
        ),
        "a batch costs as much as one item": lambda size, call_s, item_s: size / (call_s + item_s),
        "every request pays a call of its own": lambda size, call_s, item_s: 1 / (call_s + item_s),
        "the throughput is rounded": lambda size, call_s, item_s: round(
            size / (call_s + item_s * size)
        ),
        "the throughput is rounded down": lambda size, call_s, item_s: int(
            size / (call_s + item_s * size)
        ),
    },
    cases=(
        Case("one at a time, 4 ms a call and 1 ms an item", (1, 0.004, 0.001), 200),
        Case("batches of 4 of the same model", (4, 0.004, 0.001), 500),
        Case("batches of 36 of the same model", (36, 0.004, 0.001), 900),
        Case("a model that gains nothing from batches", (8, 0, 0.002), 500),
    ),
    draw=lambda dice: (dice.randint(2, 64), dice.uniform(0.001, 0.02), dice.uniform(5e-4, 5e-3)),
)


def batch_start(free_s, arrivals_s, max_batch_size, delay_s):
    due_s = arrivals_s[0] + delay_s
    if len(arrivals_s) >= max_batch_size:
        due_s = min(due_s, arrivals_s[max_batch_size - 1])
    return max(free_s, due_s)


def _delay_from_the_last(free_s, arrivals_s, max_batch_size, delay_s):
    members = arrivals_s[:max_batch_size]
    return max(free_s, members[-1] if len(members) == max_batch_size else members[-1] + delay_s)


def _one_too_many(free_s, arrivals_s, max_batch_size, delay_s):
    return batch_start(free_s, arrivals_s, max_batch_size + 1, delay_s)


def _draw_queue(dice):
    arrivals_s = sorted(dice.randint(0, 40) for _ in range(dice.randint(3, 9)))
    free_s = dice.choice([0, dice.randint(0, 40)])
    return free_s, arrivals_s, dice.randint(2, 6), dice.randint(0, 25)


BATCH_START = Exercise(
    name="7.2",
    story="When does the next batch start, if it may wait `delay_s` for company?",
    hints=(
        "A batch starts when it is due and the server is free: the later of the two.",
        "It is due delay_s after its first request came, or earlier, when it is full.",
        "It is full when request number max_batch_size comes: arrivals_s[max_batch_size - 1], "
        "if there are so many.",
    ),
    solution=batch_start,
    why="The delay counts from the first request, so nobody waits for company longer than "
    "that; and a batch that is full has nothing left to wait for. While the server is busy, "
    "waiting costs nothing: the batch could not start anyway.",
    wrong={
        "the delay counts from the moment the server is free": lambda free_s, queue_s, _, delay_s: (
            max(free_s, queue_s[0]) + delay_s
        ),
        "a full batch waits, too": lambda free_s, queue_s, size, delay_s: max(
            free_s, queue_s[0] + delay_s
        ),
        "the delay counts from the last request": _delay_from_the_last,
        "the server is taken to be always free": lambda free_s, *rule: batch_start(0, *rule),
        "a batch is full only with one request more": _one_too_many,
        "nobody waits for company": lambda free_s, queue_s, *rule: max(free_s, queue_s[0]),
    },
    cases=(
        Case("a free server, one request at 5, no delay", (0, [5], 4, 0), 5),
        Case("a server that is busy until 9, no delay", (9, [5, 6], 4, 0), 9),
        Case("a free server, requests at 5 and 6, a delay of 3", (0, [5, 6], 4, 3), 8),
        Case("the same, but the fourth comes at 7", (0, [5, 6, 6, 7], 4, 3), 7),
        Case("the same, and a fifth at 20", (0, [5, 6, 6, 7, 20], 4, 3), 7),
        Case("the same, but the fourth comes at 20", (0, [5, 6, 6, 20], 4, 3), 8),
        Case("a delay of 3 that is over when the server is free", (9, [5, 6], 4, 3), 9),
        Case("a delay of 3 that is not over when it is free", (6, [5, 6], 4, 3), 8),
    ),
    draw=_draw_queue,
)


def count_users(throughput_per_s, latency_s, pause_s):
    return throughput_per_s * (latency_s + pause_s)


COUNT_USERS = Exercise(
    name="7.3",
    story="How many users does a server with this throughput and latency have?",
    hints=(
        "Little's law: how many are inside = how many come each second × how long each stays.",
        "A user goes round: waits for the answer, then pauses, then asks again.",
        "One round takes latency_s + pause_s.",
    ),
    solution=count_users,
    why="Little's law holds for any system that one draws a line around. Here the line is "
    "around server and users: each round lasts latency_s + pause_s, and throughput_per_s "
    "rounds begin each second.",
    wrong={
        "only those who wait for an answer are counted": lambda rate, latency_s, pause_s: (
            rate * latency_s
        ),
        "only those who pause are counted": lambda rate, latency_s, pause_s: rate * pause_s,
        "the throughput is divided by the time of a round": lambda rate, latency_s, pause_s: (
            rate / (latency_s + pause_s)
        ),
        "the average is rounded down to whole users": lambda rate, latency_s, pause_s: int(
            rate * (latency_s + pause_s)
        ),
        "the average is rounded up to whole users": lambda rate, latency_s, pause_s: math.ceil(
            rate * (latency_s + pause_s)
        ),
        "the average is rounded to whole users": lambda rate, latency_s, pause_s: round(
            rate * (latency_s + pause_s)
        ),
    },
    cases=(
        Case("100 a second, 0.25 s each, no pause", (100, 0.25, 0), 25),
        Case("100 a second, 0.25 s each, a pause of 9.75 s", (100, 0.25, 9.75), 1000),
        Case("1,000 a second, 0.02 s each, a pause of 59.98 s", (1000, 0.02, 59.98), 60_000),
        Case("40 a second, 0.03 s each, a pause of 0.5 s", (40, 0.03, 0.5), 21.2),
    ),
    draw=lambda dice: (dice.randint(10, 999), dice.uniform(0.01, 1), dice.uniform(0.1, 20)),
)


def queue_bound(objective_ms, max_batch_size, call_ms, item_ms):
    batch_ms = call_ms + item_ms * max_batch_size
    return max_batch_size * max(0, objective_ms // batch_ms - 1)


def _parts_of_batches(objective_ms, max_batch_size, call_ms, item_ms):
    batch_ms = call_ms + item_ms * max_batch_size
    return max(0, max_batch_size * (objective_ms - batch_ms) // batch_ms)


def _draw_objective(dice):
    max_batch_size = dice.randint(2, 16)
    call_ms = dice.randint(5, 40)
    item_ms = dice.randint(1, 10)
    batches = dice.choice([0.5, dice.randint(2, 9), dice.uniform(2, 9)])
    objective_ms = int(batches * (call_ms + item_ms * max_batch_size))
    return objective_ms, max_batch_size, call_ms, item_ms


QUEUE_BOUND = Exercise(
    name="7.4",
    story="How many may wait, so that whoever is let in has an answer within the objective?",
    hints=(
        "Take the unluckiest request: the last to find room, just after a batch has begun.",
        "It waits for the batch in hand, then for each batch of the queue; its own is last.",
        "k batches in the queue are (1 + k) batches of time, and k is a whole number.",
    ),
    solution=queue_bound,
    why="A newcomer waits for one batch that has just begun and for k batches of the queue: "
    "(1 + k) × batch_ms must fit into the objective. One batch more in the queue, and the "
    "unlucky one is late.",
    wrong={
        "the batch in hand is forgotten": lambda objective_ms, size, call_ms, item_ms: (
            size * (objective_ms // (call_ms + item_ms * size))
        ),
        "a part of a batch is taken to be ready sooner": _parts_of_batches,
        "the requests are taken to be answered one by one": lambda objective_ms, size, *price: (
            queue_bound(objective_ms, 1, *price)
        ),
        "batches are returned instead of requests": lambda objective_ms, size, *price: (
            queue_bound(objective_ms, size, *price) // size
        ),
        "an answer at exactly the objective is taken to be late": lambda objective_ms, *model: (
            queue_bound(objective_ms - 1, *model)
        ),
        "fewer than nobody may wait when the objective is short": (
            lambda objective_ms, size, call_ms, item_ms: (
                size * (objective_ms // (call_ms + item_ms * size) - 1)
            )
        ),
    },
    cases=(
        Case("100 ms, batches of 4 in 10 ms", (100, 4, 6, 1), 36),
        Case("95 ms, batches of 4 in 10 ms", (95, 4, 6, 1), 32),
        Case("300 ms, one at a time in 30 ms", (300, 1, 20, 10), 9),
        Case("an objective that even an empty queue can miss", (15, 4, 6, 1), 0),
        Case("an objective shorter than one batch", (5, 4, 6, 1), 0),
    ),
    draw=_draw_objective,
)

BOOK = Book(THROUGHPUT, BATCH_START, COUNT_USERS, QUEUE_BOUND)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
