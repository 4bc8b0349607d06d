"""Every manifest is what Kubernetes and Kueue accept: by their schemas, and field by field."""

import copy

import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit.commands.tenant import PLATFORM, REQUEST
from scaletoolkit.kubernetes import quantity
from scaletoolkit.teams import admission, manifests, policy, requests
from scaletoolkit.teams.quotas import Quotas

RIGHT = yaml.safe_load(REQUEST)
THERE = yaml.safe_load(PLATFORM)
KINDS = """
Namespace ResourceQuota LimitRange Role RoleBinding NetworkPolicy ClusterQueue LocalQueue
""".split()
SMALL = {"cpu": "100m", "memory": "128Mi"}
VARIANTS = [  # (what is different in the request, what in the operators' file)
    ({}, {}),
    ({"talks_to": []}, {"lets_in": []}),
    ({"at_most": {"gpu": 2}}, {"gpu_name": "amd.com/gpu"}),
    ({"guaranteed": {"cpu": "250m", "memory": "1536Mi"}, "max": {"cpu": 2}}, {}),
    ({"owner": "übung: #1"}, {}),
    (
        {"guaranteed": {"cpu": 1, "memory": "1Gi"}, "at_most": {}, "max": {}, "default": SMALL},
        {"machines": {"cpu": 96, "memory": "384Gi"}, "teams": {"features": {}}},
    ),
]
QUEUE = "kueue apis/kueue/v1beta2/clusterqueue_types.go"
LOCAL = "kueue apis/kueue/v1beta2/localqueue_types.go"
META = "apimachinery pkg/apis/meta/v1/types.go"
# The fields that are written: what stands there, and where Kueue or Kubernetes declares them.
TOP = {
    "apiVersion": ("kueue.x-k8s.io/v1beta2", "kueue apis/kueue/v1beta2/groupversion_info.go"),
    "metadata.name": (str, f"{META}, ObjectMeta.Name"),
    "metadata.labels.app.kubernetes.io/managed-by": (str, f"{META}, ObjectMeta.Labels"),
    "metadata.labels.team": (str, f"{META}, ObjectMeta.Labels"),
}
RESOURCES = "spec.resourceGroups[].flavors[].resources[]"
KUEUE = {
    "ClusterQueue": TOP
    | {
        "kind": ("ClusterQueue", f"{QUEUE}, ClusterQueue"),
        "spec.namespaceSelector.matchLabels.kubernetes.io/metadata.name": (
            str,
            f"{QUEUE}, ClusterQueueSpec.NamespaceSelector; {META}, LabelSelector.MatchLabels",
        ),
        "spec.cohortName": (str, f"{QUEUE}, ClusterQueueSpec.CohortName"),
        "spec.resourceGroups[].coveredResources[]": (str, f"{QUEUE}, ResourceGroup"),
        "spec.resourceGroups[].flavors[].name": (str, f"{QUEUE}, FlavorQuotas.Name"),
        f"{RESOURCES}.name": (str, f"{QUEUE}, ResourceQuota.Name"),
        f"{RESOURCES}.nominalQuota": ("quantity", f"{QUEUE}, ResourceQuota.NominalQuota"),
        f"{RESOURCES}.borrowingLimit": ("quantity", f"{QUEUE}, ResourceQuota.BorrowingLimit"),
        "spec.preemption.reclaimWithinCohort": (
            "Any",
            f"{QUEUE}, ClusterQueuePreemption.ReclaimWithinCohort: Never, LowerPriority or Any",
        ),
        "spec.preemption.withinClusterQueue": (
            "LowerPriority",
            f"{QUEUE}, ClusterQueuePreemption.WithinClusterQueue: Never, LowerPriority or "
            "LowerOrNewerEqualPriority",
        ),
    },
    "LocalQueue": TOP
    | {
        "kind": ("LocalQueue", f"{LOCAL}, LocalQueue"),
        "metadata.namespace": (str, f"{META}, ObjectMeta.Namespace"),
        "spec.clusterQueue": (str, f"{LOCAL}, LocalQueueSpec.ClusterQueue"),
    },
}


def rendered(request=None, platform=None):
    return manifests.render(RIGHT | (request or {}), THERE | (platform or {}))


def by_kind(documents):
    return {document["kind"]: document for document in documents}


