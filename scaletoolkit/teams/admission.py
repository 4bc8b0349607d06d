"""Whether a namespace takes a pod: Kubernetes' LimitRange and ResourceQuota, in sentences. Lab 11.

Amounts are written as in manifests ("500m", "2Gi", 3). A limit without a request is the request,
too, as SetDefaults_Pod has it before anything else. Init containers, scopes and resources of whole
pods are not counted. Source: kubernetes/kubernetes, plugin/pkg/admission/limitranger/admission.go,
.../resourcequota/controller.go and pkg/quota/v1/evaluator/core/pods.go.
"""

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from scaletoolkit.kubernetes import names, quantity

Amounts = Mapping[str, object]
Container = Mapping[str, Amounts]
Exact = dict[str, Fraction]

COMPUTE = ("cpu", "memory")  # a quota of these makes every container name them
NATIVE = (*COMPUTE, "ephemeral-storage")
PER_POD = ("pods", "count/pods")
OF_PODS = (*PER_POD, *(f"{side}{name}" for side in ("", "requests.", "limits.") for name in NATIVE))
BOUNDS = (("min", "request", "at least", operator.lt), ("max", "limit", "at most", operator.gt))
TYPES = ("Container", "Pod", "PersistentVolumeClaim")
UNITS = {"Gi": 2**30, "Mi": 2**20, "Ki": 2**10}


def limit_range(rules: Sequence[Mapping[str, Any]], containers: Sequence[Container]) -> list[str]:
    """What a LimitRange has against a pod: a sentence each, [] where it is admitted.

    rules: its `spec.limits`, dicts with type ("Container" or "Pod"), min, max and
    maxLimitRequestRatio, default and defaultRequest. containers: dicts with requests and limits.
    Defaults fill in what a container leaves out, before anything is compared. A pod's amount is the
    sum of those that its containers have; it has none where none of them has. (A real API server
    has, before that, filled in a Container rule's missing defaults from its max and min.)
    """
    rules = [_present(rule) for rule in rules]
    containers = [_present(container) for container in containers]
    for number, rule in enumerate(rules, 1):
        _check_type(rule, f"rule {number} of the limit range")
    filled = [_filled(rules, container) for container in containers]
    problems: list[str] = []
    for rule in rules:
        if rule["type"] == "Pod":
            requests = _sum([requests for requests, _ in filled])
            limits = _sum([limits for _, limits in filled])
            problems += _against(rule, "the pod", requests, limits)
        elif rule["type"] == "Container":
            for number, (container, (requests, limits)) in enumerate(
                zip(containers, filled, strict=True), 1
            ):
                problems += _against(rule, _name(container, number), requests, limits)
    return problems


def resource_quota(hard: Amounts, used: Amounts, containers: Sequence[Container]) -> list[str]:
    """What a ResourceQuota has against a pod: a sentence each, [] where it is admitted.

    hard, used: the quota's `status`, {"requests.cpu": amount, ...}; a name without a prefix means
    requests. Every container must name the cpu and memory that the quota names, and of all that it
    counts of pods it must be known how much is used. What the pod asks nothing of refuses no pod,
    nor does what none is charged for, such as services.
    """
    containers = [_present(container) for container in containers]
    problems = [*_unnamed(hard, containers)] or [
        f"{name}: how much of it is used is not known yet."
        for name in hard
        if _is_of_pods(name) and name not in used
    ]
    if problems:
        return problems
    after = charged(hard, used, containers)
    for name, amount in after.items():
        if amount > quantity.exact(hard[name]):
            before = quantity.exact(used[name])
            problems.append(
                f"{name}: {_text(name, before)} are used and the pod asks for "
                f"{_text(name, amount - before)}; the quota is {hard[name]}."
            )
    return problems


