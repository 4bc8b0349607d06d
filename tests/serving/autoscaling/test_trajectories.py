"""What Kubernetes' own controller decided, sync by sync: through `reconcile` and `Controller`."""

import json

import conformance
import pytest

from scaletoolkit.serving.autoscaling import (
    Controller,
    Flags,
    Memory,
    Pod,
    Sample,
    Seen,
    parse,
    reconcile,
)
from scaletoolkit.serving.autoscaling.limits import Events, Recommendation, ScaleEvent
from scaletoolkit.serving.autoscaling.pods import Scale

TRAJECTORIES = conformance.cases("hpa_trajectories.json", "trajectories")
POD = conformance.cases("hpa_trajectories.json", "pods")["default"]


def flags_of(given):
    gates = given["gates"]
    return Flags(
        downscale_stabilization_s=given["downscale_stabilization_s"],
        tolerance=given["tolerance"],
        cpu_initialization_period_s=given["cpu_initialization_period_s"],
        initial_readiness_delay_s=given["initial_readiness_delay_s"],
        configurable_tolerance=gates["HPAConfigurableTolerance"],
        scale_to_zero=gates["HPAScaleToZero"],
    )


def seen_of(step):
    pods = [Pod(f"p{index}", **{**POD, **pod}) for index, pod in enumerate(step["pods"])]
    metrics = {key: reading_of(given) for key, given in step["metrics"].items()}
    return Seen(pods, metrics, Scale(step["spec_replicas"], step["status_replicas"]))


def reading_of(given):
    if given == "failed":
        return "no answer"
    if isinstance(given, list):
        return given
    measured = {f"p{index}": value for index, value in enumerate(given["pods"])}
    measured |= {f"stranger-{i}": value for i, value in enumerate(given.get("strangers", []))}
    return {
        name: Sample(*value) if isinstance(value, list) else value
        for name, value in measured.items()
        if value is not None
    }


def memory_of(expected):
    """What Kubernetes' controller remembers after a sync."""
    up, down = (
        tuple(ScaleEvent(time_s, change, bool(outdated)) for time_s, change, outdated in log)
        for log in (expected["up"], expected["down"])
    )
    history = tuple(Recommendation(*entry) for entry in expected["history"])
    return Memory(history, Events(up, down), expected["conditions"])


@pytest.mark.parametrize("case", TRAJECTORIES, ids=lambda case: case["id"])
def test_reconcile_decides_and_remembers_as_kubernetes(case):
    spec = parse(json.dumps(case["manifest"]))
    memory = Memory()
    for step in case["steps"]:
        decision = reconcile(spec, seen_of(step), memory, step["at_s"], flags_of(case["flags"]))
        memory = decision.memory
        expected = step["expected"]
        assert (decision.replicas, decision.error != "") == (
            expected["replicas"],
            expected["error"],
        )
        assert memory == memory_of(expected)


@pytest.mark.parametrize("case", TRAJECTORIES, ids=lambda case: case["id"])
def test_a_controller_decides_as_kubernetes_and_may_forget_old_wishes(case):
    controller = Controller(parse(json.dumps(case["manifest"])), flags_of(case["flags"]))
    for step in case["steps"]:
        decision = controller.sync(seen_of(step), step["at_s"])
        expected = step["expected"]
        assert (decision.replicas, decision.error != "") == (
            expected["replicas"],
            expected["error"],
        )
        forgetful = controller.memory._replace(history=None)
        assert forgetful == memory_of(expected)._replace(history=None)