def leaves(value, path=""):
    """Every (path, value) at the end of a document; places in lists without their numbers."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, value


def test_eight_kinds_the_namespace_first():
    assert [document["kind"] for document in rendered()] == KINDS


@pytest.mark.parametrize(("asked", "offered"), VARIANTS, ids=str)
def test_the_schemas_accept_every_manifest_and_so_does_the_policy(asked, offered):
    documents = rendered(asked, offered)
    text = yaml.safe_dump_all(documents)
    for document in yaml.safe_load_all(text):
        if "kueue" not in document["apiVersion"]:
            kubernetes_validate.validate(document, "1.37", strict=True)
    assert policy.mistakes(documents) == []
    assert "&id" not in text


@pytest.mark.parametrize("kind", KUEUE)
def test_kueues_kinds_have_the_fields_that_kueue_declares(kind):
    table = KUEUE[kind]
    there = list(leaves(by_kind(rendered())[kind]))
    assert {path for path, _ in there} == set(table)
    for path, value in there:
        expected, _ = table[path]
        if expected is str:
            assert value
            assert isinstance(value, str)
        elif expected == "quantity":
            assert quantity.exact(value) >= 0
        else:
            assert value == expected


def test_what_is_guaranteed_and_what_is_lent_is_what_was_asked_for():
    spec = by_kind(rendered())["ClusterQueue"]["spec"]
    (group,) = spec["resourceGroups"]
    (flavor,) = group["flavors"]
    quotas = {quota["name"]: quota for quota in flavor["resources"]}
    for resource, name in {"cpu": "cpu", "memory": "memory", "gpu": "nvidia.com/gpu"}.items():
        nominal = quantity.exact(quotas[name]["nominalQuota"])
        most = nominal + quantity.exact(quotas[name]["borrowingLimit"])
        assert nominal == quantity.exact(RIGHT["guaranteed"][resource])
        assert most == quantity.exact(RIGHT["at_most"][resource])


def test_a_team_may_use_as_much_as_it_asked_for_and_no_more_by_kueues_rule():
    gpus = by_kind(rendered())["ClusterQueue"]["spec"]["resourceGroups"][0]["flavors"][0]
    quota = gpus["resources"][2]
    numbers = [int(quota["nominalQuota"]), int(quota["borrowingLimit"]), None]
    tree = {
        "teams": {"parent": None, "quota": {}},
        "vision": {"parent": "teams", "quota": {"default/gpu": numbers}},
        "speech": {"parent": "teams", "quota": {"default/gpu": [8, None, None]}},
    }
    assert Quotas(tree).available("vision", "default/gpu") == RIGHT["at_most"]["gpu"]


def test_a_container_that_asks_for_nothing_gets_no_gpu():
    limits = by_kind(rendered())["LimitRange"]["spec"]["limits"]
    assert limits[0]["default"]["nvidia.com/gpu"] == "0"
    silent = {"requests": limits[0]["defaultRequest"], "limits": limits[0]["default"]}
    assert admission.limit_range(limits, [silent]) == []
    greedy = {"requests": {"cpu": "9"}, "limits": {"cpu": "9"}}
    assert admission.limit_range(limits, [silent | greedy])


def test_the_quota_names_gpus_even_where_a_team_asked_for_none():
    none = {"guaranteed": {"cpu": 1, "memory": "1Gi"}, "at_most": {}, "max": {}}
    documents = by_kind(rendered(none))
    assert documents["ResourceQuota"]["spec"]["hard"]["requests.nvidia.com/gpu"] == "0"
    assert documents["LimitRange"]["spec"]["limits"][0]["max"]["nvidia.com/gpu"] == "0"


def test_nobody_comes_in_or_goes_out_unnamed():
    spec = by_kind(rendered({"talks_to": []}, {"lets_in": []}))["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["podSelector"] == {}
    assert spec["ingress"] == [{"from": [{"podSelector": {}}]}]
    assert spec["egress"][0] == {"to": [{"podSelector": {}}]}
    named = by_kind(rendered())["NetworkPolicy"]["spec"]
    callers, called = named["ingress"][0]["from"][1], named["egress"][0]["to"][1]
    assert dict(leaves(callers))["namespaceSelector.matchExpressions[].values[]"] == "monitoring"
    assert "monitoring" not in str(called)
    assert "team-features" in str(called)


def test_the_owner_cannot_move_the_walls():
    rules = by_kind(rendered())["Role"]["rules"]
    walls = {"resourcequotas", "limitranges", "networkpolicies", "localqueues"}
    for rule in rules:
        if walls & set(rule["resources"]):
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
        assert not {"roles", "rolebindings", "namespaces", "*"} & set(rule["resources"])


amounts = st.fixed_dictionaries(
    {"cpu": st.integers(0, 32), "memory": st.integers(1, 64).map("{}Gi".format)},
    optional={"gpu": st.integers(0, 6)},
)


@settings(max_examples=20)
@given(amounts, amounts, amounts)
def test_what_problems_lets_pass_the_schemas_and_the_policy_do_too(certain, most, largest):
    request = copy.deepcopy(RIGHT)
    request |= {"guaranteed": certain, "at_most": most, "max": largest, "budget_per_month": 10**6}
    if requests.problems(request, THERE):
        return
    documents = manifests.render(request, THERE)
    assert policy.mistakes(documents) == []
    for document in documents[:6]:
        kubernetes_validate.validate(document, "1.37", strict=True)
