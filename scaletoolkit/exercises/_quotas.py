"""Exercises 11.2 and 11.3 of `many_teams`: what a team may still take, and who is next."""

from scaletoolkit.lab.exercises import Case, Exercise


def available(quotas, used, team):
    def kept(name):
        guaranteed, _, most_lent = quotas[name]
        return 0 if most_lent is None else max(0, guaranteed - most_lent)

    def shared_use(name):
        return max(0, used[name] - kept(name))

    pool = sum(quotas[name][0] - kept(name) for name in quotas)
    pool -= sum(shared_use(name) for name in quotas)
    guaranteed, most_borrowed, _ = quotas[team]
    if most_borrowed is not None:
        pool = min(pool, guaranteed - kept(team) - shared_use(team) + most_borrowed)
    return max(0, max(0, kept(team) - used[team]) + pool)


def _with(quotas, place, value):
    """The quotas with one part of each replaced."""
    return {
        name: tuple(value if part == place else number for part, number in enumerate(quota))
        for name, quota in quotas.items()
    }


def _limit_on_the_total(quotas, used, team):
    free = available(_with(quotas, 1, None), used, team)
    return free if quotas[team][1] is None else max(0, min(free, quotas[team][1] - used[team]))


def _others_within_theirs(quotas, used, team):
    counted = {
        name: number if name == team else min(number, quotas[name][0])
        for name, number in used.items()
    }
    return available(quotas, counted, team)


def _own_whole(quotas, used, team):
    guaranteed, _, most_lent = quotas[team]
    own = 0 if most_lent is None else max(0, guaranteed - most_lent)
    return max(own - used[team], available(quotas, used, team))


def _negative(quotas, used, team):
    spare = 1000
    more = {
        name: (quota[0] + spare * (name == "spare"), *quota[1:])
        for name, quota in (quotas | {"spare": (0, None, None)}).items()
    }
    most = quotas[team][1]
    free = available(_with(more, 1, None), used | {"spare": 0}, team) - spare
    return free if most is None else min(free, quotas[team][0] + most - used[team])


def _shuffled(dice, table):
    """The same dict in another order."""
    return dict(dice.sample([*table.items()], len(table)))


def _draw_quotas(dice):
    quotas = {}
    used = {}
    for name in ("ads", "speech", "vision"):
        guaranteed = dice.randint(1, 8)
        most_borrowed = dice.choice([None, None, 0, 2, 5])
        quotas[name] = (guaranteed, most_borrowed, dice.choice([None, None, 0, 1, 3]))
        used[name] = dice.randint(0, guaranteed + dice.choice([0, 0, 4]))
    return quotas, _shuffled(dice, used), dice.choice(sorted(quotas))


THREE = {"ads": (4, None, None), "speech": (4, None, None), "vision": (2, None, None)}
LIMITED = {"ads": (4, 1, None), "speech": (4, None, 1), "vision": (2, 3, None)}

AVAILABLE = Exercise(
    name="11.2",
    story="How many GPUs may a team still take, when teams lend each other what they do not use?",
    hints=(
        "A team keeps max(0, guaranteed - most_lent) to itself; without a limit it keeps 0.",
        "The pool is what is not kept, less what each team uses beyond what it keeps.",
        "most_borrowed caps the pool: guaranteed - kept - own use of the pool + most_borrowed.",
    ),
    solution=available,
    why="What is kept is the team's alone; all else lies in one pool that every team's use beyond "
    "its kept part drains, borrowed or not. The borrowing limit counts from the guaranteed part. "
    "Kueue computes it so; in its words: nominalQuota, borrowingLimit, lendingLimit.",
    wrong={
        "what the others use is not counted": lambda quotas, used, team: available(
            quotas, {name: number * (name == team) for name, number in used.items()}, team
        ),
        "the borrowing limit is taken for one on the total": _limit_on_the_total,
        "the lending limit is ignored": lambda quotas, used, team: available(
            _with(quotas, 2, None), used, team
        ),
        "the borrowing limit is ignored": lambda quotas, used, team: available(
            _with(quotas, 1, None), used, team
        ),
        "what others have borrowed is not counted": _others_within_theirs,
        "nothing is borrowed": lambda quotas, used, team: max(0, quotas[team][0] - used[team]),
        "less than nothing is available where too much is used": _negative,
        "a team's own part is taken for out of everybody's reach": _own_whole,
    },
    cases=(
        Case(
            "vision, while nobody uses anything",
            (THREE, {"ads": 0, "speech": 0, "vision": 0}, "vision"),
            10,
        ),
        Case(
            "vision, while ads has borrowed one",
            (THREE, {"ads": 5, "speech": 2, "vision": 1}, "vision"),
            2,
        ),
        Case(
            "vision, which may borrow 3; speech lends 1",
            (LIMITED, {"ads": 0, "speech": 0, "vision": 1}, "vision"),
            4,
        ),
        Case(
            "ads, which may borrow 1; speech keeps 3 of its 4",
            (LIMITED, {"ads": 3, "speech": 2, "vision": 2}, "ads"),
            2,
        ),
        Case(
            "ads, where the machine has become smaller than what is used",
            (THREE, {"ads": 7, "speech": 4, "vision": 2}, "ads"),
            0,
        ),
        Case(
            "speech, which keeps 3 and uses 1, while ads uses more than the pool has",
            (THREE | {"speech": (4, None, 1)}, {"ads": 6, "speech": 1, "vision": 2}, "speech"),
            1,
        ),
    ),
    draw=_draw_quotas,
)


