"""What is wrong with manifests that their schemas accept, a sentence each. Lab 11.

A schema is a grammar: it knows which fields there are and that a quantity is text. What is checked
here is what the API server and Kueue refuse only when they are asked, one object at a time, with
half of a tenant already there; and what even they accept, and nobody means.

Sources: pkg/apis/core/validation, pkg/apis/core/v1/defaults.go and pkg/apis/rbac/validation of
Kubernetes; the custom resource definition and the webhook of Kueue's ClusterQueue (v1beta2).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from scaletoolkit.kubernetes import names, quantity
from scaletoolkit.kubernetes.document import short

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
COMPUTE = ("cpu", "memory", "ephemeral-storage")
COUNTS = """
pods services secrets configmaps persistentvolumeclaims replicationcontrollers resourcequotas
services.loadbalancers services.nodeports requests.storage
""".split()
QUOTA_KEYS = (*COMPUTE, *(f"{side}.{name}" for side in ("requests", "limits") for name in COMPUTE))
PORT = re.compile(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_PORT = 15
COHORT = {"borrowingLimit": "borrow from", "lendingLimit": "lend to"}
ORDER = ("min", "defaultRequest", "default", "max")  # of a LimitRange, from the least to the most


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
    is_namespace = kind == "Namespace"
    fits = names.label if is_namespace else names.subdomain
    expected = names.LABEL_EXPECTED if is_namespace else names.SUBDOMAIN_EXPECTED
    if not fits(_name(document)):
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


def _quantities(path: str, values: Mapping[str, Any]) -> Iterator[str]:
    """What is no quantity, or is below zero."""
    for name, value in values.items():
        amount = _amount(value)
        if amount is None:
            yield f"{path}.{name}: {short(value)} is no quantity such as 12, 500m or 1Gi."
        elif amount < 0:
            yield f"{path}.{name}: {short(value)} must not be negative."


def _amount(value: object) -> Fraction | None:
    try:
        return quantity.exact(value)
    except ValueError:
        return None


def _resource_quota(spec: Document) -> Iterator[str]:
    hard = spec.get("hard") or {}
    yield from _quantities("spec.hard", hard)
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


def _limit_range(spec: Document) -> Iterator[str]:
    limits = spec.get("limits") or []
    yield from _twice(_places("spec.limits", [limit.get("type") for limit in limits], ".type"))
    for index, limit in enumerate(limits):
        path = f"spec.limits[{index}]"
        there = {name: limit.get(name) or {} for name in ORDER}
        for name in ("default", "defaultRequest") if limit.get("type") == "Pod" else ():
            if there[name]:
                yield f"{path}.{name}: a pod has no defaults; only its containers have."
        for name, values in there.items():
            yield from _quantities(f"{path}.{name}", values)
        for low, high in ((a, b) for i, a in enumerate(ORDER) for b in ORDER[i + 1 :]):
            yield from _above(path, low, there[low], high, there[high])
        for name in there["max"] if limit.get("type") == "Container" else ():
            if name not in COMPUTE and name not in there["default"]:
                told = f"{path}.default.{name}: without it each container gets {path}.max.{name}"
                yield f"{told}, {there['max'][name]}; write 0."


def _places(path: str, values: Iterable[object], field: str = "") -> dict[str, object]:
    """{path of each value: value}, for values that stand in a list."""
    return {f"{path}[{index}]{field}": value for index, value in enumerate(values)}


def _twice(places: Mapping[str, object]) -> Iterator[str]:
    """Values that stand at a place before theirs, too."""
    values = list(places.values())
    for index, (path, value) in enumerate(places.items()):
        if value in values[:index]:
            yield f"{path}: {short(value)} is there already."


def _above(path: str, low: str, lows: Document, high: str, highs: Document) -> Iterator[str]:
    for name in filter(highs.__contains__, lows):
        least = _amount(lows[name])
        most = _amount(highs[name])
        if least is not None and most is not None and least > most:
            yield f"{path}.{low}.{name}: {lows[name]} is above {path}.{high}.{name}, {highs[name]}."


def _cluster_queue(spec: Document) -> Iterator[str]:
    limits: set[str] = set()
    resources: dict[str, object] = {}
    flavors: dict[str, object] = {}
    for index, group in enumerate(spec.get("resourceGroups") or []):
        path = f"spec.resourceGroups[{index}]"
        covered = [str(name) for name in group.get("coveredResources") or []]
        resources |= _places(f"{path}.coveredResources", covered)
        each = group.get("flavors") or []
        flavors |= _places(f"{path}.flavors", [flavor.get("name") for flavor in each], ".name")
        for place, flavor in enumerate(each):
            quotas = flavor.get("resources") or []
            yield from _quotas(f"{path}.flavors[{place}].resources", quotas, covered)
            limits = limits.union(*quotas)
    yield from _twice(resources)
    yield from _twice(flavors)
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
        yield from _quantities(f"{path}[{name}]", limits)
        lent = _amount(quota.get("lendingLimit"))
        nominal = _amount(quota.get("nominalQuota"))
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
    "LimitRange": _limit_range,
    "ClusterQueue": _cluster_queue,
    "Role": _role,
    "RoleBinding": _role_binding,
    "NetworkPolicy": _network_policy,
}
