"""A request is granted, or every problem is said in one sentence that begins with the field."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit.commands.tenant import PLATFORM, REQUEST
from scaletoolkit.kubernetes.document import ManifestError
from scaletoolkit.teams import manifests, requests

RIGHT = yaml.safe_load(REQUEST)
THERE = yaml.safe_load(PLATFORM)


def changed(document, changes):
    """A copy with other values at paths ("guaranteed.gpu"); None takes the field away."""
    result = copy.deepcopy(document)
    for path, value in changes.items():
        *folders, name = path.split(".")
        place = result
        for folder in folders:
            place = place[folder]
        if value is None:
            del place[name]
        else:
            place[name] = value
    return result


def test_a_right_request_has_no_problem():
    assert requests.problems(RIGHT, THERE) == []


FINE = [
    {"guaranteed.gpu": 6, "budget_per_month": 6000},  # all that the machines have left, to the last
    {"guaranteed.gpu": 6, "at_most.gpu": 6, "budget_per_month": 6000},
    {"at_most.gpu": 10},  # lent by others while they leave it idle
    {"at_most": None, "max": None, "talks_to": None},
    {"guaranteed.gpu": None, "at_most.gpu": None, "max.gpu": None},
    {"guaranteed.gpu": None},  # only what others leave
    {"guaranteed.cpu": 0, "guaranteed.memory": 0},
    {"default.cpu": 8, "default.memory": "32Gi"},
    {"team": "a", "talks_to": ["features", "speech"]},
    {"team": "t" * 58},
    {"budget_per_month": "1670.59"},
    {"owner": "platform team"},
]


@pytest.mark.parametrize("changes", FINE, ids=str)
def test_what_just_fits_is_granted(changes):
    assert requests.problems(changed(RIGHT, changes), THERE) == []


WRONG = {
    'team: Invalid value: "Team_Vision": must be at most 63': {"team": "Team_Vision"},
    'team: Invalid value: "a.b"': {"team": "a.b"},
    'team: Invalid value: "tttttttt': {"team": "t" * 59},
    "team: Required value": {"team": None},
    "team: Invalid value: 7: must be text": {"team": 7},
    'team: "speech": a team of that name exists; its owner is lee': {"team": "speech"},
    "owner: Required value: who answers": {"owner": None},
    'owner: Invalid value: "system:masters"': {"owner": "system:masters"},
    'owner: Invalid value: "  "': {"owner": "  "},
    "guaranteed.gpu: 4 is above at_most.gpu, 3.": {
        "guaranteed.gpu": 4,
        "at_most.gpu": 3,
        "budget_per_month": 9000,
    },
    "guaranteed.gpu: 7 and the 4 of other teams are 11, above the 10 of the machines.": {
        "guaranteed.gpu": 7,
        "at_most.gpu": 7,
        "budget_per_month": 9000,
    },
    "guaranteed.cpu: 33 and the 64 of other teams are 97": {
        "guaranteed.cpu": 33,
        "at_most.cpu": 33,
        "budget_per_month": 9000,
    },
    "default.memory: 33Gi is above max.memory, 32Gi.": {"default.memory": "33Gi"},
    "default.cpu: 17 is above at_most.cpu, 16.": {"default.cpu": 17, "max.cpu": None},
    "default.cpu: Invalid value: 0: must be above 0": {"default.cpu": 0},
    "default.cpu: Required value": {"default.cpu": None},
    "default.memory: Required value": {"default.memory": None},
    "max.cpu: 17 is above at_most.cpu, 16.": {"max.cpu": 17},
    "default.gpu: 1 is above at_most.gpu, 0.": {
        **dict.fromkeys(("guaranteed.gpu", "at_most.gpu", "max.gpu")),
        "default.gpu": 1,
    },
    "max.gpu: 1 is above at_most.gpu, 0.": {
        **dict.fromkeys(("guaranteed.gpu", "at_most.gpu")),
        "max.gpu": 1,
    },
    "budget_per_month: 1,670.58 is below 1,670.59, what": {"budget_per_month": 1670.58},
    "budget_per_month: Required value": {"budget_per_month": None},
    'budget_per_month: Invalid value: "2,000"': {"budget_per_month": "2,000"},
    "budget_per_month: Invalid value: -5": {"budget_per_month": -5},
    "budget_per_month: Invalid value: true": {"budget_per_month": True},
    'talks_to: "feature" is no team of the platform: did you mean "features"?': {
        "talks_to": ["feature"]
    },
    'talks_to: "x" is no team of the platform: there are features, speech.': {"talks_to": ["x"]},
    'talks_to: "vision" is this team': {"talks_to": ["vision"]},
    "talks_to[1]: Duplicate value": {"talks_to": ["speech", "speech"]},
    "talks_to[0]: Invalid value: 3": {"talks_to": [3]},
    'talks_to: Invalid value: "features": must be a list': {"talks_to": "features"},
    'guaranteed.cpu: Invalid value: "12 cores": must be a quantity': {"guaranteed.cpu": "12 cores"},
    "guaranteed.cpu: Invalid value: -1: must not be negative": {"guaranteed.cpu": -1},
    'guaranteed.cpu: Invalid value: "1u": is counted in thousandths of a core': {
        "guaranteed.cpu": "1u"
    },
    "guaranteed.gpu: Invalid value: 1.5: is counted in whole GPUs": {"guaranteed.gpu": 1.5},
    "guaranteed.memory: Invalid value: 32: is 32 bytes; write a unit, such as 32Gi": {
        "guaranteed.memory": 32
    },
    'guaranteed.memory: Invalid value: "32GB"': {"guaranteed.memory": "32GB"},
    'guaranteed.cpu: Invalid value: "9E": must be at most': {"guaranteed.cpu": "9E"},
    "guaranteed: Invalid value: 5: must be a mapping of fields.": {"guaranteed": 5},
    "guaranteed: Required value": {"guaranteed": None},
    'unknown field "guaranteed.tpu"': {"guaranteed.tpu": 1},
    'unknown field "ownr": did you mean "owner"?': {"ownr": "x"},
}


@pytest.mark.parametrize("sentence", WRONG, ids=str)
def test_what_is_wrong_is_said_in_one_sentence(sentence):
    (said,) = requests.problems(changed(RIGHT, WRONG[sentence]), THERE)
    assert said.startswith(sentence)
    assert "\n" not in said


def test_all_problems_are_said_at_once():
    wrong = {"team": "X", "owner": None, "default.cpu": 9, "at_most.gpu": 1, "talks_to": ["nobody"]}
    said = requests.problems(changed(RIGHT, wrong), THERE)
    assert [sentence.split(":")[0] for sentence in said] == [
        *("team", "owner", "guaranteed.gpu", "max.gpu", "default.cpu", "talks_to"),
    ]


def test_what_is_guaranteed_to_nobody_is_what_is_left():
    left = {"cpu": "24", "memory": "96Gi", "gpu": "4"}
    assert requests.guaranteed_to_nobody(RIGHT, THERE) == left
    all_of_it = {"cpu": 32, "memory": "128Gi", "gpu": 6}
    asked = changed(RIGHT, {"guaranteed": all_of_it, "at_most": None, "budget_per_month": 9000})
    assert requests.guaranteed_to_nobody(asked, THERE) == {}


def test_a_team_that_is_only_named_has_its_name_too():
    there = copy.deepcopy(THERE)
    there["teams"]["vision"] = None
    (said,) = requests.problems(RIGHT, there)
    assert said == 'team: "vision": a team of that name exists.'


def test_a_budget_of_exactly_the_price_is_enough():
    there = changed(THERE, {"prices_per_hour": {"cpu": 1, "memory": "0.5", "gpu": 0.1}})
    price = 730 * (8 + 16) + 146
    assert requests.problems(changed(RIGHT, {"budget_per_month": price}), there) == []
    (said,) = requests.problems(changed(RIGHT, {"budget_per_month": price - 0.01}), there)
    assert said.startswith(f"budget_per_month: {price - 0.01:,.2f} is below {price:,.2f}, ")


def test_what_the_machines_do_not_have_nobody_can_lend():
    there = changed(THERE, {"machines.gpu": None, "prices_per_hour.gpu": None, "teams": None})
    asked = changed(RIGHT, {"guaranteed.gpu": None, "talks_to": None})
    assert requests.problems(asked, there) == [
        *("at_most.gpu: the machines have no gpu.", "max.gpu: the machines have no gpu."),
    ]


def test_the_owner_of_a_team_may_change_it():
    there = changed(THERE, {"teams.vision": {"owner": RIGHT["owner"], "guaranteed": {"gpu": 6}}})
    assert requests.problems(RIGHT, there) == []
    (said,) = requests.problems(changed(RIGHT, {"owner": "eve"}), there)
    assert said.startswith("team: ")
    there["teams"]["vision"].pop("owner")
    (said,) = requests.problems(RIGHT, there)
    assert said == 'team: "vision": a team of that name exists.'


OPERATORS = {
    "platform: Invalid value: a list": [],
    "platform.machines: Required value": changed(THERE, {"machines": None}),
    "platform.machines.memory: Required value": changed(THERE, {"machines.memory": None}),
    'platform.machines.cpu: Invalid value: "many"': changed(THERE, {"machines.cpu": "many"}),
    "platform.prices_per_hour.gpu: Required value": changed(THERE, {"prices_per_hour.gpu": None}),
    'platform.prices_per_hour.cpu: Invalid value: "$1"': changed(
        THERE, {"prices_per_hour.cpu": "$1"}
    ),
    "platform.teams.speech.guaranteed.cpu: Invalid value": changed(
        THERE, {"teams.speech.guaranteed.cpu": "?"}
    ),
    "platform.teams: Invalid value: a list": changed(THERE, {"teams": []}),
    'platform.teams: Invalid value: "2024": must be text': THERE | {"teams": {2024: None}},
    'platform.teams: Invalid value: "None": must be text': THERE | {"teams": {None: None}},
    'platform.teams: Invalid value: "A b": must be at most 63': THERE | {"teams": {"A b": None}},
    'unknown field "platform.team"': changed(THERE, {"team": {}}),
    'platform.kueue.cohort: Invalid value: "A B"': changed(THERE, {"kueue.cohort": "A B"}),
    'platform.gpu_name: Invalid value: "gpu"': changed(THERE, {"gpu_name": "gpu"}),
    'platform.lets_in[0]: Invalid value: "A"': changed(THERE, {"lets_in": ["A"]}),
    "platform.teams: the gpu guaranteed is 11 in all, above the 10": changed(
        THERE, {"teams.speech.guaranteed.gpu": 11}
    ),
}


@pytest.mark.parametrize("sentence", OPERATORS, ids=str)
def test_what_is_wrong_with_the_operators_file_is_said_too(sentence):
    said = requests.problems(RIGHT, OPERATORS[sentence])
    assert [each for each in said if each.startswith(sentence)]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
fields = st.sampled_from([*RIGHT, "guaranteed.cpu", "at_most.gpu", "default.memory", "max.cpu"])
operators = st.sampled_from([*THERE, "machines.cpu", "teams.speech", "teams.speech.guaranteed"])


@given(fields, operators, values, values)
def test_whatever_stands_there_it_is_granted_or_there_are_sentences(field, other, value, strange):
    request = changed(RIGHT, {field: value if value is not None else ""})
    platform = changed(THERE, {other: strange if strange is not None else ""})
    said = requests.problems(request, platform)
    assert all("\n" not in sentence for sentence in said)
    if said:
        with pytest.raises(ManifestError):
            manifests.render(request, platform)
    else:
        assert manifests.render(request, platform)
