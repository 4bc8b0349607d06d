"""Exercises of lab 11: a fair order, quotas, dominant shares, idle, a team's request."""

import heapq
import re

from scaletoolkit.lab.exercises import Book, Case, Exercise
from scaletoolkit.lab.exercises.answers import short


def taken(steps, weights):
    now = 0
    ends = dict.fromkeys(weights, 0)
    heap = []
    order = []
    for number, step in enumerate(steps):
        if step == "take":
            start, _, team = heapq.heappop(heap)
            now = max(now, start)
            order.append(team)
        else:
            team, items = step
            start = max(now, ends[team])
            ends[team] = start + items / weights[team]
            heapq.heappush(heap, (start, number, team))
    return order


def _by_tags(steps, clock=True, cost=lambda items, weight: items / weight):
    """The same, with the clock left at 0 or another cost of a request."""
    ends = {}
    now = 0
    waiting = []
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


def _unfair(order, steps, weights):
    """Why this is no fair order of what comes in these steps; None for each that is one."""
    takes = list(steps).count("take")
    if not isinstance(order, list) or len(order) != takes:
        return f"expected a list of {takes} teams, one for each take, got {short(order)}"
    now = 0
    ends = {}
    lines = {team: [] for team in weights}
    turns = iter(order)
    for step in steps:
        if step != "take":
            team, items = step
            lines[team].append(max(now, ends.get(team, 0)))
            ends[team] = lines[team][-1] + items / weights[team]
            continue
        team = next(turns)
        heads = {name: starts[0] for name, starts in lines.items() if starts}
        if team not in heads or heads[team] > min(heads.values()):
            expected = taken(steps, weights)
            return f"expected {short(expected)}, or another order of equal starts, got {order}"
        now = max(now, lines[team].pop(0))
    return None


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
        "Each request gets a start when it comes; the lowest start is taken first.",
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
    prove=_unfair,
)


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
    most = quotas[team][1]
    free = available(_with(quotas, 1, None), used, team)
    return free if most is None else max(0, min(free, most - used[team]))


def _others_within_theirs(quotas, used, team):
    counted = {
        name: number if name == team else min(number, quotas[name][0])
        for name, number in used.items()
    }
    return available(quotas, counted, team)


def _negative(quotas, used, team):
    spare = 1000
    more = {
        name: (quota[0] + spare * (name == "spare"), *quota[1:])
        for name, quota in (quotas | {"spare": (0, None, None)}).items()
    }
    most = quotas[team][1]
    free = available(_with(more, 1, None), used | {"spare": 0}, team) - spare
    return free if most is None else min(free, quotas[team][0] + most - used[team])


def _draw_quotas(dice):
    quotas = {}
    used = {}
    for name in ("ads", "speech", "vision"):
        guaranteed = dice.randint(1, 8)
        quotas[name] = (
            guaranteed,
            dice.choice([None, None, 0, 2, 5]),
            dice.choice([None, None, 0, 1, 3]),
        )
        used[name] = dice.randint(0, guaranteed + dice.choice([0, 0, 4]))
    return quotas, used, dice.choice(sorted(quotas))


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


def _draw_demands(dice):
    capacity = {"gpus": 32, "memory": 64}
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
    return capacity, demands, weights, tasks


PAPER = (
    {"cores": 9, "memory": 18},
    {"A": {"cores": 1, "memory": 4}, "B": {"cores": 3, "memory": 1}},
)

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
    "This is dominant resource fairness (Ghodsi and others, 2011): no team gains by lying about "
    "what it needs.",
    wrong={
        "the fewest tasks are next": _by_share(lambda parts, weight, tasks: tasks / weight),
        "only the first resource counts": _by_share(lambda parts, weight, tasks: parts[0] / weight),
        "the shares of all resources are added up": _by_share(
            lambda parts, weight, tasks: sum(parts) / weight
        ),
        "a heavy team's share is multiplied by its weight": _by_share(
            lambda parts, weight, tasks: max(parts) * weight
        ),
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
    ),
    draw=_draw_demands,
)


def share_idle(costs, idle):
    bills = {}
    for team, _, _, cost in costs:
        bills[team] = bills.get(team, 0) + cost
    for cluster, resource, unused in idle:
        payers = [(team, cost) for team, *place, cost in costs if place == [cluster, resource]]
        whole = sum(cost for _, cost in payers)
        if not whole:
            bills["idle"] = bills.get("idle", 0) + unused
            continue
        for team, cost in payers:
            bills[team] += unused * cost / whole
    return bills


