"""Quotas against a plain count of what is used, DRF's order, and a day of jobs by hand."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit.teams.quotas import Quotas, drf

WHAT = "gpu"
LIMIT = st.one_of(st.none(), st.integers(0, 6))
QUOTA = st.tuples(st.integers(0, 6), LIMIT, LIMIT).map(list)
COHORTS = {"left": "root", "right": "root", "low": "left"}
PARENTS = {"q1": "root", "q2": "left", "q3": "left", "q4": "low", "q5": "low", "q6": "right"}
NAMES = ["root", *COHORTS, *PARENTS]
TREES = st.fixed_dictionaries(dict.fromkeys(NAMES, QUOTA)).map(
    lambda quotas: {
        name: {"parent": {**COHORTS, **PARENTS}.get(name), "quota": {WHAT: quota}}
        for name, quota in quotas.items()
    }
)
ASKED = st.lists(st.tuples(st.sampled_from(sorted(PARENTS)), st.integers(1, 8)), max_size=20)
TWO = {t: {"parent": "all", "quota": {WHAT: 1}} for t in "ab"} | {"all": {}}


def subtree_and_local(tree, name):
    """A node's quota with what its children lend, and the part that it never lends itself."""
    own, _, lending = tree[name]["quota"][WHAT]
    for child in children(tree, name):
        whole, local = subtree_and_local(tree, child)
        own += whole - local
    return own, 0 if lending is None else max(0, own - lending)


def children(tree, name):
    return [child for child, entry in tree.items() if entry["parent"] == name]


def counted(tree, used, name):
    """What is used at a node, counted from its queues."""
    if name in used:
        return used[name]
    return sum(
        max(0, counted(tree, used, child) - subtree_and_local(tree, child)[1])
        for child in children(tree, name)
    )


def is_allowed(tree, used, queue):
    """Whether no limit between a queue and its root is passed."""
    name = queue
    while tree[name]["parent"]:
        whole, local = subtree_and_local(tree, name)
        limit = tree[name]["quota"][WHAT][1]
        above = max(0, counted(tree, used, name) - local)
        if limit is not None and above - (whole - local) > limit:
            return False
        if counted(tree, used, name) <= local:
            return True
        name = tree[name]["parent"]
    return counted(tree, used, name) <= subtree_and_local(tree, name)[0]


def admitted(tree, asked):
    """Quotas to which workloads were added that had room, and what each queue uses."""
    quotas = Quotas(tree)
    used = dict.fromkeys(PARENTS, 0)
    for queue, amount in asked:
        if amount <= quotas.available(queue, WHAT):
            quotas.add(queue, {WHAT: amount})
            used[queue] += amount
    return quotas, used


@settings(max_examples=40)
@given(TREES, ASKED)
def test_available_is_the_most_that_passes_no_limit(tree, asked):
    quotas, used = admitted(tree, asked)
    for queue in PARENTS:
        fits = [n for n in range(61) if is_allowed(tree, {**used, queue: used[queue] + n}, queue)]
        assert quotas.available(queue, WHAT) == max(fits)
        alone = [
            n for n in range(61) if is_allowed(tree, {**dict.fromkeys(used, 0), queue: n}, queue)
        ]
        assert quotas.potential(queue, WHAT) == max(alone)


@given(TREES, ASKED)
def test_nothing_is_negative_and_nobody_uses_what_is_not_there(tree, asked):
    quotas, used = admitted(tree, asked)
    assert sum(used.values()) <= quotas.capacity(WHAT)
    for queue in PARENTS:
        assert 0 <= quotas.available(queue, WHAT) <= quotas.potential(queue, WHAT)
        assert quotas.used(queue, WHAT) == used[queue]


@given(TREES, ASKED, st.data())
def test_what_is_given_back_in_any_order_is_there_again(tree, asked, data):
    quotas, used = admitted(tree, asked)
    for queue in data.draw(st.permutations(sorted(used))):
        while used[queue]:
            part = data.draw(st.integers(1, used[queue]))
            quotas.remove(queue, {WHAT: part})
            used[queue] -= part
    for queue in PARENTS:
        assert quotas.available(queue, WHAT) == quotas.potential(queue, WHAT)


@given(TREES, ASKED)
def test_what_is_borrowed_is_lent_by_somebody_who_does_not_use_it(tree, asked):
    quotas, _ = admitted(tree, asked)
    rows = quotas.table()
    assert sum(row["lent"] for row in rows) == pytest.approx(sum(row["borrowed"] for row in rows))
    for row in rows:
        own, _, lending = tree[row["who"]]["quota"][WHAT]
        assert 0 <= row["lent"] <= own - min(own, row["used"]) + 1e-9
        if row["who"] in PARENTS and lending is not None:
            assert row["lent"] <= lending


def test_the_cohort_lends_first_then_its_members_by_what_they_leave_unused():
    tree = {
        "all": {"quota": {WHAT: 2}},
        "a": {"parent": "all", "quota": {WHAT: 4}},
        "b": {"parent": "all", "quota": {WHAT: [4, None, 2]}},
        "c": {"parent": "all", "quota": {WHAT: 0}},
    }
    quotas = Quotas(tree)
    quotas.add("b", {WHAT: 1})
    quotas.add("c", {WHAT: 5})
    rows = {row.pop("who"): list(row.values())[1:] for row in quotas.table()}
    assert rows == {"all": [2, 0, 2, 0], "a": [4, 0, 2, 0], "b": [4, 1, 1, 0], "c": [0, 5, 0, 5]}


