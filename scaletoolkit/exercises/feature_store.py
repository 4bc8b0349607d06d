"""Exercises of lab 10: what was known, training rows, a page, a shard, a scale."""

from scaletoolkit import features
from scaletoolkit.lab.exercises import Book, Case, Exercise


def known_before(times, values, at):
    earlier = [pair for pair in zip(times, values, strict=True) if pair[0] < at]
    return max(earlier)[1] if earlier else None


def _last_in_list(times, values, at):
    before = [value for time, value in zip(times, values, strict=True) if time < at]
    return before[-1] if before else None


def _nearest(times, values, at):
    pairs = zip(times, values, strict=True)
    return min(pairs, key=lambda pair: (abs(pair[0] - at), pair[0]))[1]


def _draw_times(dice):
    times = dice.sample(range(30), dice.randint(1, 6))
    values = dice.sample(range(10, 99), len(times))
    return times, values, dice.choice(times) + dice.randint(0, 2)


KNOWN_BEFORE = Exercise(
    name="10.1",
    story="Which value was the last one before a moment?",
    hints=(
        "What came at the very moment may be the label itself: only strictly earlier ones count.",
        "The lists are in no order: look for the latest of the earlier times.",
        "earlier = [pair for pair in zip(times, values) if pair[0] < at], then max(earlier)[1]",
    ),
    solution=known_before,
    why="Among the times strictly before the moment the latest one counts; where there is none, "
    "nothing was known, and nothing is not 0.",
    wrong={
        "the moment itself counts as before it": lambda t, v, at: known_before(t, v, at + 1),
        "the last of the list is taken for the latest": _last_in_list,
        "nothing known is taken for 0": lambda *given: known_before(*given) or 0,
        "the nearest value is taken, although it lies ahead": _nearest,
    },
    cases=(
        Case("two before, one later", ([3, 7, 12], [30, 70, 120], 10), 70),
        Case("the same in another order", ([7, 12, 3], [70, 120, 30], 10), 70),
        Case("one at the very moment", ([3, 10], [30, 100], 10), 30),
        Case("nothing before", ([10, 12], [100, 120], 10), None),
        Case("a later one is nearer", ([2, 11], [20, 110], 10), 20),
    ),
    draw=_draw_times,
)


def training_rows(events, labels):
    rows = []
    for user, at in labels:
        known = [event for event in events if event[0] == user and event[2] < at]
        newest = max(known, key=lambda event: event[1], default=None)
        rows.append(newest and newest[3])
    return rows


def _last_to_arrive(events, labels):
    return training_rows([(user, came, came, value) for user, _, came, value in events], labels)


def _happened_before(events, labels):
    return training_rows([(user, time, time, value) for user, time, _, value in events], labels)


def _draw_events(dice):
    events = []
    for happened in dice.sample(range(20), 7):
        late = dice.choice([1, 2, dice.randint(8, 15)])
        events.append((dice.choice([1, 2]), happened, happened + late, dice.randint(100, 999)))
    if len({event[2] for event in events}) < len(events):  # a tie has two right answers for some
        return _draw_events(dice)
    labels = [(dice.choice([1, 2, 2, 3]), dice.randint(2, 30)) for _ in range(4)]
    return events, [*labels, (events[0][0], events[0][2]), (3, 9)]


TRAINING_ROWS = Exercise(
    name="10.2",
    story="Which value would production have had for each label?",
    hints=(
        "Production knows what has arrived, so event[2] < at decides which events count.",
        "Of those it keeps the one that happened last: a late one changes nothing, if older.",
        "max(known, key=lambda event: event[1], default=None), and one row for each label.",
    ),
    solution=training_rows,
    why="What has arrived strictly before the label is known; of that, the event that happened "
    "last stands. A label without any keeps its row, with None: production had to answer it, too.",
    wrong={
        "an event counts when it has happened, arrived or not": _happened_before,
        "a late event overwrites a newer one": _last_to_arrive,
        "labels for which nothing was known are dropped": lambda events, labels: [
            row for row in training_rows(events, labels) if row is not None
        ],
        "what arrives at the very moment counts as known": lambda events, labels: training_rows(
            events, [(user, at + 1) for user, at in labels]
        ),
    },
    cases=(
        Case("one event, known in time", ([(1, 3, 4, 30)], [(1, 9)]), [30]),
        Case("it arrives after the label", ([(1, 3, 12, 30)], [(1, 9)]), [None]),
        Case(
            "an older one comes later", ([(1, 3, 8, 30), (1, 5, 6, 50)], [(1, 7), (1, 9)]), [50] * 2
        ),
        Case("somebody who is not known", ([(1, 3, 4, 30)], [(2, 9), (1, 9)]), [None, 30]),
        Case("it arrives at the very moment", ([(1, 3, 9, 30)], [(1, 9)]), [None]),
    ),
    draw=_draw_events,
)


def bytes_per_entity(value_bytes, page_bytes):
    entities = (page_bytes - 8) // (17 + value_bytes)
    return page_bytes / entities


def _draw_page(dice):
    page_bytes = dice.choice([4096, 8192, 16384])
    most = (page_bytes - 8) // dice.randint(2, 12) - 17
    return dice.choice([most, most + 1, dice.randint(200, 1500)]), page_bytes


