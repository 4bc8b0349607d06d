"""Exercises of lab 11: a fair order, quotas, dominant shares, idle, a team's request."""

import re

from scaletoolkit.exercises._fair_order import TAKEN
from scaletoolkit.exercises._quotas import AVAILABLE, NEXT_TASK
from scaletoolkit.lab.exercises import Book, Case, Exercise


def share_idle(costs, idle):
    bills = dict.fromkeys([team for team, *_ in costs], 0)
    for team, _, _, cost in costs:
        bills[team] += cost
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
    bills = dict.fromkeys([team for team, *_ in moved], 0)
    for team, *_, cost in moved:
        bills[team] += cost
    for where, what, unused in idle:
        there: dict[str, float] = {}
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
            "two rows for one thing",
            (
                [*[("ads", "east", "gpu", 15)] * 2, ("vision", "east", "gpu", 10)],
                [("east", "gpu", 8)],
            ),
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


SMALL = {"guaranteed": 1, "at_most": 1}
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
        "a name may have any length": lambda request, platform: problems(
            request | {"name": request["name"][:63]}, platform
        ),
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
        Case("a name that ends in a hyphen", (SMALL | {"name": "maps-"}, PLATFORM), ["name"]),
        Case("a name of 64 letters", (SMALL | {"name": "m" * 64}, PLATFORM), ["name"]),
        Case("two hyphens inside a name", (SMALL | {"name": "maps--2"}, PLATFORM), []),
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
