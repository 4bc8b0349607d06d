"""Exercise 11.1 of `many_teams`: the order in which a fair server takes what waits."""

from scaletoolkit.lab.exercises import Case, Exercise


def taken(steps, weights):
    now = 0
    ends = dict.fromkeys(weights, 0)
    waiting = []
    order = []
    for number, step in enumerate(steps):
        if step != "take":
            team, items = step
            start = max(now, ends[team])
            ends[team] = start + items / weights[team]
            waiting.append((start, number, team))
        else:
            first = min(waiting)
            waiting.remove(first)
            now = first[0]
            order.append(first[2])
    return order


def _by_tags(steps, clock=True, cost=lambda items, weight: items / weight):
    """The same, with the clock left at 0 or another cost of a request."""
    ends: dict[str, float] = {}
    now: float = 0
    waiting: list[tuple[float, int, str]] = []
    order = []
    for number, step in enumerate(steps):
        if step == "take":
            waiting.sort()
            start, _, team = waiting.pop(0)
            now = max(now, start) if clock else 0
            order.append(team)
        else:
            team, items = step
            start = max(now, ends.get(team, 0))
            ends[team] = start + cost(items, team)
            waiting.append((start, number, team))
    return order


def _longest_first(steps, weights):
    waiting = dict.fromkeys(weights, 0)
    order = []
    for step in steps:
        if step == "take":
            order.append(max(waiting, key=lambda team: waiting[team]))
            waiting[order[-1]] -= 1
        else:
            waiting[step[0]] += 1
    return order


def _draw_steps(dice):
    weights = {"ads": dice.choice([1, 2, 4]), "vision": dice.choice([1, 2]), "speech": 1}
    steps = []
    waiting = 0
    for _ in range(dice.randint(2, 4)):
        come = dice.sample(sorted(weights), dice.randint(1, 3))
        bunch = [(dice.choice(come), dice.choice([1, 1, 2, 8])) for _ in range(dice.randint(3, 9))]
        takes = dice.randint(1, len(bunch))
        steps += [*bunch, *(["take"] * takes)]
        waiting += len(bunch) - takes
    return steps + ["take"] * waiting, weights


EQUAL = {"ads": 1, "vision": 1}

TAKEN = Exercise(
    name="11.1",
    story="In which order does a fair server take what waits, when teams have weights?",
    hints=(
        "Each request gets a start when it comes; the lowest is next, of equal ones the older.",
        "start = max(now, ends[team]), and ends[team] = start + items / weights[team].",
        "`now` is the start of what was taken last: who was idle begins there, not at 0.",
    ),
    solution=taken,
    why="Each team has a clock that moves by items ÷ weight with each request, and the slowest "
    "clock is served. `now` brings a team that was idle up to date, so nobody saves up turns. "
    "This is start-time fair queueing (Goyal, Vin and Cheng, 1996).",
    wrong={
        "the longest queue is served first": _longest_first,
        "all teams weigh the same": lambda steps, weights: _by_tags(
            steps, cost=lambda items, team: items
        ),
        "requests are counted where items are asked for": lambda steps, weights: _by_tags(
            steps, cost=lambda items, team: 1 / weights[team]
        ),
        "a team that was idle has saved up turns": lambda steps, weights: _by_tags(
            steps, clock=False, cost=lambda items, team: items / weights[team]
        ),
        "a heavy team's clock runs faster, not slower": lambda steps, weights: _by_tags(
            steps, cost=lambda items, team: items * weights[team]
        ),
    },
    cases=(
        Case(
            "three of ads, then one of vision",
            ([("ads", 1)] * 3 + [("vision", 1)] + ["take"] * 4, EQUAL),
            ["ads", "vision", "ads", "ads"],
        ),
        Case(
            "ads with weight 2",
            ([("ads", 1)] * 4 + [("vision", 1)] * 2 + ["take"] * 6, {"ads": 2, "vision": 1}),
            ["ads", "vision", "ads", "ads", "vision", "ads"],
        ),
        Case(
            "requests of two items against requests of one",
            ([("ads", 2)] * 2 + [("vision", 1)] * 4 + ["take"] * 6, EQUAL),
            ["ads", "vision", "vision", "ads", "vision", "vision"],
        ),
        Case(
            "vision comes after three of ads were served",
            ([("ads", 1)] * 5 + ["take"] * 3 + [("vision", 1)] * 3 + ["take"] * 5, EQUAL),
            ["ads", "ads", "ads", "vision", "ads", "vision", "ads", "vision"],
        ),
    ),
    draw=_draw_steps,
)