PAGE = Exercise(
    name="10.3",
    story="How many bytes of disk does an entity take in a store of pages?",
    hints=(
        "A page has room for page_bytes - 8 bytes, and an entity takes 17 + value_bytes of them.",
        "Only whole entities lie in a page: what is left over stays empty.",
        "page_bytes / ((page_bytes - 8) // (17 + value_bytes))",
    ),
    solution=bytes_per_entity,
    why="A page holds a whole number of entities, so they share its bytes: the law has stairs. One "
    "byte too many, and a page holds one entity less.",
    wrong={
        "entities are taken to go on in the next page": lambda value_bytes, page_bytes: (
            page_bytes * (17 + value_bytes) / (page_bytes - 8)
        ),
        "the page's own 8 bytes are forgotten": lambda value_bytes, page_bytes: (
            page_bytes / (page_bytes // (17 + value_bytes))
        ),
        "the 17 bytes beside each value are forgotten": lambda value_bytes, page_bytes: (
            page_bytes / ((page_bytes - 8) // value_bytes)
        ),
    },
    cases=(
        Case("190 features of four bytes in pages of 4,096", (760, 4096), 819.2),
        Case("200 features", (800, 4096), 819.2),
        Case("201 features", (804, 4096), 1024),
        Case("495 features of one byte", (495, 4096), 4096 / 7),
    ),
    draw=_draw_page,
)


def shard_of(key, shards):
    lots = [int(features.mix(key ^ int(features.mix(shard + 1)))) for shard in shards]
    return shards[lots.index(max(lots))]


def _on_a_ring(key, shards):
    ring = sorted((int(features.mix(shard + 1)), shard) for shard in shards)
    place = int(features.mix(key))
    return next((shard for point, shard in ring if point >= place), ring[0][1])


def _draw_key(dice):
    return dice.randrange(2**62), sorted(dice.sample(range(9), dice.randint(3, 7)))


SHARD_OF = Exercise(
    name="10.4",
    story="On which of the shards that are there does a key lie, if hardly any key may ever move?",
    hints=(
        "Every shard s draws a lot for the key: int(features.mix(key ^ int(features.mix(s + 1)))).",
        "The shard with the highest lot has the key. A lot depends on no other shard.",
        "max(shards, key=lambda s: int(features.mix(key ^ int(features.mix(s + 1)))))",
    ),
    solution=shard_of,
    why="When a shard goes, only the keys that it had won go to their second best; when one comes, "
    "it takes those for which its lot is highest. Between the others nothing moves.",
    wrong={
        "the remainder decides, so a new shard moves most keys": lambda k, s: s[k % len(s)],
        "each shard has one point on a ring, and unequal parts of it": _on_a_ring,
        "the place in the list is taken for the shard": lambda k, s: s.index(shard_of(k, s)),
    },
    cases=(
        Case("key 7 and one shard", (7, [5]), 5),
        Case("key 7 and four shards", (7, [0, 1, 2, 3]), shard_of(7, [0, 1, 2, 3])),
        Case("key 8 and four shards", (8, [0, 1, 2, 3]), shard_of(8, [0, 1, 2, 3])),
        Case("key 8 without shard 0", (8, [1, 2, 3]), shard_of(8, [1, 2, 3])),
    ),
    draw=_draw_key,
)


def scales(rows):
    return [[min(c), (max(c) - min(c)) / 254] for c in zip(*rows, strict=True)]


def _one_for_all(rows):
    values = [value for row in rows for value in row]
    return scales([[value] for value in values]) * len(rows[0])


def _draw_rows(dice):
    sizes = [10 ** dice.randint(-2, 4) for _ in range(dice.randint(2, 4))]
    count = dice.randint(3, 5)
    columns = [[round(dice.uniform(-1, 2) * size, 4) for _ in range(count)] for size in sizes]
    return ([list(row) for row in zip(*columns, strict=True)],)


SCALES = Exercise(
    name="10.5",
    story="From where, and in steps of what size, do the codes 0 to 254 cover each feature?",
    hints=(
        "Each feature, a column of the rows, gets a scale of its own: zip(*rows) gives columns.",
        "Code 0 stands for the lowest value; 254 steps later comes the highest one.",
        "[[min(c), (max(c) - min(c)) / 254] for c in zip(*rows)]",
    ),
    solution=scales,
    why="With 254 steps from the lowest to the highest value no code is wasted, and an error is at "
    "most half a step of that feature. Code 255 is kept for a missing value.",
    wrong={
        "one scale serves all features": _one_for_all,
        "negative values are forgotten: the scale begins at 0": lambda rows: [
            [0, max(column) / 254] for column in zip(*rows, strict=True)
        ],
        "code 255 is a value, too": lambda rows: [[a, b * 254 / 255] for a, b in scales(rows)],
    },
    cases=(
        Case("one feature from 0 to 254", ([[0], [100], [254]],), [[0, 1]]),
        Case("two features", ([[0, 1000], [127, 3540]],), [[0, 0.5], [1000, 10]]),
        Case("below 0", ([[-1.27, 5], [1.27, 5]],), [[-1.27, 0.01], [5, 0]]),
    ),
    draw=_draw_rows,
)

BOOK = Book(KNOWN_BEFORE, TRAINING_ROWS, PAGE, SHARD_OF, SCALES)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
