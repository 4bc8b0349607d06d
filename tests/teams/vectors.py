"""Vectors of real systems, each a function that fails where the library answers otherwise.

Cases are read from the folder that SCALETOOLKIT_CONFORMANCE names.
"""

import re
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import prod

from conformance import cases

from scaletoolkit.kubernetes.quantity import exact
from scaletoolkit.teams.admission import charged, limit_range, resource_quota
from scaletoolkit.teams.billing import cost, share_idle, split_price
from scaletoolkit.teams.quotas import Quotas, drf

RULES = {"min": "min", "max": "max", "ratio": "maxLimitRequestRatio"}
MONEY = ("cpu", "ram", "other")


def quotas_of(case):
    """The quotas of a case with its usage added."""
    quotas = Quotas(case["nodes"])
    for queue, what, amount in case["usage"]:
        quotas.add(queue, {what: amount})
    return quotas


def available(case):
    unused = Quotas(case["nodes"])
    quotas = quotas_of(case)
    for query, expected in case["expected"].items():
        queue, what = query.split(" ")
        assert unused.available(queue, what) == expected["potential"], query
        assert quotas.potential(queue, what) == expected["potential"], query
        assert quotas.available(queue, what) == expected["available"], query
    for queue, what, amount in case["usage"]:
        quotas.remove(queue, {what: amount})
    for query, expected in case["expected"].items():
        assert quotas.available(*query.split(" ")) == expected["potential"], query


def hierarchical_share(case):
    quotas = quotas_of(case)
    for name, expected in case["expected"].items():
        assert list(quotas.share(name)) == expected, name


def flat_share(case):
    tree = {"cohort": {}} if case["queue"]["in_cohort"] else {}
    for name in ("queue", "lender"):
        if case[name]:
            parent = "cohort" if case[name]["in_cohort"] else None
            quota = {
                f"{q['flavor']}/{q['resource']}": [
                    q["nominal"],
                    q.get("borrowing_limit"),
                    q.get("lending_limit"),
                ]
                for q in case[name]["quotas"]
            }
            tree[name] = {"parent": parent, "weight": case[name]["weight"], "quota": quota}
    quotas = Quotas(tree)
    quotas.add("queue", amounts(case["usage"]))
    expected = case["expected"]
    share = quotas.share("queue", amounts(case["workload"]))
    assert share.permille == expected["weighted_share_permille"]
    assert share.resource == expected["dominant_resource"]
    assert share.borrowing == expected["borrowing"]


def amounts(rows):
    return {f"{row['flavor']}/{row['resource']}": row["amount"] for row in rows}


def named(values, prefix=""):
    """A list as a dict by position; a dict as it is."""
    if isinstance(values, dict):
        return values
    return {f"{prefix}{number}": value for number, value in enumerate(values)}


def filled(case):
    """DRF with whole tasks: progressive filling."""
    capacity = named(case["capacity"])
    demands = {user: named(demand) for user, demand in named(case["demand"], "user ").items()}
    if "computed_schedule" in case:
        first = case["computed_schedule"][0]
        order = sorted(demands, key=lambda user: user != first)
        demands = {user: demands[user] for user in order}
    weights = named(case.get("weights") or {}, "user ")
    given = drf(capacity, demands, weights)
    tasks = Counter(given)
    expected = case["expected"]
    assert tasks == named(expected["tasks"], "user ")
    used = {r: sum(tasks[u] * demands[u].get(r, 0) for u in demands) for r in capacity}
    if "used" in expected:
        assert used == named(expected["used"])
    else:
        assert used == {"cpu": expected["cpu_used"], "mem": expected["mem_used"]}
        assert "".join(given) == case["computed_schedule"]
    for user, share in named(expected["dominant_share"], "user ").items():
        parts = [Fraction(tasks[user] * n) / capacity[r] for r, n in demands[user].items()]
        assert max(parts) == Fraction(share)


def divisible(case, paper):
    """What other rules give for the paper's example, where tasks may be cut into any pieces."""
    capacity = paper["capacity"]
    demands = [paper["demand"]["A"], paper["demand"]["B"]]
    x = Fraction(case["expected"]["x"])
    y = Fraction(case["expected"]["y"])
    if "DRF" in case["source"]:
        pieces = 100
        large = {resource: amount * pieces for resource, amount in capacity.items()}
        tasks = Counter(drf(large, paper["demand"]))
        assert tasks == {"A": x * pieces, "B": y * pieces}
        return
    assert max(use(capacity, demands, x, y)) == 1
    if "asset" in case["source"]:
        sums = [sum(Fraction(n) / capacity[r] for r, n in demand.items()) for demand in demands]
        assert x * sums[0] == y * sums[1]
        return
    step = Fraction(1, 10**6)
    for other in (x - step, x + step):
        most = max_other(capacity, demands, other)
        assert prod([other, most]) < x * y


