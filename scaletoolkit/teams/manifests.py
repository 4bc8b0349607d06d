"""A granted request as Kubernetes manifests: what `kubectl apply` needs for a team. Lab 11.

Eight of them: the namespace, with Pod Security; what it may use in all; what a container may ask
for; what its owner may do there; who may talk to whom; the team's queues for jobs, which Kueue
lends and takes back. Plain dicts, as YAML would give them.
"""

from fractions import Fraction
from typing import Any

from scaletoolkit.teams import reading
from scaletoolkit.teams.platforms import Platform
from scaletoolkit.teams.reading import Amounts
from scaletoolkit.teams.requests import PREFIX, Request, granted

Manifest = dict[str, Any]  # YAML, as nested as it comes
NAMES_NAMESPACE = "kubernetes.io/metadata.name"  # a label that Kubernetes gives to each namespace
POD_SECURITY = "pod-security.kubernetes.io"
KUEUE = "kueue.x-k8s.io/v1beta2"
RBAC = "rbac.authorization.k8s.io"
WRITE = ["get", "list", "watch", "create", "update", "patch", "delete"]
READ = ["get", "list", "watch"]
RIGHTS = (  # (API group, resources, verbs); walls can be looked at, not moved
    ("", ["pods", "services", "configmaps", "secrets", "persistentvolumeclaims"], WRITE),
    ("", ["pods/log", "events", "resourcequotas", "limitranges"], READ),
    ("apps", ["deployments", "statefulsets"], WRITE),
    ("batch", ["jobs", "cronjobs"], WRITE),
    ("autoscaling", ["horizontalpodautoscalers"], WRITE),
    ("networking.k8s.io", ["networkpolicies"], READ),
    ("kueue.x-k8s.io", ["localqueues", "workloads"], READ),
)


def render(request: object, platform: object) -> list[Manifest]:
    """The manifests of a request that can be granted, the namespace first.

    Both are mappings as YAML gives them. ManifestError (a ValueError) for the first problem.
    """
    asked, offered = granted(request, platform)
    return [
        _namespace(asked),
        _resource_quota(asked, offered),
        _limit_range(asked, offered),
        *_rights(asked),
        _network_policy(asked, offered),
        _cluster_queue(asked, offered),
        _local_queue(asked),
    ]


def namespace_name(team: str) -> str:
    """The namespace of a team."""
    return f"{PREFIX}{team}"


def _labels(asked: Request) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "scaletoolkit", "team": asked.team}


def _metadata(asked: Request, name: str) -> Manifest:
    """Of a thing in the team's namespace."""
    return {"name": name, "namespace": namespace_name(asked.team), "labels": _labels(asked)}


def _document(version: str, kind: str, asked: Request, name: str, spec: Manifest) -> Manifest:
    """A manifest of a thing in the team's namespace."""
    metadata = _metadata(asked, name)
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _written(amounts: Amounts, offered: Platform, prefix: str = "") -> dict[str, str]:
    """Amounts by the names that Kubernetes has for them; 0 of what the machines have else."""
    return {
        prefix + offered.resource_name(resource): reading.amount_text(
            resource, amounts.get(resource, Fraction(0))
        )
        for resource in offered.machines
    }


