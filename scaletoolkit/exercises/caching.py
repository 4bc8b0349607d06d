"""Exercises of lab 08: a key, single flight, stale answers, what is worth computing ahead."""

import asyncio
import json
import math

import numpy as np

from scaletoolkit.lab.exercises import Book, Case, Exercise
from scaletoolkit.serving import caching


def cache_key(body, model_version):
    numbers = np.array(json.loads(body), np.float32) + np.float32(0)
    return model_version.encode() + b" " + numbers.tobytes()


def _draw_body(dice):
    numbers = ["-0.0", "-1e-60", "-0.05", "1e-6", "12345.678", dice.choice(["0", "1", "2.50"])]
    numbers += [f"{dice.uniform(-9, 9):.4f}" for _ in range(dice.randint(1, 4))]
    dice.shuffle(numbers)
    body = f"[{dice.choice([',', ', ']).join(numbers)}]"
    return body, f"{dice.choice(['v', 'vé'])}{dice.randint(1, 99)}"


def _key(read):
    return lambda body, version: version.encode() + b" " + read(json.loads(body)).tobytes()


A_KEY = cache_key("[0, 1]", "v1")

CACHE_KEY = Exercise(
    name="8.1",
    story="Which bytes are the same for two requests if, and only if, their answer is the same?",
    hints=(
        "Read the body first: what the model sees are numbers, not letters.",
        "The model sees them as numpy's float32. Mind that -0.0 equals 0.0, and has other bytes.",
        'model_version.encode() + b" " + (numbers as float32, + 0).tobytes()',
    ),
    solution=cache_key,
    why="The answer depends on the model and on the numbers as the model reads them, and on "
    "nothing else. Adding 0 turns -0.0 into 0.0. Unlike Python's hash(), these "
    "bytes are the same in every process.",
    wrong={
        "the letters of the body are the key": lambda body, version: f"{version} {body}".encode(),
        "numbers are compared as Python writes them": lambda body, version: (
            f"{version} {json.loads(body)}".encode()
        ),
        "the model's version is left out": lambda body, version: cache_key(body, ""),
        "numbers keep 64 bits, of which the model sees 32": _key(lambda xs: np.add(xs, 0.0)),
        "0 is added to 64 bits, and a tiny negative number still becomes -0.0": _key(
            lambda xs: np.float32(np.add(xs, 0.0))
        ),
        "-0.0 and 0.0 have different keys": _key(np.float32),
        "the key comes from Python's hash(), which differs between processes": (
            lambda body, version: hash((version, *json.loads(body)))
        ),
    },
    cases=(
        Case("the body [0, 1] and version v1", ("[0, 1]", "v1"), A_KEY),
        Case("the same with other spaces and points", ("[0.0,1.00]", "v1"), A_KEY),
        Case("the same with a negative zero", ("[-0.0, 1]", "v1"), A_KEY),
        Case("the same for version v2", ("[0, 1]", "v2"), cache_key("[0, 1]", "v2")),
    ),
    draw=_draw_body,
)


def served(callers):
    async def share(flights, key, work):
        if key not in flights:
            flights[key] = asyncio.ensure_future(work())
            flights[key].add_done_callback(lambda flight: flights.pop(key))
        return await asyncio.shield(flights[key])

    return caching.play(share, callers)


def _one_lock(callers):
    async def share(flights, key, work):
        async with flights.setdefault("lock", asyncio.Lock()):
            return await work()

    return caching.play(share, callers)


def _flights(landed, wait=asyncio.shield):
    async def share(flights, key, work):
        if key not in flights:
            flights[key] = asyncio.ensure_future(work())
            flights[key].add_done_callback(lambda flight: landed(flights, key, flight))
        return await wait(flights[key])

    return lambda callers: caching.play(share, callers)


def _draw_callers(dice):
    callers = []
    for _ in range(dice.randint(2, 5)):
        comes_s = dice.randint(0, 12) / 4
        key = dice.choice(["a", "b", "bad"])
        callers += [(comes_s, key, dice.choice([0.3, None])) for _ in range(dice.randint(1, 3))]
        callers.append((comes_s, key, None))
    callers.append((callers[0][0] + 0.91, callers[0][1], None))  # just after the end of a call
    return (sorted(callers, key=lambda caller: caller[0]),)


SERVED = Exercise(
    name="8.2",
    story="How do a hundred callers of one key share a call, and none takes the others along?",
    hints=(
        "flights[key] can hold a call that is under way; asyncio.ensure_future(work()) starts one.",
        "When it is done it must leave the dict, a failure too: add_done_callback.",
        "A caller who is cancelled cancels the task it awaits: await asyncio.shield(flights[key]).",
    ),
    solution=served,
    why="The first caller starts the call, all wait for it behind a shield, and whatever comes "
    "out of it, it leaves the dict when it is done. So a failure is told, not kept.",
    wrong={
        "every caller makes a call of its own": lambda callers: caching.play(
            lambda flights, key, work: work(), callers
        ),
        "one lock lets callers in one by one, those of other keys too": _one_lock,
        "a call that is done stays among the flights": _flights(lambda *_: None),
        "a failure is kept and told to those who come later": _flights(
            lambda flights, key, flight: flight.exception() or flights.pop(key)
        ),
        "who gives up cancels the call that others wait for": _flights(
            lambda flights, key, flight: flights.pop(key), wait=lambda flight: flight
        ),
    },
    cases=(
        Case("three callers of one key", ([(0, "a", None)] * 3,), [(0.9, 1)] * 3),
        Case(
            "two keys, which do not wait for each other",
            ([(0, "a", None), (0.25, "b", None)],),
            [(0.9, 1), (1.15, 2)],
        ),
        Case("one who comes later", ([(0, "a", None), (1, "a", None)],), [(0.9, 1), (1.9, 2)]),
        Case(
            "a first caller who leaves after 0.3 s",
            ([(0, "a", 0.3), (0, "a", None)],),
            [(0.3, "left"), (0.9, 1)],
        ),
        Case(
            "a call that fails, and one who comes later",
            ([(0, "bad", None), (1, "bad", None)],),
            [(0.9, "failed"), (1.9, "failed")],
        ),
    ),
    draw=_draw_callers,
)