def use(capacity, demands, x, y):
    return [
        (x * demands[0][resource] + y * demands[1][resource]) / Fraction(amount)
        for resource, amount in capacity.items()
    ]


def max_other(capacity, demands, x):
    return min((amount - x * demands[0][r]) / demands[1][r] for r, amount in capacity.items())


def limits(case):
    amount = {
        kind: {case["resource"]: case[kind[:-1]]}
        for kind in ("requests", "limits")
        if case[kind[:-1]] != "-"
    }
    rule = {"type": case["scope"].title(), RULES[case["rule"]]: {case["resource"]: case["bound"]}}
    problems = limit_range([rule], [amount] * case["containers"])
    assert (problems == []) == case["verdict"], problems
    assert all(sentence.endswith(".") for sentence in problems)


def quota(case):
    problems = resource_quota(case["hard"], case["used"], [case["pod"]])
    assert (problems == []) == case["admitted"], problems
    if case["admitted"] and "used_after" in case:
        after = charged(case["hard"], case["used"], [case["pod"]])
        expected = {name: exact(text) for name, text in case["used_after"].items()}
        assert {name: exact(text) for name, text in case["used"].items()} | after == expected


def price_split(case):
    assert split_price(case["node_cost"], case["node"], case["base_prices"]) == case["expected"]


def costs(case):
    for row in case["rows"]:
        expected = Decimal(str(row["expected"]))
        assert cost(row["request"], row["usage"], row["hours"], row["rate"]) == expected


def idle_by_resource(case):
    for how, key in (("weighted", "expected_weighted"), ("evenly", "expected_even")):
        parts = share_idle({"one": case["tenants"]}, {"one": case["idle"]}, how)
        for tenant, expected in case[key].items():
            own = case["tenants"][tenant]
            paid = {name: float(parts[tenant][name]) + own[name] for name in expected}
            assert paid == expected, how


def aggregated(case, phrase, expected):
    """One line of OpenCost's aggregation: who pays for what, by its words."""
    by = "cluster" if "by cluster" in phrase else "namespace"
    paid = {}
    for row in case["workloads"]:
        paid.setdefault(row["cluster"], {}).setdefault(row[by], Counter()).update(
            {name: Fraction(str(row[name])) for name in MONEY}
        )
    idle = {row["cluster"]: {name: row.get(name, 0) for name in MONEY[:2]} for row in case["idle"]}
    total = Counter()
    for tenants in paid.values():
        for tenant, amounts_paid in tenants.items():
            total[tenant] += sum(amounts_paid.values())
    if shared := re.match(r"(\w+) shared (\w+)", phrase):
        share_out(total, *shared.groups())
    hows = {"pooled": "pooled", "total cost": "total", "evenly": "evenly", "shared": "weighted"}
    words = phrase.split("idle", 1)[-1] if "idle" in phrase else ""
    how = next((how for word, how in hows.items() if word in words), "apart")
    for tenant, parts in share_idle(paid, idle, how).items():
        total[tenant] += sum(map(Fraction, parts.values()))
    if by == "cluster":
        del total["idle"]
        total |= {f"{name} idle": sum(parts.values()) for name, parts in idle.items()}
    assert {name: round(float(amount), 4) for name, amount in total.items() if amount} == expected


def share_out(total, tenant, how):
    """Others pay for a tenant: evenly, or in proportion to what they pay."""
    amount = total.pop(tenant)
    whole = sum(total.values())
    for name, paid in list(total.items()):
        part = Fraction(1, len(total)) if how == "evenly" else paid / whole
        total[name] += amount * part


def fairness():
    for case in cases("fairness.json", "kueue")["cases"]:
        yield case["case"], partial(flat_share, case)
    papers = cases("fairness.json", "drf")
    for number, case in enumerate(papers):
        vector = (
            partial(filled, case) if "capacity" in case else partial(divisible, case, papers[0])
        )
        yield f"drf {number}", vector
    kinds = {"node_cost": price_split, "rows": costs, "tenants": idle_by_resource}
    for number, case in enumerate(cases("fairness.json", "opencost")):
        vector = next(vector for key, vector in kinds.items() if key in case)
        yield f"opencost {number}", partial(vector, case)


def teams():
    checks = {
        "kueue_available": available,
        "kueue_hierarchical_share": hierarchical_share,
        "limit_range": limits,
        "resource_quota": quota,
    }
    for section, check in checks.items():
        for number, case in enumerate(cases("teams.json", section)):
            yield f"{section} {case.get('case', number)}", partial(check, case)
    case = cases("teams.json", "opencost_aggregate")
    for key in ("expected", "wrong"):
        for phrase, expected in case[key].items():
            yield f"opencost {phrase}", partial(aggregated, case, phrase, expected)


VECTORS = dict([*fairness(), *teams()])
