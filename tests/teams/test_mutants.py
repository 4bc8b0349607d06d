"""Each mistake that people make in these rules is noticed by a vector or a property.

A line of the library is replaced, and all vectors and the tests that draw nothing run: one of them
must fail.
"""

import inspect
import signal

import pytest
from teams import test_admission, test_billing, test_day, test_queueing, test_quotas, vectors
from teams.mutants import changed

COHORTS = "quotas.cohorts"
TREES = "quotas.trees"
DRF = "quotas.drf"
DAY = "quotas.day"
COSTS = "billing.costs"
BILLS = "billing.bills"
MUTANTS = {
    "lending limit ignored": (
        TREES,
        "return 0 if lending_limit is None else max(0, self.subtree.get(what, 0) - lending_limit)",
        "return 0",
    ),
    "lending limit as what is kept": (
        TREES,
        "max(0, self.subtree.get(what, 0) - lending_limit)",
        "min(lending_limit, self.subtree.get(what, 0))",
    ),
    "borrowing limit ignored now": (COHORTS, "if limit is not None:", "if False:"),
    "borrowing limit ignored in the potential": (
        COHORTS,
        "return most if limit is None else min(most, subtree + limit)",
        "return most",
    ),
    "borrowing limit on the total": (
        COHORTS,
        "stored_above - used_above + limit)",
        "limit - used_above)",
    ),
    "usage never in the parent": (
        COHORTS,
        "if node.parent and amount > local_left:",
        "if False and node.parent:",
    ),
    "all usage in the parent": (
        COHORTS,
        "local_left = max(0, node.local(what) - node.usage.get(what, 0))",
        "local_left = 0",
    ),
    "given back to the queue only": (
        COHORTS,
        "if node.parent and counted_above > 0:",
        "if False and node.parent:",
    ),
    "given back to the parent whole": (
        COHORTS,
        "_remove(node.parent, what, min(amount, counted_above))",
        "_remove(node.parent, what, amount)",
    ),
    "the cohort's own quota forgotten": (
        TREES,
        "node.subtree = {what: quota.nominal for what, quota in node.quota.items()}",
        "node.subtree = {w: 0 if node.children else q.nominal for w, q in node.quota.items()}",
    ),
    "the cohort's own quota as a cap": (
        TREES,
        "node.subtree[what] = node.subtree.get(what, 0) + amount - child.local(what)",
        "node.subtree.setdefault(what, amount - child.local(what))",
    ),
    "what is negative is shown": (
        COHORTS,
        "return max(0, _available(self._node(queue), what))",
        "return _available(self._node(queue), what)",
    ),
    "zero weight not special": (COHORTS, "if node.weight == 0:", "if False:"),
    "weight ignored": (COHORTS, "ratio / node.weight", "ratio"),
    "weight inverted": (COHORTS, "ratio / node.weight", "ratio * node.weight"),
    "share rounded down": (COHORTS, "math.ceil(", "math.floor("),
    "pending forgotten": (COHORTS, " + pending.get(what, 0) - quota", " - quota"),
    "usage, not what is borrowed": (COHORTS, " + pending.get(what, 0) - quota", ""),
    "borrowed flavours maximised": (
        COHORTS,
        "amounts[resource] = amounts.get(resource, 0) + excess",
        "amounts[resource] = max(amounts.get(resource, 0), excess)",
    ),
    "lendable flavours maximised": (
        COHORTS,
        "amounts[resource] = amounts.get(resource, 0) + _potential(node, what)",
        "amounts[resource] = max(amounts.get(resource, 0), _potential(node, what))",
    ),
    "what the root has, not what the parent could use": (
        COHORTS,
        "_potential(node, what)\n    return amounts",
        "_potential(root, what)\n    return amounts",
    ),
    "the last resource dominates": (COHORTS, "if share > ratio:", "if share >= ratio:"),
    "who lends gives more than it leaves": ("quotas.lending", "rest * spare", "2 * rest * spare"),
    "the cohort lends last": (
        "quotas.lending",
        "own_part = min(wanted, own)",
        "own_part = min(wanted, 0)",
    ),
    "fewest tasks next": (DRF, "dominant[user] += shares[user]", "dominant[user] += 1"),
    "the sum of shares": (
        DRF,
        "return max(amount / capacity[resource] for resource, amount in needs.items())",
        "return sum(amount / capacity[resource] for resource, amount in needs.items())",
    ),
    "weights multiplied": (DRF, "needs.items()) / weight", "needs.items()) * weight"),
    "the first resource only": (DRF, "return max(amount", "return next(amount"),
    "who does not fit ends it all": (DRF, "            continue\n", "            break\n"),
    "a borrower first": (DAY, "self.quotas.borrowed(job.team, GPU, job.gpus) > 0,", "False,"),
    "reclaimed from anybody": (
        DAY,
        "if self.quotas.borrowed(self.jobs[victim].team, GPU):",
        "if True:",
    ),
    "reclaimed by borrowers": (
        DAY,
        "if self.quotas.borrowed(job.team, GPU, job.gpus):",
        "if False:",
    ),
    "the oldest is stopped first": (
        DAY,
        "in reversed(self.started_min):",
        "in list(self.started_min):",
    ),
    "more stopped than needed": (DAY, "if enough and not self._fits(number):", "if enough:"),
    "who was stopped goes to the end": (DAY, ".appendleft(number)", ".append(number)"),
    "no virtual time": (
        "queueing",
        "return max(came, self._ends.get(tenant, came))",
        "return self._ends.get(tenant, 0)",
    ),
    "by arrival": ("queueing", "return max(came, self._ends.get(tenant, came))", "return came"),
    "weights ignored": (
        "queueing",
        "return cost * self._steps.get(tenant, self._unit)",
        "return cost",
    ),
    "weights inverted": ("queueing", "int(self._unit / weight)", "int(self._unit * weight)"),
    "requests counted, not items": ("queueing", "return cost * self._steps", "return self._steps"),
    "no bound": ("queueing", "> self._limits.get(tenant, math.inf)", "> math.inf"),
    "a bound one too low": ("queueing", "+ cost > self._limits", "+ cost >= self._limits"),
    "a container's request at its least refused": ("admission", "operator.lt", "operator.le"),
    "only limits bounded above": (
        "admission",
        'asked = {"request": requests, "limit": limits}',
        'asked = {"limit": limits, "request": {}}',
    ),
    "a limit that is missing is no problem": (
        "admission",
        "if resource not in asked[needed]:",
        "if False:",
    ),
    "the ratio upside down": ("admission", "elif limit / request >", "elif request / limit >"),
    "ratio of what is missing ignored": ("admission", "if not request or not limit:", "if False:"),
    "a pod's containers not summed": (
        "admission",
        "result[name] = result.get(name, Fraction(0)) + amount",
        "result[name] = max(result.get(name, amount), amount)",
    ),
    "a limit without a request is no request": (
        "admission",
        "requests.setdefault(name, amount)",
        "pass",
    ),
    "nothing is charged, too": ("admission", "if name in hard and amount", "if name in hard"),
    "usage unknown only of what is asked for": (
        "admission",
        "if _is_of_pods(name) and name not in used",
        "if name in charged(hard, used, containers) and name not in used",
    ),
    "a quota that is reached refuses": (
        "admission",
        "if amount > quantity.exact(hard[name]):",
        "if amount >= quantity.exact(hard[name]):",
    ),
    "a quota without what is used": (
        "admission",
        "quantity.exact(used.get(name, 0)) + amount",
        "amount",
    ),
    "a missing amount is no problem": (
        "admission",
        'if all(resource not in container.get(side, {}) for side in {kind, "limits"}):',
        "if False:",
    ),
    "defaults forgotten": ("admission", "amounts.setdefault(name, quantity.exact(text))", "pass"),
    "the pod itself not counted": (
        "admission",
        "asked = dict.fromkeys(PER_POD, Fraction(1))",
        "asked = {}",
    ),
    "usage only": (
        COSTS,
        'max(exact(request, "a request"), exact(usage, "a usage"))',
        "exact(usage)",
    ),
    "requests only": (
        COSTS,
        'max(exact(request, "a request"), exact(usage, "a usage"))',
        "exact(request)",
    ),
    "idle pooled over clusters": (COSTS, '"weighted": _by_resource', '"weighted": _pooled'),
    "idle by total cost": (COSTS, '"weighted": _by_resource', '"weighted": _by_total'),
    "idle evenly": (COSTS, '"weighted": _by_resource', '"weighted": _evenly'),
    "idle that nobody can pay vanishes": (COSTS, "or {IDLE: money}", ""),
    "base prices as prices": (
        COSTS,
        "decimal(part / exact(amounts[name]))",
        "decimal(exact(base_prices[name]))",
    ),
    "cents rounded one by one": (
        "billing.money",
        "for key in by_rest[:missing]:",
        "for key in by_rest[:0]:",
    ),
    "overhead paid twice": (BILLS, "total = overhead + sum", "total = 2 * overhead + sum"),
    "more billed than there is": (BILLS, "paid[resource] *= there / charged", "pass"),
    "the fixed part by items": (
        "billing.batches",
        '"fixed evenly": _fixed_evenly',
        '"fixed evenly": _by_items',
    ),
}
MOST_CPU_S = 1.0  # of a check; those of the library as it is take hundredths
TESTS = {
    "queueing": [test_queueing],
    "quotas": [test_quotas, test_day],
    "admission": [test_admission],
    "billing": [test_billing],
}


def checks(modules):
    """The vectors, and the tests of these modules that take no argument and draw nothing."""
    yield from vectors.VECTORS.values()
    for module in modules:
        for name, test in vars(module).items():
            drawn = getattr(test, "is_hypothesis_test", False)
            if name.startswith("test_") and not drawn and not inspect.signature(test).parameters:
                yield test


def too_long(number, frame):
    raise TimeoutError("this check does not end")


def is_noticed(module, old, new):
    """Whether a vector or a test fails with this change, or never ends."""
    signal.signal(signal.SIGVTALRM, too_long)
    modules = TESTS[module.split(".")[0]]
    with changed(module, old, new, [vectors, *modules]):
        for check in checks(modules):
            signal.setitimer(signal.ITIMER_VIRTUAL, MOST_CPU_S)
            try:
                check()
            except Exception:
                return True
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return False


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_mistake_is_noticed(mutant):
    assert is_noticed(*mutant)


def test_the_library_itself_is_not_noticed():
    assert not is_noticed(COHORTS, "math.ceil(", "math.ceil(")