def _in_one(costs, idle, cluster=True, resource=True, weight=lambda cost: cost):
    """Idle shared with some of the borders taken away, or another weight."""

    def place(where, what):
        return (where if cluster else "", what if resource else "")

    moved = [(team, *place(where, what), cost) for team, where, what, cost in costs]
    bills = {}
    for team, *_, cost in moved:
        bills[team] = bills.get(team, 0) + cost
    for where, what, unused in idle:
        there = {}
        for team, *at, cost in moved:
            if at == [*place(where, what)] and cost:
                there[team] = there.get(team, 0) + cost
        if not there:
            bills["idle"] = bills.get("idle", 0) + unused
        weights = {team: weight(cost) for team, cost in there.items()}
        for team, part in weights.items():
            bills[team] += unused * part / sum(weights.values())
    return bills


def _draw_costs(dice):
    costs = []
    for team in ("ads", "speech", "vision"):
        for cluster in dice.sample(["east", "west"], dice.randint(1, 2)):
            for resource in dice.sample(["gpu", "memory"], dice.randint(1, 2)):
                costs.append((team, cluster, resource, dice.randint(1, 40)))
    idle = [(c, r, dice.randint(1, 30)) for c in ("east", "west") for r in ("gpu", "memory")]
    return costs, [*idle, ("north", "gpu", 7)]


SHARE_IDLE = Exercise(
    name="11.4",
    story="Nobody used a part of each machine, and somebody must pay for it: who, and how much?",
    hints=(
        "First the teams' own costs, added up team by team.",
        "A row of idle belongs to one cluster and one resource; only who pays for that shares it.",
        'By cost ÷ the sum of costs there. Where nobody pays for it, it stays, as "idle".',
    ),
    solution=share_idle,
    why="Idle memory in one cluster has nothing to do with a team that has a GPU in another. "
    "Inside cluster and resource it follows the costs, as OpenCost does it; and what has no payer "
    "is shown, for else the bill would no longer add up.",
    wrong={
        "idle of all clusters is pooled": lambda costs, idle: _in_one(costs, idle, cluster=False),
        "idle follows the total cost in its cluster": lambda costs, idle: _in_one(
            costs, idle, resource=False
        ),
        "idle is shared evenly": lambda costs, idle: _in_one(costs, idle, weight=lambda cost: 1),
        "idle that has no payer vanishes": lambda costs, idle: {
            team: bill for team, bill in share_idle(costs, idle).items() if team != "idle"
        },
        "idle is not shared": lambda costs, idle: share_idle(
            costs, [("", resource, unused) for _, resource, unused in idle]
        ),
    },
    cases=(
        Case(
            "one cluster, one resource",
            ([("ads", "east", "gpu", 30), ("vision", "east", "gpu", 10)], [("east", "gpu", 8)]),
            {"ads": 36, "vision": 12},
        ),
        Case(
            "two resources",
            (
                [
                    ("ads", "east", "gpu", 6),
                    ("ads", "east", "memory", 1),
                    ("vision", "east", "gpu", 2),
                    ("vision", "east", "memory", 3),
                ],
                [("east", "gpu", 4), ("east", "memory", 2)],
            ),
            {"ads": 10.5, "vision": 7.5},
        ),
        Case(
            "two clusters",
            (
                [("ads", "east", "gpu", 10), ("vision", "west", "gpu", 10)],
                [("east", "gpu", 5), ("west", "gpu", 1)],
            ),
            {"ads": 15, "vision": 11},
        ),
        Case(
            "a GPU that nobody pays for",
            ([("ads", "east", "memory", 3)], [("east", "gpu", 27), ("east", "memory", 1)]),
            {"ads": 4, "idle": 27},
        ),
    ),
    draw=_draw_costs,
)


def problems(request, platform):
    wrong = set()
    name = request["name"]
    label = re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) and len(name) <= 63
    if not label or name in platform["teams"]:
        wrong.add("name")
    promised = sum(guaranteed for guaranteed, _ in platform["teams"].values())
    if promised + request["guaranteed"] > platform["gpus"]:
        wrong.add("guaranteed")
    if not request["guaranteed"] <= request["at_most"] <= platform["gpus"]:
        wrong.add("at_most")
    return wrong