def charged(hard: Amounts, used: Amounts, containers: Sequence[Container]) -> Exact:
    """What would be used of a quota with this pod, of what the pod is charged for: {name: amount}.

    A pod is charged for itself, its requests and its limits, not for 0 of anything; resources that
    Kubernetes does not know itself, such as GPUs, by their requests only.
    """
    kinds = [_exact(_present(container)) for container in containers]
    asked = dict.fromkeys(PER_POD, Fraction(1))
    for requests, limits in kinds:
        for resource, amount in requests.items():
            for name in _request_names(resource):
                asked[name] = asked.get(name, Fraction(0)) + amount
        for resource, amount in limits.items():
            if resource in NATIVE:
                name = f"limits.{resource}"
                asked[name] = asked.get(name, Fraction(0)) + amount
    return {
        name: quantity.exact(used.get(name, 0)) + amount
        for name, amount in asked.items()
        if name in hard and amount and _is_of_pods(name)
    }


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given; null counts as absent."""
    return {name: value for name, value in given.items() if value is not None}


def _check_type(rule: Mapping[str, Any], whose: str) -> None:
    if "type" not in rule:
        raise ValueError(f"{whose} has no type")
    if rule["type"] not in TYPES and "/" not in str(rule["type"]):  # others have a prefix
        raise ValueError(
            f"{whose} has the unknown type {rule['type']!r}; known: {', '.join(TYPES)}"
        )


def _request_names(resource: str) -> tuple[str, ...]:
    """The names by which a quota counts requests of a resource."""
    if resource in NATIVE or resource.startswith("hugepages-"):
        return resource, f"requests.{resource}"
    return (f"requests.{resource}",)


def _is_of_pods(name: str) -> bool:
    """Whether what a quota counts by this name is of pods."""
    resource = name.removeprefix("requests.")
    theirs = resource != name and names.is_extended(resource)
    return name in OF_PODS or resource.startswith("hugepages-") or theirs


def _unnamed(hard: Amounts, containers: Sequence[Container]) -> Iterator[str]:
    """Containers that do not say how much they take of cpu or memory that the quota names."""
    for number, container in enumerate(containers, 1):
        for name in hard:
            prefix, _, resource = name.rpartition(".")
            kind = "limits" if prefix == "limits" else "requests"
            if resource not in COMPUTE or prefix not in ("", "limits", "requests"):
                continue
            if all(resource not in container.get(side, {}) for side in {kind, "limits"}):
                yield (
                    f"{_name(container, number)}: {kind}.{resource} is missing; "
                    f"a namespace with a quota of {name} takes only pods that say it."
                )


def _exact(container: Container) -> tuple[Exact, Exact]:
    """A container's requests, of limits where it has none, and limits; ValueError below 0."""
    both = []
    for kind in ("requests", "limits"):
        amounts = {name: quantity.exact(text) for name, text in container.get(kind, {}).items()}
        for name, amount in amounts.items():
            if amount < 0:
                raise ValueError(f"{kind}.{name} must be at least 0, got {container[kind][name]}")
        both.append(amounts)
    requests, limits = both
    for name, amount in limits.items():
        requests.setdefault(name, amount)
    return requests, limits


def _filled(rules: Sequence[Mapping[str, Any]], container: Container) -> tuple[Exact, Exact]:
    """A container's requests and limits, with the defaults of the rules for containers."""
    requests, limits = _exact(container)
    for rule in rules:
        if rule["type"] == "Container":
            for amounts, key in ((requests, "defaultRequest"), (limits, "default")):
                for name, text in rule.get(key, {}).items():
                    amounts.setdefault(name, quantity.exact(text))
    return requests, limits


def _sum(each: Sequence[Exact]) -> Exact:
    """The sum of amounts, each over those who have it."""
    result: Exact = {}
    for amounts in each:
        for name, amount in amounts.items():
            result[name] = result.get(name, Fraction(0)) + amount
    return result


def _against(rule: Mapping[str, Any], whose: str, requests: Exact, limits: Exact) -> Iterator[str]:
    """What one rule has against one container, or the pod."""
    asked = {"request": requests, "limit": limits}
    for key, needed, words, beyond in BOUNDS:
        for resource, text in rule.get(key, {}).items():
            bound = quantity.exact(text)
            if resource not in asked[needed]:
                yield f"{whose}: no {needed} of {resource}; it must be {words} {text}."
            for kind, amounts in asked.items():
                if resource in amounts and beyond(amounts[resource], bound):
                    amount = _text(resource, amounts[resource])
                    yield f"{whose}: the {kind} of {resource} is {amount}; {words} {text}."
    for resource, text in rule.get("maxLimitRequestRatio", {}).items():
        request = requests.get(resource)
        limit = limits.get(resource)
        most = f"at most {text} times is allowed"
        if not request or not limit:
            yield f"{whose}: {resource} needs a request and a limit; {most}."
        elif limit / request > quantity.exact(text):
            times = math.ceil(limit / request * 100) / 100
            yield f"{whose}: the limit of {resource} is {times:g} times the request; {most}."


def _name(container: Container, number: int) -> str:
    return f"container {container.get('name', number)}"


def _text(resource: str, amount: Fraction) -> str:
    """The amount as a manifest would write it."""
    for unit, size in UNITS.items():
        if resource.endswith("memory") and amount and amount % size == 0:
            return f"{amount // size}{unit}"
    return quantity.text(math.ceil(amount * 1000))
