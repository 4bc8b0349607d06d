"""Exercises of lab 07: throughput of a batch, start of a batch, users, the queue's bound."""

from scaletoolkit.lab.exercises import Book, Case, Exercise


def throughput(size, call_s, item_s):
    return size / (call_s + item_s * size)


def _calls_a_second(size, call_s, item_s):
    return 1 / (call_s + item_s * size)


def _one_item_for_all(size, call_s, item_s):
    return size / (call_s + item_s)


def _a_call_each(size, call_s, item_s):
    return size / (size * (call_s + item_s))


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
    wrong=(_calls_a_second, _one_item_for_all, _a_call_each),
    cases=(
        Case("one at a time, 4 ms a call and 1 ms an item", (1, 0.004, 0.001), 200),
        Case("batches of 4 of the same model", (4, 0.004, 0.001), 500),
        Case("batches of 36 of the same model", (36, 0.004, 0.001), 900),
        Case("a model that gains nothing from batches", (8, 0, 0.002), 500),
    ),
)


def batch_start(free_s, arrivals_s, max_batch_size, delay_s):
    due_s = arrivals_s[0] + delay_s
    if len(arrivals_s) >= max_batch_size:
        due_s = min(due_s, arrivals_s[max_batch_size - 1])
    return max(free_s, due_s)


def _delay_from_the_free_server(free_s, arrivals_s, max_batch_size, delay_s):
    return max(free_s, arrivals_s[0]) + delay_s


def _full_batches_wait_too(free_s, arrivals_s, max_batch_size, delay_s):
    return max(free_s, arrivals_s[0] + delay_s)


def _delay_from_the_last(free_s, arrivals_s, max_batch_size, delay_s):
    members = arrivals_s[:max_batch_size]
    return max(free_s, members[-1] if len(members) == max_batch_size else members[-1] + delay_s)


def _server_always_free(free_s, arrivals_s, max_batch_size, delay_s):
    return batch_start(0, arrivals_s, max_batch_size, delay_s)


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
    wrong=(
        _delay_from_the_free_server,
        _full_batches_wait_too,
        _delay_from_the_last,
        _server_always_free,
    ),
    cases=(
        Case("a free server, one request at 5, no delay", (0, [5], 4, 0), 5),
        Case("a server that is busy until 9, no delay", (9, [5, 6], 4, 0), 9),
        Case("a free server, requests at 5 and 6, a delay of 3", (0, [5, 6], 4, 3), 8),
        Case("the same, but the fourth comes at 7", (0, [5, 6, 6, 7, 7], 4, 3), 7),
        Case("the same, but the fourth comes at 20", (0, [5, 6, 6, 20], 4, 3), 8),
        Case("a delay of 3 that is over when the server is free", (9, [5, 6], 4, 3), 9),
        Case("a delay of 3 that is not over when it is free", (6, [5, 6], 4, 3), 8),
    ),
)


def count_users(throughput_per_s, latency_s, pause_s):
    return throughput_per_s * (latency_s + pause_s)


def _those_who_wait(throughput_per_s, latency_s, pause_s):
    return throughput_per_s * latency_s


def _those_who_pause(throughput_per_s, latency_s, pause_s):
    return throughput_per_s * pause_s


def _rate_of_one_user(throughput_per_s, latency_s, pause_s):
    return throughput_per_s / (latency_s + pause_s)


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
    wrong=(_those_who_wait, _those_who_pause, _rate_of_one_user),
    cases=(
        Case("100 a second, 0.25 s each, no pause", (100, 0.25, 0), 25),
        Case("100 a second, 0.25 s each, a pause of 9.75 s", (100, 0.25, 9.75), 1000),
        Case("1,000 a second, 0.02 s each, a pause of 59.98 s", (1000, 0.02, 59.98), 60_000),
    ),
)


def queue_bound(objective_ms, max_batch_size, call_ms, item_ms):
    batch_ms = call_ms + item_ms * max_batch_size
    return max_batch_size * max(0, objective_ms // batch_ms - 1)


def _the_batch_in_hand_is_forgotten(objective_ms, max_batch_size, call_ms, item_ms):
    return max_batch_size * (objective_ms // (call_ms + item_ms * max_batch_size))


def _as_if_a_part_of_a_batch_were_sooner(objective_ms, max_batch_size, call_ms, item_ms):
    batch_ms = call_ms + item_ms * max_batch_size
    return max(0, max_batch_size * (objective_ms - batch_ms) // batch_ms)


def _one_by_one(objective_ms, max_batch_size, call_ms, item_ms):
    return max(0, objective_ms // (call_ms + item_ms) - 1)


def _batches_not_requests(objective_ms, max_batch_size, call_ms, item_ms):
    return max(0, objective_ms // (call_ms + item_ms * max_batch_size) - 1)


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
    wrong=(
        _the_batch_in_hand_is_forgotten,
        _as_if_a_part_of_a_batch_were_sooner,
        _one_by_one,
        _batches_not_requests,
    ),
    cases=(
        Case("100 ms, batches of 4 in 10 ms", (100, 4, 6, 1), 36),
        Case("95 ms, batches of 4 in 10 ms", (95, 4, 6, 1), 32),
        Case("300 ms, one at a time in 30 ms", (300, 1, 20, 10), 9),
        Case("an objective that even an empty queue can miss", (15, 4, 6, 1), 0),
        Case("an objective shorter than one batch", (5, 4, 6, 1), 0),
    ),
)

BOOK = Book(THROUGHPUT, BATCH_START, COUNT_USERS, QUEUE_BOUND)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