def test_flavours_of_a_resource_are_summed_not_maximised():
    quotas = Quotas(
        {
            "all": {},
            "a": {"parent": "all", "quota": {"spot/cpu": 10, "demand/cpu": 10, "any/gpu": 4}},
            "b": {"parent": "all", "quota": {"spot/cpu": 90, "demand/cpu": 90, "any/gpu": 16}},
        }
    )
    quotas.add("a", {"spot/cpu": 20, "demand/cpu": 20, "any/gpu": 5})
    assert quotas.share("a") == (100, "cpu", True)  # (10 + 10) of 200, against 1 gpu of 20


def test_who_has_no_weight_and_borrows_is_behind_everybody():
    tree = {**TWO, "a": {**TWO["a"], "weight": 0}}
    quotas = Quotas(tree)
    assert quotas.share("a") == (0, "", False)
    quotas.add("a", {WHAT: 2})
    assert quotas.share("a") == (2**63 - 1, WHAT, True)


def test_the_first_resource_by_name_dominates_where_shares_are_equal():
    quota = {"f/b": 1, "f/a": 1}
    quotas = Quotas({"all": {}, "q": {"parent": "all", "quota": quota}})
    assert quotas.share("q", {"f/a": 2, "f/b": 2}) == (1000, "a", True)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"q": {"parent": "nobody"}}, "parent 'nobody'"),
        ({"a": {"parent": "b"}, "b": {"parent": "a"}}, "above itself"),
        ({"q": {"weight": -1}}, "weight"),
        ({"q": {"quota": {WHAT: [-1, None, None]}}}, "quota of gpu: nominal"),
        ({"q": {"quota": {WHAT: [1, -2, None]}}}, "quota of gpu: borrowing_limit"),
        ({"q": {"quotas": {}}}, "'quotas' is unknown"),
        ({"q": {"weight": "heavy"}}, "'heavy'"),
        ({"q": {"quota": {WHAT: "4"}}}, "whole number of at least 0, got '4'"),
        ({"q": {"quota": {WHAT: [1, 2, 3, 4]}}}, "got 4 numbers"),
        ({"q": 5}, "q must be a mapping of parent, weight, quota; got 5"),
        ({"q": {"quota": [1]}}, "q: quota must be a mapping"),
        ({"q": {"parent": ["x"]}}, r"its parent \['x'\] is not in the tree"),
        ({"q": {"weight": 10**400}}, "weight must be a number"),
        ({"q": {"weight": 10**5000}}, "weight must be a number"),
        ({"q": {1: 2}}, "1 is unknown"),
        ({1: {"parent": 1}}, "above itself: 1"),
        ([1], "a tree must be a mapping"),
    ],
)
def test_a_tree_that_cannot_be_is_one_sentence(tree, words):
    with pytest.raises(ValueError, match=rf"^[^\n]*{words}[^\n]*$"):
        Quotas(tree)


@pytest.mark.parametrize(
    "call",
    [
        lambda quotas: quotas.add("all", {WHAT: 1}),
        lambda quotas: quotas.add("nobody", {WHAT: 1}),
        lambda quotas: quotas.add("a", {WHAT: -1}),
        lambda quotas: quotas.remove("a", {WHAT: 1}),
    ],
)
def test_usage_that_cannot_be_is_one_sentence_and_changes_nothing(call):
    quotas = Quotas(TWO)
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        call(quotas)
    assert [quotas.available(queue, WHAT) for queue in "ab"] == [2, 2]


@given(
    st.dictionaries(
        st.sampled_from("ABCD"), st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1
    ),
    st.tuples(st.integers(4, 30), st.integers(4, 30)),
)
def test_drf_gives_nobody_more_while_another_with_less_still_fits(demands, there):
    capacity = dict(zip("xy", there, strict=True))
    needs = {user: dict(zip("xy", need, strict=True)) for user, need in demands.items()}
    free = dict(capacity)
    shares = dict.fromkeys(needs, 0)
    for user in drf(capacity, needs):
        fits = [u for u in needs if all(needs[u][r] <= free[r] for r in free)]
        assert shares[user] == min(shares[name] for name in fits)
        for resource, amount in needs[user].items():
            free[resource] -= amount
        shares[user] += max(Fraction(needs[user][r], capacity[r]) for r in free)
    assert not [u for u in needs if all(needs[u][r] <= free[r] for r in free)]
    assert min(free.values()) >= 0


def test_who_no_longer_fits_does_not_stop_the_others():
    assert "".join(drf({"x": 4, "y": 4}, {"a": {"x": 3}, "b": {"y": 1}})) == "abbbb"


@pytest.mark.parametrize(
    ("capacity", "demands", "weights"),
    [
        ({"x": 1}, {"a": {}}, {}),
        ({"x": 1}, {"a": {"y": 1}}, {}),
        ({"x": 1}, {"a": {"x": -1}}, {}),
        ({"x": 1}, {"a": {"x": 1}}, {"a": 0}),
    ],
)
def test_demands_that_cannot_be_are_one_sentence(capacity, demands, weights):
    with pytest.raises(ValueError, match=r"^[^\n]*'a'[^\n]*$"):
        drf(capacity, demands, weights)