def _namespace(asked: Request) -> Manifest:
    """No pod in it may gain rights over its machine: Pod Security's strictest level."""
    security = {f"{POD_SECURITY}/{mode}": "restricted" for mode in ("enforce", "warn")}
    metadata = {
        "name": namespace_name(asked.team),
        "labels": _labels(asked) | security,
        "annotations": {
            "owner": asked.owner,
            "budget-per-month": f"{float(asked.budget_per_month):.2f}",
        },
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _resource_quota(asked: Request, offered: Platform) -> Manifest:
    """What all pods may ask for together. What it does not name would have no limit at all."""
    hard = _written(asked.at_most, offered, "requests.")
    hard["limits.memory"] = hard["requests.memory"]
    hard |= {"services.loadbalancers": "0", "services.nodeports": "0"}  # doors past the policy
    return _document("v1", "ResourceQuota", asked, "quota", {"hard": hard})


def _limit_range(asked: Request, offered: Platform) -> Manifest:
    """What a container gets that asks for nothing, and the most that one may ask for.

    Kubernetes takes `max` for the default where there is none: without the 0 written here, each
    container would get that many GPUs (pkg/apis/core/v1/defaults.go, SetDefaults_LimitRangeItem).
    """
    default = _written(asked.default, offered)
    largest = _written(asked.largest, offered)
    limit = {"type": "Container", "default": default, "defaultRequest": dict(default)}
    return _document("v1", "LimitRange", asked, "limits", {"limits": [limit | {"max": largest}]})


def _rights(asked: Request) -> list[Manifest]:
    """The Role, and the RoleBinding that gives it to the owner."""
    rules = [{"apiGroups": [g], "resources": r, "verbs": list(v)} for g, r, v in RIGHTS]
    owner = {"apiGroup": RBAC, "kind": "User", "name": asked.owner}
    role = {"apiGroup": RBAC, "kind": "Role", "name": "owner"}
    binding = {"subjects": [owner], "roleRef": role}
    contents: dict[str, Manifest] = {"Role": {"rules": rules}, "RoleBinding": binding}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": _metadata(asked, "owner"), **content}
        for kind, content in contents.items()
    ]


def _network_policy(asked: Request, offered: Platform) -> Manifest:
    """Own pods, DNS, and the teams talked to, if their requests name this one, too.

    A connection needs two doors: this side's out, and the other's in.
    """
    neighbours = [namespace_name(team) for team in asked.talks_to]
    outside = [*neighbours, *offered.lets_in]
    (system,) = _namespaces(["kube-system"])
    dns = system | {"podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    callers = [_own_pods(), *_namespaces(outside)]
    called = [_own_pods(), *_namespaces(neighbours)]
    spec = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": callers}],
        "egress": [{"to": called}, {"to": [dns], "ports": ports}],
    }
    return _document("networking.k8s.io/v1", "NetworkPolicy", asked, "walls", spec)


def _own_pods() -> Manifest:
    return {"podSelector": {}}


def _namespaces(names: list[str]) -> list[Manifest]:
    """All pods of these namespaces; [] for none, since a selector without values matches all."""
    where = {"key": NAMES_NAMESPACE, "operator": "In", "values": names}
    return [{"namespaceSelector": {"matchExpressions": [where]}}] if names else []


def _cluster_queue(asked: Request, offered: Platform) -> Manifest:
    """What jobs may use: the guaranteed part for certain, and more while others leave it idle.

    reclaimWithinCohort makes it certain: what was lent is taken back.
    """
    nominal = _written(asked.guaranteed, offered)
    certain = {name: asked.guaranteed.get(name, Fraction(0)) for name in asked.at_most}
    limits = _written({name: asked.at_most[name] - certain[name] for name in certain}, offered)
    quotas = [
        {"name": name, "nominalQuota": nominal[name], "borrowingLimit": limits[name]}
        for name in nominal
    ]
    flavor = {"name": offered.flavor, "resources": quotas}
    spec = {
        "namespaceSelector": {"matchLabels": {NAMES_NAMESPACE: namespace_name(asked.team)}},
        "cohortName": offered.cohort,
        "resourceGroups": [{"coveredResources": list(nominal), "flavors": [flavor]}],
        "preemption": {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"},
    }
    metadata = {"name": namespace_name(asked.team), "labels": _labels(asked)}
    return {"apiVersion": KUEUE, "kind": "ClusterQueue", "metadata": metadata, "spec": spec}


def _local_queue(asked: Request) -> Manifest:
    """Where the team's jobs go. Kueue takes one of this name for jobs that name none."""
    spec = {"clusterQueue": namespace_name(asked.team)}
    return _document(KUEUE, "LocalQueue", asked, "default", spec)
