"""Ten mistakes of which schemas see two: our check names each in a sentence, and some more."""

import kubernetes_validate
import pytest
import yaml

from scaletoolkit.commands.tenant import PLATFORM, REQUEST
from scaletoolkit.teams import manifests, policy


def broken(name):
    """The manifests with one mistake in them."""
    documents = manifests.render(yaml.safe_load(REQUEST), yaml.safe_load(PLATFORM))
    kind, change, _ = MISTAKES[name]
    change(next(document for document in documents if document["kind"] == kind))
    return documents


def set_at(*path):
    """A change that sets the value at the end of a path, or takes it away when that is None."""
    *places, name, value = path

    def change(document):
        for place in places:
            document = document[place]
        if value is None:
            del document[name]
        else:
            document[name] = value

    return change


def added(*path):
    """A change that adds the value at the end of a path to a list."""
    *places, value = path

    def change(document):
        for place in places:
            document = document[place]
        document.append(value)

    return change


def lends_to_nobody(queue):
    del queue["spec"]["cohortName"]
    for quota in queue["spec"]["resourceGroups"][0]["flavors"][0]["resources"]:
        quota["lendingLimit"] = 0
        del quota["borrowingLimit"]


def renamed(*path):
    """A change that gives a field another name."""
    *places, old, new = path

    def change(document):
        for place in places:
            document = document[place]
        document[new] = document.pop(old)

    return change