def next_task(capacity, demands, weights, tasks):
    def fits(team):
        return all(
            sum(tasks[other] * demands[other][what] for other in tasks) + demands[team][what]
            <= capacity[what]
            for what in capacity
        )

    def share(team):
        parts = [tasks[team] * demands[team][what] / capacity[what] for what in capacity]
        return max(parts) / weights[team]

    return min(filter(fits, demands), key=share, default=None)


def _by_share(share):
    def answer(capacity, demands, weights, tasks):
        def parts(team):
            return [tasks[team] * demands[team][what] / capacity[what] for what in capacity]

        def fits(team):
            used = {what: sum(tasks[o] * demands[o][what] for o in tasks) for what in capacity}
            return all(used[what] + demands[team][what] <= capacity[what] for what in capacity)

        teams = filter(fits, demands)
        return min(teams, key=lambda t: share(parts(t), weights[t], tasks[t]), default=None)

    return answer


def _neediest_or_nobody(capacity, demands, weights, tasks):
    ample = {what: 2**20 * number for what, number in capacity.items()}
    neediest = next_task(ample, demands, weights, tasks)
    first = next_task(capacity, demands, weights | {neediest: 2**20 * weights[neediest]}, tasks)
    return neediest if first == neediest else None


def _by_place(capacity, demands, weights, tasks):
    in_order = dict(zip(demands, weights.values(), strict=True))
    return next_task(capacity, demands, in_order, dict(zip(demands, tasks.values(), strict=True)))


def _draw_demands(dice):
    capacity = _shuffled(dice, {"gpus": 32, "memory": 64})
    demands = {
        "ads": {"gpus": 1, "memory": dice.choice([4, 6, 8])},
        "speech": {"gpus": dice.choice([3, 4, 5]), "memory": 1},
        "vision": {"gpus": dice.choice([1, 2, 3]), "memory": dice.choice([2, 3, 5])},
    }
    weights = {name: dice.choice([1, 1, 1, 2]) for name in demands}
    tasks = dict.fromkeys(demands, 0)
    for _ in range(dice.randint(4, 16)):
        name = dice.choice(sorted(demands))
        more = tasks | {name: tasks[name] + 1}
        if all(sum(more[t] * demands[t][w] for t in more) <= capacity[w] for w in capacity):
            tasks = more
    given = capacity, demands, _shuffled(dice, weights), _shuffled(dice, tasks)
    tied = next_task(*given) != next_task(capacity, dict(reversed(demands.items())), *given[2:])
    return (capacity, demands, weights, tasks) if tied else given  # there the order decides


PAPER = (
    {"cores": 9, "memory": 18},
    {"A": {"cores": 1, "memory": 4}, "B": {"cores": 3, "memory": 1}},
)
TIGHT = (PAPER[0], {"A": {"cores": 1, "memory": 4}, "B": {"cores": 8, "memory": 1}})

NEXT_TASK = Exercise(
    name="11.3",
    story="Two resources, and each team wants more of another one: whose task is started next?",
    hints=(
        "A team's share of a resource is tasks × demand ÷ capacity; the largest is dominant.",
        "Divide the dominant share by the team's weight; the smallest is next.",
        "Leave out teams whose next task does not fit beside all that runs; nobody left: None.",
    ),
    solution=next_task,
    why="A team is measured by the resource that it takes most of, for that is what others miss. "
    "This is dominant resource fairness (Ghodsi and others, 2011). Where tasks can be divided, no "
    "team gains by lying about what it needs; with whole tasks, rounding can leave a small gain.",
    wrong={
        "the fewest tasks are next": _by_share(lambda parts, weight, tasks: tasks / weight),
        "only the first resource counts": _by_share(lambda parts, weight, tasks: parts[0] / weight),
        "the shares of all resources are added up": _by_share(
            lambda parts, weight, tasks: sum(parts) / weight
        ),
        "a heavy team's share is multiplied by its weight": _by_share(
            lambda parts, weight, tasks: max(parts) * weight
        ),
        "weights and tasks are paired with the teams by their places, not by names": _by_place,
        "nobody is next while the neediest team's task does not fit": _neediest_or_nobody,
        "nobody looks whether the task fits": lambda capacity, demands, weights, tasks: next_task(
            {what: 2**20 * number for what, number in capacity.items()}, demands, weights, tasks
        ),
    },
    cases=(
        Case(
            "the paper's example, nothing runs yet",
            (*PAPER, {"A": 1, "B": 1}, {"A": 0, "B": 0}),
            "A",
        ),
        Case("one task of each", (*PAPER, {"A": 1, "B": 1}, {"A": 1, "B": 1}), "A"),
        Case("two of A, one of B", (*PAPER, {"A": 1, "B": 1}, {"A": 2, "B": 1}), "B"),
        Case("the same, where A has weight 4", (*PAPER, {"A": 4, "B": 1}, {"A": 2, "B": 1}), "A"),
        Case("three of A, two of B", (*PAPER, {"A": 1, "B": 1}, {"A": 3, "B": 2}), None),
        Case("who has least does not fit", (*TIGHT, {"A": 1, "B": 1}, {"A": 2, "B": 0}), "A"),
    ),
    draw=_draw_demands,
)