def _at_most_summed(request, platform):
    wrong = problems(request, platform) - {"guaranteed"}
    total = sum(most for _, most in platform["teams"].values()) + request["at_most"]
    return wrong | ({"guaranteed"} if total > platform["gpus"] else set())


def _equal_refused(request, platform):
    promised = sum(guaranteed for guaranteed, _ in platform["teams"].values())
    full = promised + request["guaranteed"] == platform["gpus"]
    return problems(request, platform) | ({"guaranteed"} if full else set())


def _capacity_team_by_team(request, platform):
    wrong = problems(request, platform) - {"guaranteed"}
    return wrong | ({"guaranteed"} if request["guaranteed"] > platform["gpus"] else set())


def _letters_only(request, platform):
    name = request["name"]
    wrong = problems(request, platform) - {"name"}
    bad = not re.fullmatch("[-a-z0-9]+", name) or name in platform["teams"]
    return wrong | ({"name"} if bad else set())


NAMES = ["maps", "maps-2", "Maps", "team_maps", "-maps", "maps-", "ads", "m" * 63, "m" * 64, "9"]


def _draw_request(dice):
    gpus = dice.randint(8, 16)
    guaranteed = {"ads": dice.randint(1, 4), "speech": dice.randint(1, 4)}
    teams = {name: (number, number + dice.randint(0, 4)) for name, number in guaranteed.items()}
    left = gpus - sum(guaranteed.values())
    wanted = max(0, left + dice.choice([-2, -1, 0, 0, 1, 3]))
    request = {"name": dice.choice(NAMES), "guaranteed": wanted}
    request["at_most"] = max(0, dice.choice([wanted, wanted, wanted - 1, gpus, gpus + 1]))
    return request, {"gpus": gpus, "teams": teams}


PLATFORM = {"gpus": 12, "teams": {"ads": (4, 10), "speech": (4, 8)}}

PROBLEMS = Exercise(
    name="11.5",
    story="A team asks for its place by itself: which fields of its request are wrong?",
    hints=(
        "Look at all three fields, also when the first is wrong: collect in a set.",
        'A name: re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", name), at most 63, not yet taken.',
        "The sum of what is guaranteed may reach the GPUs that are there; so may each at_most.",
    ),
    solution=problems,
    why="What is guaranteed must be there when all ask for it at once, so the sum counts, and it "
    "may be reached. What a team may have at most is mostly borrowed: that sum means nothing. "
    "And a team that gets all its mistakes at once asks only once more.",
    wrong={
        "what is guaranteed is compared team by team": _capacity_team_by_team,
        "what teams may have at most is summed, which forbids borrowing": _at_most_summed,
        "the last GPU cannot be promised": _equal_refused,
        "a name's ends and length are not looked at": _letters_only,
        "a name that is taken is given again": lambda request, platform: problems(
            request,
            platform | {"teams": {f"{n}-": quota for n, quota in platform["teams"].items()}},
        ),
        "only the first problem is told": lambda request, platform: set(
            [f for f in ("name", "guaranteed", "at_most") if f in problems(request, platform)][:1]
        ),
    },
    cases=(
        Case(
            "a good request, for all that is left",
            ({"name": "maps-2", "guaranteed": 4, "at_most": 12}, PLATFORM),
            [],
        ),
        Case(
            "five guaranteed where four are left",
            ({"name": "maps", "guaranteed": 5, "at_most": 8}, PLATFORM),
            ["guaranteed"],
        ),
        Case(
            "a name with a capital, and at_most below guaranteed",
            ({"name": "Maps", "guaranteed": 2, "at_most": 1}, PLATFORM),
            ["at_most", "name"],
        ),
        Case(
            "a name that ends in a hyphen",
            ({"name": "maps-", "guaranteed": 1, "at_most": 1}, PLATFORM),
            ["name"],
        ),
        Case(
            "a name that is taken, and more than there is",
            ({"name": "ads", "guaranteed": 1, "at_most": 13}, PLATFORM),
            ["at_most", "name"],
        ),
    ),
    draw=_draw_request,
)

BOOK = Book(TAKEN, AVAILABLE, NEXT_TASK, SHARE_IDLE, PROBLEMS)
check = BOOK.check
hint = BOOK.hint
solution = BOOK.solution
use = BOOK.use