LIMIT = ("spec", "limits", 0)
GROUP = ("spec", "resourceGroups", 0)
GPU = (*GROUP, "flavors", 0, "resources", 2)
OTHER = [{"name": "x.org/y", "nominalQuota": 1}]
PORTS = ("spec", "egress", 1, "ports", 0)
MISTAKES = {  # name: (kind, change, sentence); the first ten are those of the lab
    "a misspelt field": (
        "ResourceQuota",
        renamed("spec", "hard", "hart"),
        "ResourceQuota quota: spec.hart: there is no such field: did you mean hard?",
    ),
    "the cohort of version 1": (
        "ClusterQueue",
        renamed("spec", "cohortName", "cohort"),
        "ClusterQueue team-vision: spec.cohort: there is no such field: did you mean cohortName?",
    ),
    "a quantity in words": (
        "ResourceQuota",
        set_at("spec", "hard", "requests.cpu", "12 cores"),
        'ResourceQuota quota: spec.hard.requests.cpu: "12 cores" is no quantity',
    ),
    "a quota of nothing": (
        "ResourceQuota",
        renamed("spec", "hard", "requests.cpu", "request.cpu"),
        "ResourceQuota quota: spec.hard.request.cpu: no such thing is counted: did you mean "
        "requests.cpu?",
    ),
    "a default above its maximum": (
        "LimitRange",
        set_at(*LIMIT, "default", "memory", "64Gi"),
        "LimitRange limits: spec.limits[0].default.memory: 64Gi is above "
        "spec.limits[0].max.memory, 32Gi.",
    ),
    "a quota below zero": (
        "ClusterQueue",
        set_at(*GPU, "nominalQuota", "-2"),
        "ClusterQueue team-vision: spec.resourceGroups[0].flavors[0].resources[nvidia.com/gpu]"
        '.nominalQuota: "-2" must not be negative.',
    ),
    "covered resources without a quota": (
        "ClusterQueue",
        set_at(*GROUP, "coveredResources", ["cpu", "memory"]),
        "ClusterQueue team-vision: spec.resourceGroups[0].flavors[0].resources: cpu, memory, "
        "nvidia.com/gpu are not the resources covered, in their order: cpu, memory.",
    ),
    "a misspelt kind of role": (
        "RoleBinding",
        set_at("roleRef", "kind", "Rol"),
        'RoleBinding owner: roleRef.kind: "Rol" is neither Role nor ClusterRole.',
    ),
    "a long name for a port": (
        "NetworkPolicy",
        set_at(*PORTS, "port", "domain-name-server"),
        'NetworkPolicy walls: spec.egress[1].ports[0].port: "domain-name-server" must be at most',
    ),
    "a namespace that is no label": (
        "Namespace",
        set_at("metadata", "name", "Team_Vision"),
        'Namespace Team_Vision: metadata.name: "Team_Vision" must be at most 63',
    ),
    "a GPU for everybody": (
        "LimitRange",
        set_at(*LIMIT, "default", "nvidia.com/gpu", None),
        "LimitRange limits: spec.limits[0].default.nvidia.com/gpu: without it each container gets "
        "spec.limits[0].max.nvidia.com/gpu, 2; write 0.",
    ),
    "a quota of GPUs that nobody counts": (
        "ResourceQuota",
        renamed("spec", "hard", "requests.nvidia.com/gpu", "nvidia.com/gpu"),
        "ResourceQuota quota: spec.hard.nvidia.com/gpu: no such thing is counted: did you mean "
        "requests.nvidia.com/gpu?",
    ),
    "everybody as owner": (
        "RoleBinding",
        set_at("subjects", 0, "name", "system:authenticated"),
        'RoleBinding owner: subjects[0].name: "system:authenticated" is one of Kubernetes\' own',
    ),
    "every right": (
        "Role",
        set_at("rules", 0, "resources", ["*"]),
        "Role owner: rules[0].resources: * also means the walls of the team",
    ),
    "nobody to borrow from": (
        "ClusterQueue",
        set_at("spec", "cohortName", None),
        "ClusterQueue team-vision: spec.cohortName: without it there is nobody to borrow from",
    ),
    "nobody to lend to": (
        "ClusterQueue",
        lends_to_nobody,
        "ClusterQueue team-vision: spec.cohortName: without it there is nobody to lend to, up to",
    ),
    "more lent than there is": (
        "ClusterQueue",
        set_at(*GPU, "lendingLimit", 99),
        "ClusterQueue team-vision: spec.resourceGroups[0].flavors[0].resources[nvidia.com/gpu]"
        ".lendingLimit: 99 is above the nominalQuota, ",
    ),
    "a flavor twice": (
        "ClusterQueue",
        added(
            *("spec", "resourceGroups"),
            {"coveredResources": ["x.org/y"], "flavors": [{"name": "default", "resources": OTHER}]},
        ),
        "ClusterQueue team-vision: spec.resourceGroups[1].flavors[0].name: "
        '"default" is there already.',
    ),
    "a resource in two groups": (
        "ClusterQueue",
        added("spec", "resourceGroups", {"coveredResources": ["memory"]}),
        "ClusterQueue team-vision: spec.resourceGroups[1].coveredResources[0]: "
        '"memory" is there already.',
    ),
    "who borrows preempts, who lends may not": (
        "ClusterQueue",
        set_at("spec", "preemption", {"borrowWithinCohort": {"policy": "LowerPriority"}}),
        "ClusterQueue team-vision: spec.preemption.borrowWithinCohort.policy: "
        '"LowerPriority" needs a reclaimWithinCohort other than Never.',
    ),
    "a pod's default": (
        "LimitRange",
        added("spec", "limits", {"type": "Pod", "default": {"cpu": 1}}),
        "LimitRange limits: spec.limits[1].default: a pod has no defaults; only its containers",
    ),
    "two rules of one type": (
        "LimitRange",
        added("spec", "limits", {"type": "Container"}),
        'LimitRange limits: spec.limits[1].type: "Container" is there already.',
    ),
    "a ratio below one": (
        "LimitRange",
        set_at(*LIMIT, "maxLimitRequestRatio", {"cpu": "500m"}),
        "LimitRange limits: spec.limits[0].maxLimitRequestRatio.cpu: 500m is below 1, and no limit "
        "is below its request.",
    ),
    "a request of GPUs other than the limit": (
        "LimitRange",
        set_at(*LIMIT, "default", "nvidia.com/gpu", "1"),
        "LimitRange limits: spec.limits[0].defaultRequest.nvidia.com/gpu: 0 must equal "
        "spec.limits[0].default.nvidia.com/gpu, 1: it cannot be overcommitted.",
    ),
    "a role whose name is a path": (
        "Role",
        set_at("metadata", "name", "a/b"),
        "Role a/b: metadata.name: \"a/b\" may not be '.' or '..' and may not contain '/' or '%'.",
    ),
    "a binding without a name": (
        "RoleBinding",
        set_at("metadata", "name", ""),
        "RoleBinding : metadata.name: must be set.",
    ),
}
TEN = list(MISTAKES)[:10]


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_named_in_a_sentence(name):
    _, _, sentence = MISTAKES[name]
    said = policy.mistakes(broken(name))
    assert said
    assert said[0].startswith(sentence)


def test_a_role_may_have_a_name_that_other_objects_may_not():
    documents = manifests.render(yaml.safe_load(REQUEST), yaml.safe_load(PLATFORM))
    roles = [document for document in documents if document["kind"] in ("Role", "RoleBinding")]
    for role in roles:
        role["metadata"]["name"] = "system:controller:Token_Cleaner"
    assert len(roles) >= 2
    assert policy.mistakes(documents) == []


def schema_accepts(document):
    try:
        kubernetes_validate.validate(document, "1.37", strict=True)
    except kubernetes_validate.ValidationError:
        return False
    return True


def test_kubernetes_own_schemas_see_one_of_the_seven_that_concern_its_kinds():
    ours = [name for name in TEN if MISTAKES[name][0] != "ClusterQueue"]
    seen = [name for name in ours if not all(map(schema_accepts, broken(name)[:6]))]
    assert len(ours) == 7
    assert seen == ["a misspelt field"]
