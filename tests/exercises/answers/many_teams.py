"""Other right answers to the exercises of lab 11, each in another style."""


def taken_by_sorting(steps, weights):
    ends = {}
    waiting = []
    order = []
    now = 0
    for step in steps:
        if step != "take":
            team, items = step
            start = max(now, ends.get(team, 0))
            ends[team] = start + items / weights[team]
            waiting.append([start, team])
            continue
        first = min(waiting, key=lambda entry: entry[0])  # the first of equal ones
        waiting.remove(first)
        now = max(now, first[0])
        order.append(first[1])
    return order


def taken_from_lines(steps, weights):
    from collections import deque

    lines = {team: deque() for team in weights}
    last = dict.fromkeys(weights, 0)
    clock = 0
    order = []
    for came, step in enumerate(steps):
        if step == "take":
            heads = [(*line[0], team) for team, line in lines.items() if line]
            clock, _, team = min(heads)
            lines[team].popleft()
            order += [team]
            continue
        begins = max(clock, last[step[0]])
        lines[step[0]].append((begins, came))
        last[step[0]] = begins + step[1] / weights[step[0]]
    return order


def available_with_numpy(quotas, used, team):
    import numpy as np

    names = list(quotas)
    guaranteed = np.array([quotas[name][0] for name in names])
    lent = np.array([np.inf if quotas[n][2] is None else quotas[n][2] for n in names])
    kept = np.maximum(0, guaranteed - lent)
    use = np.array([used[name] for name in names])
    beyond = np.maximum(0, use - kept)
    at = names.index(team)
    borrowed = quotas[team][1]
    room = np.inf if borrowed is None else (guaranteed - kept - beyond)[at] + borrowed
    free = max(0, (kept - use)[at]) + min((guaranteed - kept - beyond).sum(), room)
    return int(max(0, free))


def available_team_by_team(quotas, used, team):
    pool = 0
    for name, (guaranteed, _, most_lent) in quotas.items():
        lends = guaranteed if most_lent is None else min(guaranteed, most_lent)
        keeps = guaranteed - lends
        takes = used[name] - keeps if used[name] > keeps else 0
        pool += lends - takes
        if name == team:
            own = keeps - used[name] if keeps > used[name] else 0
            still = lends - takes
    most = quotas[team][1]
    if most is not None and still + most < pool:
        pool = still + most
    return own + pool if own + pool > 0 else 0


def next_task_with_numpy(capacity, demands, weights, tasks):
    import numpy as np

    names = list(demands)
    size = np.array([capacity[what] for what in capacity])
    wants = np.array([[demands[name][what] for what in capacity] for name in names])
    runs = np.array([tasks[name] for name in names])
    share = (runs[:, None] * wants / size).max(axis=1) / [weights[name] for name in names]
    share[((runs @ wants) + wants > size).any(axis=1)] = np.inf
    return names[int(share.argmin())] if np.isfinite(share).any() else None


def next_task_by_weights(capacity, demands, weights, tasks):
    used = {what: sum(tasks[team] * demands[team][what] for team in tasks) for what in capacity}

    def fits(team):
        return all(used[what] + demands[team][what] <= capacity[what] for what in capacity)

    def share(team):
        parts = (tasks[team] * demands[team][what] / capacity[what] for what in capacity)
        return max(parts) / weights[team]

    return min(filter(fits, weights), key=share, default=None)


def next_task_in_fractions(capacity, demands, weights, tasks):
    from fractions import Fraction

    free = dict(capacity)
    for team, number in tasks.items():
        for what, amount in demands[team].items():
            free[what] -= number * amount
    best = None
    lowest = None
    for team, demand in demands.items():
        if any(demand[what] > free[what] for what in free):
            continue
        dominant = max(Fraction(tasks[team] * demand[what], capacity[what]) for what in free)
        if best is None or dominant / weights[team] < lowest:
            best = team
            lowest = dominant / weights[team]
    return best


def share_idle_by_coefficients(costs, idle):
    from collections import Counter

    whole = Counter()
    for _, cluster, resource, cost in costs:
        whole[cluster, resource] += cost
    unused = Counter()
    for cluster, resource, cost in idle:
        unused[cluster, resource] += cost
    bills = Counter()
    for team, *place, cost in costs:
        bills[team] += cost * (1 + unused[tuple(place)] / whole[tuple(place)])
    nobody = sum(cost for place, cost in unused.items() if not whole[place])
    return dict(bills) | ({"idle": nobody} if nobody else {})


def share_idle_in_fractions(costs, idle):
    from fractions import Fraction

    bills = {}
    for team, cluster, resource, cost in costs:
        rest = [c for _, at, what, c in costs if (at, what) == (cluster, resource)]
        extra = sum(c for at, what, c in idle if (at, what) == (cluster, resource))
        bills[team] = bills.get(team, 0) + cost + Fraction(extra * cost, sum(rest))
    paid = {(cluster, resource) for _, cluster, resource, _ in costs}
    for cluster, resource, cost in idle:
        if (cluster, resource) not in paid:
            bills["idle"] = bills.get("idle", 0) + cost
    return bills


def problems_as_a_dict(request, platform):
    import string

    name = request["name"]
    signs = string.ascii_lowercase + string.digits
    promised = request["guaranteed"]
    for guaranteed, _ in platform["teams"].values():
        promised += guaranteed
    good = {
        "name": 0 < len(name) < 64
        and all(letter in signs + "-" for letter in name)
        and name[0] in signs
        and name[-1] in signs
        and name not in platform["teams"],
        "guaranteed": promised <= platform["gpus"],
        "at_most": request["guaranteed"] <= request["at_most"] <= platform["gpus"],
    }
    return {field for field, fine in good.items() if not fine}


def problems_by_and_by(request, platform):
    import re

    found = []
    if request["at_most"] < request["guaranteed"] or request["at_most"] > platform["gpus"]:
        found.append("at_most")
    left = platform["gpus"] - sum(quota[0] for quota in platform["teams"].values())
    if request["guaranteed"] > left:
        found.append("guaranteed")
    taken = request["name"] in platform["teams"]
    if taken or not re.fullmatch(r"(?!-)[a-z0-9-]{1,63}(?<!-)", request["name"]):
        found.append("name")
    return found


ANSWERS = {
    "11.1": (taken_by_sorting, taken_from_lines),
    "11.2": (available_with_numpy, available_team_by_team),
    "11.3": (next_task_with_numpy, next_task_in_fractions, next_task_by_weights),
    "11.4": (share_idle_by_coefficients, share_idle_in_fractions),
    "11.5": (problems_as_a_dict, problems_by_and_by),
}
