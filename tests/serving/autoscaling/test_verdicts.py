"""What Kubernetes' own API server says of a manifest: accepted with these numbers, or refused.

SCALETOOLKIT_CONFORMANCE names the folder with hpa_manifests.json; by default `tests/conformance`.
"""

import json

import conformance
import pytest

from scaletoolkit.kubernetes import names
from scaletoolkit.serving.autoscaling import ManifestError, parse

MANIFESTS = conformance.cases("hpa_manifests.json", "manifests")
ACCEPTED = [case for case in MANIFESTS if case["expected"]["accepted"]]
REFUSED = [case for case in MANIFESTS if not case["expected"]["accepted"]]
HPA = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {%s}
spec:
  scaleTargetRef: {%s}
  maxReplicas: 2
"""
NAME = "name: web"
TARGET = "apiVersion: apps/v1, kind: Deployment, name: web"


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case["id"])
def test_what_kubernetes_accepts_has_the_same_numbers(case):
    spec = parse(json.dumps(case["manifest"]))
    numbers = (spec.min_replicas, spec.max_replicas, len(spec.metrics), spec.behavior is not None)
    expected = case["expected"]
    assert numbers == tuple(expected[name] for name in ("min", "max", "metrics", "behavior"))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["id"])
def test_what_kubernetes_refuses_is_a_sentence_with_its_path(case):
    with pytest.raises(ManifestError) as caught:
        parse(json.dumps(case["manifest"]))
    path = str(caught.value).split(": ")[0]
    theirs = case["expected"]["first_problem_at"]
    assert theirs.startswith(path) or "decoding" in theirs or path in theirs


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        (TARGET, None),
        ("apiVersion: apps/, kind: Deployment, name: web", None),
        ("apiVersion: v1, kind: ReplicationController, name: web", None),
        ("kind: ReplicationController, name: web", None),
        ("kind: Deployment, name: web", "Invalid value: null: must specify API group"),
        ("apiVersion: '', kind: Deployment, name: web", "must specify API group, as in apps/v1"),
        ("apiVersion: v1, kind: Deployment, name: web", "must specify API group, as in apps/v1"),
        ("apiVersion: /v1, kind: Deployment, name: web", "must specify API group, as in apps/v1"),
        ("apiVersion: a/b/c, kind: Deployment, name: web", "must be a group and a version"),
    ],
)
def test_a_target_names_the_group_of_its_kind(target, problem):
    verdict(HPA % (NAME, target), problem and f"spec.scaleTargetRef.apiVersion.*{problem}")


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ("generateName: web-", None),
        ("generateName: w", None),
        ("generateName: Web-", "metadata.generateName: Invalid value"),
        ("generateName: -", "metadata.generateName: Invalid value"),
        ("name: web, namespace: a.b", "metadata.namespace: Invalid value"),
        ("name: web, labels: {example.com/Team_1: ''}", None),
        ("name: web, labels: {Example.com/team: a}", "metadata.labels: .* its key"),
        ("name: web, labels: {team: -a}", 'metadata.labels: .* "-a" must be'),
        ("name: web, annotations: {Example.com/Team: '? any text'}", None),
        ("name: web, annotations: {a/b/c: a}", "metadata.annotations: .* its key"),
    ],
)
def test_metadata_has_names_that_kubernetes_takes(metadata, problem):
    verdict(HPA % (metadata, TARGET), problem)


def verdict(text, problem):
    if problem is None:
        parse(text)
    else:
        with pytest.raises(ManifestError, match=problem):
            parse(text)


def test_a_container_asks_for_resources_by_kubernetes_names():
    good = ("cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "nvidia.com/gpu")
    bad = ("gpu", "CPU", "requests.cpu", "a/b/c", "Nvidia.com/gpu", "requests.a.com/gpu", "")
    assert all(map(names.resource, good))
    assert not any(map(names.resource, bad))
    assert names.label("server-1")
    assert not any(map(names.label, ("UPPER", "a.b", "-1", "a" * 64)))
