"""What a namespace has against a pod, beyond Kubernetes' own cases in the vectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit.teams.admission import charged, limit_range, resource_quota

POD = [{"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "2Gi"}}]


def test_defaults_fill_in_what_is_left_out_before_anything_is_compared():
    rule = {"type": "Container", "min": {"cpu": "50m"}, "max": {"cpu": 2}}
    assert len(limit_range([rule], [{}])) == 2
    defaults = {"default": {"cpu": 1}, "defaultRequest": {"cpu": "100m"}}
    assert limit_range([{**rule, **defaults}], [{}]) == []
    too_much = {**rule, "default": {"cpu": 3}, "defaultRequest": {"cpu": "100m"}}
    sentence = "container 1: the limit of cpu is 3; at most 2."
    assert limit_range([too_much], [{}]) == [sentence]


def test_a_bounded_ratio_needs_both_sides():
    rule = {"type": "Container", "maxLimitRequestRatio": {"cpu": 2}}
    assert limit_range([rule], POD) == []
    half = [{"requests": {"cpu": "499m"}, "limits": {"cpu": 1}}]
    assert limit_range([rule], half) == [
        "container 1: the limit of cpu is 2.01 times the request; at most 2 times is allowed."
    ]
    nothing = {"requests": {"cpu": 0}, "limits": {"cpu": 1}}
    for container in ({}, {"requests": {"cpu": 1}}, nothing):
        assert limit_range([rule], [container]) == [
            "container 1: cpu needs a request and a limit; at most 2 times is allowed."
        ]


def test_every_problem_is_named_with_its_container():
    rule = {"type": "Container", "min": {"memory": "2Gi"}, "max": {"gpu": 1}}
    pod = [*POD, {"name": "side", "requests": {"memory": "3Gi"}, "limits": {"gpu": 2}}]
    assert limit_range([rule], pod) == [
        "container 1: the request of memory is 1Gi; at least 2Gi.",
        "container 1: no limit of gpu; it must be at most 1.",
        "container side: the request of gpu is 2; at most 1.",
        "container side: the limit of gpu is 2; at most 1.",
    ]


def test_a_pod_has_the_sum_of_what_its_containers_have():
    rule = {"type": "Pod", "max": {"cpu": 4}}
    assert limit_range([rule], POD * 4) == []
    assert limit_range([rule], POD * 5) == ["the pod: the limit of cpu is 5; at most 4."]
    assert limit_range([rule], [*POD, {}]) == []
    assert limit_range([rule], [{}, *POD * 5]) == ["the pod: the limit of cpu is 5; at most 4."]
    assert limit_range([rule], [{}, {}]) == ["the pod: no limit of cpu; it must be at most 4."]


def test_a_limit_without_a_request_is_the_request():
    pod = [{"limits": {"cpu": 2, "nvidia.com/gpu": 1}}]
    hard = {"requests.cpu": 3, "requests.nvidia.com/gpu": 1}
    used = dict.fromkeys(hard, 0)
    assert charged(hard, used, pod) == {"requests.cpu": 2, "requests.nvidia.com/gpu": 1}
    assert resource_quota(hard, used, pod) == []
    assert len(resource_quota(hard, used | charged(hard, used, pod), pod)) == 2
    rule = {"type": "Container", "min": {"cpu": 1}, "maxLimitRequestRatio": {"cpu": 1}}
    assert limit_range([rule | {"defaultRequest": {"cpu": "100m"}}], pod) == []


def test_a_quota_says_what_is_used_what_is_asked_for_and_what_there_is():
    hard = {"requests.memory": "4Gi", "pods": 1}
    used = {"requests.memory": "3.5Gi", "pods": 1}
    assert resource_quota(hard, {"requests.memory": "3Gi", "pods": 0}, POD) == []
    assert resource_quota(hard, used, POD) == [
        "pods: 1 are used and the pod asks for 1; the quota is 1.",
        "requests.memory: 3584Mi are used and the pod asks for 1Gi; the quota is 4Gi.",
    ]


def test_gpus_are_charged_by_requests_only():
    pod = [{"requests": {"nvidia.com/gpu": 2}, "limits": {"nvidia.com/gpu": 2}}]
    hard = {"requests.nvidia.com/gpu": 3, "limits.nvidia.com/gpu": 1, "nvidia.com/gpu": 1}
    used = dict.fromkeys(hard, 0)
    assert charged(hard, used, pod) == {"requests.nvidia.com/gpu": 2}
    assert resource_quota(hard, used, pod) == []
    assert len(resource_quota(hard, used, pod * 2)) == 1


def test_a_quota_of_cpu_takes_no_container_that_does_not_say_it():
    for name, kind in (("cpu", "requests"), ("requests.cpu", "requests"), ("limits.cpu", "limits")):
        problems = resource_quota({name: 9}, {name: 0}, [*POD, {}])
        assert problems == [
            f"container 2: {kind}.cpu is missing; "
            f"a namespace with a quota of {name} takes only pods that say it."
        ]
    assert resource_quota({"requests.nvidia.com/gpu": 1}, {"requests.nvidia.com/gpu": 1}, POD) == []
    assert resource_quota({"services": 0}, {"services": 0}, POD) == []


def test_a_quota_whose_usage_is_not_known_takes_nothing():
    for name in ("pods", "requests.nvidia.com/gpu", "hugepages-2Mi", "limits.ephemeral-storage"):
        sentence = f"{name}: how much of it is used is not known yet."
        assert resource_quota({name: 9}, {}, POD) == [sentence]
    for name in ("services", "count/jobs.batch", "requests.storage"):
        assert resource_quota({name: 9}, {}, POD) == []


def test_who_asks_for_nothing_is_not_refused_for_what_is_used_beyond_the_quota():
    pod = [{"requests": {"nvidia.com/gpu": 0}}]
    gpu = "requests.nvidia.com/gpu"
    assert resource_quota({gpu: 2}, {gpu: 4}, pod) == []
    assert charged({gpu: 2}, {gpu: 4}, pod) == {}
    assert len(resource_quota({gpu: 2}, {gpu: 4}, [{"requests": {"nvidia.com/gpu": 1}}])) == 1


def test_a_negative_amount_is_one_sentence():
    with pytest.raises(ValueError, match=r"^requests.cpu must be at least 0, got -1$"):
        resource_quota({"cpu": 1}, {"cpu": 0}, [{"requests": {"cpu": -1}}])


def test_a_rule_without_a_type_is_one_sentence():
    with pytest.raises(ValueError, match=r"^rule 1 of the limit range has no type$"):
        limit_range([{"max": {"cpu": 1}}], POD)


def test_a_rule_of_an_unknown_type_is_one_sentence():
    with pytest.raises(ValueError, match=r"^rule 2 of .* unknown type 'container'; known: Cont.*$"):
        limit_range([{"type": "PersistentVolumeClaim"}, {"type": "container"}], POD)
    assert limit_range([{"type": "x.org/Disk", "max": {"cpu": 0}}], POD) == []


def test_what_a_quota_does_not_count_of_pods_refuses_no_pod():
    pod = [{"requests": {"gpu": 1, "kubernetes.io/foo": 1}}]
    for name in ("requests.gpu", "requests.kubernetes.io/foo"):
        assert resource_quota({name: 0}, {}, pod) == []
        assert charged({name: 0}, {}, pod) == {}


def test_null_counts_as_absent():
    rule = {"type": "Container", "max": None, "default": None, "maxLimitRequestRatio": None}
    assert limit_range([rule], [{"requests": None, "limits": None}]) == []
    assert len(limit_range([{"type": "Pod", "max": {"cpu": 1}}], [{"limits": None}])) == 1
    assert len(resource_quota({"cpu": 1}, {"cpu": 0}, [{"requests": None}])) == 1
    assert charged({"pods": 1}, {}, [{"name": None, "requests": None}]) == {"pods": 1}
    with pytest.raises(ValueError, match=r"^rule 1 of the limit range has no type$"):
        limit_range([{"type": None}], POD)


@given(st.lists(st.integers(1, 9), max_size=12), st.integers(0, 30))
def test_what_is_admitted_one_after_another_never_passes_the_quota(requests, hard):
    used = {"cpu": 0, "pods": 0}
    for cpu in requests:
        pod = [{"requests": {"cpu": cpu}}]
        if not resource_quota({"cpu": hard, "pods": 5}, used, pod):
            used |= charged({"cpu": hard, "pods": 5}, used, pod)
    assert used["cpu"] <= hard
    assert used["pods"] <= 5