def stale_share(rates, ttl_s, age_s):
    asked = sum(rates)
    stale = 0
    for rate in rates:
        kept = rate * ttl_s / (1 + rate * ttl_s)
        left = max(0, ttl_s - age_s) / ttl_s
        stale += rate / asked * kept * left
    return stale


def _draw_ages(dice):
    rates = [round(dice.uniform(0.001, 5), 3) for _ in range(dice.randint(2, 5))]
    ttl_s = dice.randint(5, 60)
    return rates, ttl_s, dice.choice([dice.randint(1, ttl_s - 1), dice.randint(1, 2 * ttl_s)])


STALE_SHARE = Exercise(
    name="8.3",
    story="Which share of the answers is from the old model, so long after the new one came?",
    hints=(
        "Take one key. A miss begins a time ttl_s, in which rate × ttl_s requests hit.",
        "Of the old answers (ttl_s - age_s) ÷ ttl_s have not ended yet, and never less than 0.",
        "Weigh each key with its share of the requests: rate ÷ sum(rates).",
    ),
    solution=stale_share,
    why="A key with rate λ is answered from the cache with probability λT ÷ (1 + λT). Its answer "
    "was made at some moment of the last T seconds, each as likely; age_s after the change, a "
    "share of (T - age) ÷ T of the old answers is left.",
    wrong={
        "rare keys are taken to be in the cache, too": lambda rates, ttl_s, age_s: (
            max(0, ttl_s - age_s) / ttl_s
        ),
        "a hit is taken to renew the answer": lambda rates, ttl_s, age_s: (
            math.exp(-age_s / ttl_s) * stale_share(rates, ttl_s, 0)
        ),
        "the share becomes negative when the time is over": lambda rates, ttl_s, age_s: (
            stale_share(rates, ttl_s, 0) * (ttl_s - age_s) / ttl_s
        ),
    },
    cases=(
        Case("one key, once a second, kept for 9 s, just changed", ([1.0], 9, 0), 0.9),
        Case("the same, 3 s later", ([1.0], 9, 3), 0.6),
        Case("the same, when the time is over", ([1.0], 9, 12), 0),
        Case("a rare key, once in 10 s, kept for 10 s, just changed", ([0.1], 10, 0), 0.5),
        Case("a rare and a frequent key, half the time later", ([0.1, 0.9], 10, 5), 0.43),
    ),
    draw=_draw_ages,
)


def gain_ahead(rate, period, cost_batch, cost_single):
    return (1 - np.exp(-rate * period)) * cost_single - cost_batch


def _draw_costs(dice):
    rate = round(dice.uniform(0.01, 0.5), 3)
    cost_single = dice.randint(2, 20)
    return rate, dice.randint(1, 24), round(dice.uniform(0.05, 0.9) * cost_single, 3), cost_single


GAIN_AHEAD = Exercise(
    name="8.4",
    story="What is saved if a user's answer is computed ahead, not on demand and then cached?",
    hints=(
        "Ahead: cost_batch, for certain. On demand: cost_single, but only if the user comes.",
        "With a cache it costs at most one cost_single a period, however often the user comes.",
        "The user comes at least once with the probability 1 - exp(-rate × period).",
    ),
    solution=gain_ahead,
    why="A request comes at least once in a period with the probability 1 - exp(-rate × period). "
    "That chance × cost_single is what is saved, and cost_batch is what it costs. Below 0 it "
    "does not pay.",
    wrong={
        "it is compared with having no cache": lambda rate, period, cost_batch, cost_single: (
            rate * period * cost_single - cost_batch
        ),
        "an answer in a batch is taken to cost as much as one alone": (
            lambda rate, period, cost_batch, cost_single: -math.exp(-rate * period) * cost_single
        ),
        "the batch is paid only for those who come": (
            lambda rate, period, batch, one: (1 - math.exp(-rate * period)) * (one - batch)
        ),
    },
    cases=(
        Case("nobody ever comes, 1 in a batch, 8 alone", (0, 1, 1, 8), -1),
        Case("7 times a day, a week: nearly certain", (7, 7, 1, 8), 7),
        Case("once a day, a day, 1 in a batch, 8 alone", (1, 1, 1, 8), 8 - 8 / math.e - 1),
    ),
    draw=_draw_costs,
)

BOOK = Book(CACHE_KEY, SERVED, STALE_SHARE, GAIN_AHEAD)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
