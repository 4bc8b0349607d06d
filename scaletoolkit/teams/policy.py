"""What is wrong with manifests that their schemas accept, a sentence each. Lab 11.

A schema is a grammar: it knows which fields there are and that a quantity is text. What is checked
here is what the API server and Kueue refuse only when they are asked, one object at a time, with
half of a tenant already there; and what even they accept, and nobody means.

Sources: pkg/apis/core/validation and pkg/apis/rbac/validation of Kubernetes; the custom resource
definition and the webhook of Kueue's ClusterQueue (v1beta2).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from scaletoolkit.kubernetes import names
from scaletoolkit.kubernetes.document import short
from scaletoolkit.teams.limits import exact, limit_range, places, quantities, twice

Document = Mapping[str, Any]

SPECS = {  # the fields of each kind's spec
    "Namespace": ("finalizers",),
    "ResourceQuota": ("hard", "scopes", "scopeSelector"),
    "LimitRange": ("limits",),
    "NetworkPolicy": ("podSelector", "policyTypes", "ingress", "egress"),
    "ClusterQueue": (
        *("admissionChecksStrategy", "admissionScope", "cohortName", "concurrentAdmissionPolicy"),
        *("fairSharing", "flavorFungibility", "namespaceSelector", "preemption"),
        *("queueingStrategy", "resourceGroups", "stopPolicy"),
    ),
    "LocalQueue": ("clusterQueue", "fairSharing", "stopPolicy"),
}
SEGMENT = (names.segment, names.SEGMENT_EXPECTED)
NAMES = {  # what may be a name, where that is not a subdomain
    "Namespace": (names.label, names.LABEL_EXPECTED),
    "Role": SEGMENT,
    "RoleBinding": SEGMENT,
}
COUNTS = """
pods services secrets configmaps persistentvolumeclaims replicationcontrollers resourcequotas
services.loadbalancers services.nodeports requests.storage
""".split()
QUOTA_KEYS = (
    *names.STANDARD,
    *(f"{side}.{name}" for side in ("requests", "limits") for name in names.STANDARD),
)
PORT = re.compile(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_PORT = 15
COHORT = {"borrowingLimit": "borrow from", "lendingLimit": "lend to"}


def mistakes(documents: Iterable[Document]) -> list[str]:
    """All that is wrong, each with the object and the field's path; [] for what `render` writes.

    Whether a document has the shape of its kind is for its schema to say.
    """
    return [
        f"{document.get('kind')} {_name(document)}: {sentence}"
        for document in documents
        for sentence in _of(document)
    ]


def _name(document: Document) -> str:
    return str((document.get("metadata") or {}).get("name", ""))


def _of(document: Document) -> Iterator[str]:
    kind = str(document.get("kind"))
    fits, expected = NAMES.get(kind, (names.subdomain, names.SUBDOMAIN_EXPECTED))
    if not _name(document):
        yield "metadata.name: must be set."
    elif not fits(_name(document)):
        yield f"metadata.name: {short(_name(document))} {expected}."
    spec = document.get("spec") or {}
    yield from _unknown("spec", spec, SPECS.get(kind, tuple(spec)))
    if kind in CHECKS:
        yield from CHECKS[kind](document if "spec" not in document else spec)


def _unknown(path: str, there: Iterable[str], known: Collection[str]) -> Iterator[str]:
    for name in there:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f": did you mean {close[0]}?" if close else "."
            yield f"{path}.{name}: there is no such field{hint}"


def _resource_quota(spec: Document) -> Iterator[str]:
    hard = spec.get("hard") or {}
    yield from quantities("spec.hard", hard)
    for key in hard:
        if not _is_quota_key(key):
            close = get_close_matches(key, [*QUOTA_KEYS, *COUNTS], n=1)
            meant = [f"requests.{key}"] if "/" in key else close  # "nvidia.com/gpu"
            hint = f": did you mean {meant[0]}?" if meant else "."
            yield f"spec.hard.{key}: no such thing is counted{hint}"


def _is_quota_key(key: str) -> bool:
    """requests.cpu, pods, count/jobs.batch, requests.nvidia.com/gpu, and so on."""
    if "/" not in key:
        standard = key in QUOTA_KEYS or key in COUNTS
        return standard or key.removeprefix("requests.").startswith("hugepages-")
    storage = ".storageclass.storage.k8s.io/" in key
    return key.startswith(("count/", "requests.")) or storage


def _cluster_queue(spec: Document) -> Iterator[str]:
    limits: set[str] = set()
    resources: dict[str, object] = {}
    flavors: dict[str, object] = {}
    for index, group in enumerate(spec.get("resourceGroups") or []):
        path = f"spec.resourceGroups[{index}]"
        covered = [str(name) for name in group.get("coveredResources") or []]
        resources |= places(f"{path}.coveredResources", covered)
        each = group.get("flavors") or []
        flavors |= places(f"{path}.flavors", [flavor.get("name") for flavor in each], ".name")
        for place, flavor in enumerate(each):
            quotas = flavor.get("resources") or []
            yield from _quotas(f"{path}.flavors[{place}].resources", quotas, covered)
            limits = limits.union(*quotas)
    yield from twice(resources)
    yield from twice(flavors)
    for limit, what in COHORT.items():
        if limit in limits and not spec.get("cohortName"):
            yield f"spec.cohortName: without it there is nobody to {what}, up to a {limit}."
    yield from _preemption(spec.get("preemption") or {})


def _preemption(preemption: Document) -> Iterator[str]:
    borrowing = (preemption.get("borrowWithinCohort") or {}).get("policy", "Never")
    if borrowing != "Never" and preemption.get("reclaimWithinCohort", "Never") == "Never":
        path = "spec.preemption.borrowWithinCohort.policy"
        yield f"{path}: {short(borrowing)} needs a reclaimWithinCohort other than Never."


def _quotas(path: str, quotas: list[Document], covered: list[str]) -> Iterator[str]:
    named = [str(quota.get("name")) for quota in quotas]
    if named != covered:
        told = f"{path}: {', '.join(named)} are not the resources covered, in their order"
        yield f"{told}: {', '.join(covered)}."
    for name, quota in zip(named, quotas, strict=True):
        limits = {field: value for field, value in quota.items() if field != "name"}
        yield from quantities(f"{path}[{name}]", limits)
        lent = exact(quota.get("lendingLimit"))
        nominal = exact(quota.get("nominalQuota"))
        if lent is not None and nominal is not None and lent > nominal:
            told = f"{path}[{name}].lendingLimit: {quota['lendingLimit']} is above the nominalQuota"
            yield f"{told}, {quota['nominalQuota']}."


def _role(document: Document) -> Iterator[str]:
    for index, rule in enumerate(document.get("rules") or []):
        for field in ("apiGroups", "resources", "verbs"):
            if "*" in (rule.get(field) or []):
                yield f"rules[{index}].{field}: * also means the walls of the team; name them."


def _role_binding(document: Document) -> Iterator[str]:
    kind = (document.get("roleRef") or {}).get("kind")
    if kind not in ("Role", "ClusterRole"):
        yield f"roleRef.kind: {short(kind)} is neither Role nor ClusterRole."
    for index, subject in enumerate(document.get("subjects") or []):
        if str(subject.get("name")).startswith("system:"):
            told = f"subjects[{index}].name: {short(subject.get('name'))}"
            yield f"{told} is one of Kubernetes' own, and may be everybody."


def _network_policy(spec: Document) -> Iterator[str]:
    for side in ("ingress", "egress"):
        for index, rule in enumerate(spec.get(side) or []):
            for place, port in enumerate(rule.get("ports") or []):
                yield from _port(f"spec.{side}[{index}].ports[{place}].port", port.get("port"))


def _port(path: str, port: object) -> Iterator[str]:
    if isinstance(port, str):
        if len(port) > LONGEST_PORT or not PORT.fullmatch(port):
            yield f"{path}: {short(port)} must be at most {LONGEST_PORT} letters, digits and '-'."
    elif port is not None and not (isinstance(port, int) and 1 <= port <= 65535):
        yield f"{path}: {short(port)} must be a number from 1 to 65535."


CHECKS = {
    "ResourceQuota": _resource_quota,
    "LimitRange": limit_range,
    "ClusterQueue": _cluster_queue,
    "Role": _role,
    "RoleBinding": _role_binding,
    "NetworkPolicy": _network_policy,
}
