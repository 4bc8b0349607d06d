"""Kubernetes' own test cases, each through `reconcile` where a whole sync can show the answer.

SCALETOOLKIT_CONFORMANCE names the folder with hpa.json; by default `tests/conformance`.
"""

import conformance
import pytest

from scaletoolkit.serving.autoscaling import (
    Flags,
    Memory,
    Metric,
    Pod,
    Sample,
    Seen,
    Spec,
    limits,
    reconcile,
)
from scaletoolkit.serving.autoscaling.calculator import INT32_MAX as MAX
from scaletoolkit.serving.autoscaling.limits import Events, Recommendation, ScaleEvent
from scaletoolkit.serving.autoscaling.manifest.spec import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    Behavior,
    Policy,
    Rules,
)
from scaletoolkit.serving.autoscaling.pods import Scale, group_pods

CASES = conformance.cases("hpa.json", "cases")
T0 = 1_000_000.0
NOW = T0 + 1e-3  # in the originals a moment passes between writing a fixture and deciding
ASLEEP = {"ScaledToZero": "ScaledToZero"}
FLAGS = Flags(cpu_initialization_period_s=120, initial_readiness_delay_s=10, scale_to_zero=False)
ANYTHING = Rules(0, "Max", (Policy("Percent", MAX, 15), Policy("Pods", MAX, 15)))


def ago(seconds):
    return None if seconds is None else T0 - seconds


def external(target_milli=1000, kind="External", target_type="AverageValue"):
    return Metric(f"{kind}/m", kind, "m", target_type, target_milli)


def rules(given, default):
    if not given:
        return default
    policies = given.get("policies")
    return Rules(
        given.get("stabilization_window_s", default.stabilization_window_s),
        given.get("select_policy") or default.select_policy,
        default.policies
        if policies is None
        else tuple(Policy(p["type"], p["value"], p["period_s"]) for p in policies),
        given.get("tolerance"),
    )


def behavior(given):
    if given is None:
        return None
    return Behavior(
        rules(given.get("scale_up"), DEFAULT_UP), rules(given.get("scale_down"), DEFAULT_DOWN)
    )


def tolerant(given):
    """A behavior that allows everything, with the case's tolerances."""
    return Behavior(
        ANYTHING._replace(tolerance=given["scale_up"]),
        ANYTHING._replace(tolerance=given["scale_down"]),
    )


def pod(index, given):
    """A pod that became ready long ago, has never been ready, or is still starting."""
    started = T0 - (60 if given.get("initializing") else 600)
    since = T0 - 5 if given.get("initializing") else started
    requests = {"c": dict.fromkeys(("cpu", "memory"), given.get("request_milli"))}
    ready = bool(given["ready"])
    return Pod(f"pod-{index}", given["phase"], ready, started, since, given["deleting"], requests)


def samples(given, field):
    measured = {f"pod-{i}": p.get(field) for i, p in enumerate(given)}
    return {name: Sample(v, T0, 30) for name, v in measured.items() if v is not None}


def one_metric(metric, replicas, pods, reading, tolerance):
    """The status of the only metric in a sync where nothing but the metric decides."""
    spec = Spec("case", "Deployment d", 0, MAX, (metric,), tolerant(tolerance))
    flags = FLAGS._replace(scale_to_zero=True)
    seen = Seen(pods, {metric.key: reading}, Scale(replicas, replicas))
    decision = reconcile(spec, seen, Memory((), conditions=ASLEEP), NOW, flags)
    if not decision.error:
        assert decision.replicas == max(0, decision.metrics[0].replicas)
    return decision.metrics[0]


def wanting(replicas):
    """A metric that asks for exactly so many replicas, and its reading."""
    return external(), {"External/m": replicas * 1000}


def resource_utilization(given, expected):
    target = given["target_utilization_percent"]
    metric = Metric("Resource/cpu", "Resource", "cpu", "Utilization", target)
    pods = [pod(i, p) for i, p in enumerate(given["pods"])]
    reading = samples(given["pods"], "usage_milli") | extra(given)
    status = one_metric(metric, given["current_replicas"], pods, reading, given["tolerance"])
    compare(status, expected)


def extra(given):
    values = given.get("extra_metrics_milli", [])
    return {f"stranger-{i}": Sample(value, T0, 30) for i, value in enumerate(values)}


def compare(status, expected):
    if "error_contains" in expected:
        assert expected["error_contains"] in status.error
        return
    assert status.error == ""
    assert status.replicas == expected["replicas"]
    if "utilization_percent" in expected:
        assert status.utilization_percent == expected["utilization_percent"]
    for name in ("average_usage_milli", "average_value_milli", "usage_milli"):
        if name in expected:
            both = {status.average_milli, status.value_milli} - {None}
            assert both == {expected[name]}


def pods_average_value(given, expected):
    metric = Metric("Pods/m", "Pods", "m", "AverageValue", given["target_average_value_milli"])
    pods = [pod(i, p) for i, p in enumerate(given["pods"])]
    reading = samples(given["pods"], "metric_milli") | extra(given)
    compare(
        one_metric(metric, given["current_replicas"], pods, reading, given["tolerance"]), expected
    )


def whole(kind, target_type):
    def run(given, expected):
        metric = external(given["target_milli"], kind, target_type)
        replicas, ready = given["current_replicas"], given.get("ready_running_pods", 0)
        unready = Pod("not", ready=False, copies=max(1, replicas - ready))
        pods = [Pod("ready", copies=ready), unready]
        reading = given["metric_milli"]
        compare(one_metric(metric, replicas, pods, reading, given["tolerance"]), expected)

    return run


def groups(given, expected):
    flags = FLAGS._replace(
        cpu_initialization_period_s=given["cpu_initialization_period_s"],
        initial_readiness_delay_s=given["delay_of_initial_readiness_status_s"],
    )
    pods = [
        Pod(
            p["name"],
            phase=p["phase"],
            ready=p["ready_condition"],
            started_s=ago(p["started_s_ago"]),
            ready_since_s=ago(p["ready_transition_s_ago"]) or float("-inf"),
            deleting=p["deleting"],
            requests_milli={"c": {given["resource"]: 1}},
        )
        for p in given["pods"]
    ]
    taken = {
        p["name"]: Sample(1, ago(m["timestamp_s_ago"]) or float("-inf"), m["window_s"])
        for p in given["pods"]
        if (m := p.get("metric"))
    }
    found = group_pods(pods, taken, given["resource"], NOW, flags)
    assert len(found.ready) == expected["ready_count"]
    for name in ("unready", "missing", "ignored"):
        assert sorted(p.name for p in getattr(found, name)) == sorted(expected[name])


def limit_without_behavior(given, expected):
    spec = Spec("case", "d", given["min_replicas"], given["max_replicas"], (external(),))
    result = limits.limit(spec, given["current_replicas"], given["desired_replicas"])
    assert result == (expected["replicas"], expected["reason"])
    through_reconcile(spec, given, expected)


def events_of(given):
    return Events(event_log(given["up_events"]), event_log(given["down_events"]))


def event_log(given):
    return tuple(ScaleEvent(ago(event["age_s"]), event["replica_change"]) for event in given)


def behavior_rate_limit(given, expected):
    chosen = behavior({name: given[name] for name in ("scale_up", "scale_down")})
    spec = Spec("c", "d", given["min_replicas"], given["max_replicas"], (external(),), chosen)
    current, wanted = given["current_replicas"], given["desired_replicas"]
    result = limits.limit_with_behavior(spec, current, wanted, events_of(given), NOW)
    assert result == (expected["replicas"], expected["reason"])
    through_reconcile(spec, given, expected)


def through_reconcile(spec, given, expected):
    """The same case as a whole sync, where the current size lets the metrics speak at all."""
    current = given["current_replicas"]
    if not (current and spec.min_replicas <= current <= spec.max_replicas):
        return
    events = events_of(given) if "up_events" in given else Events()
    metric, reading = wanting(given["desired_replicas"])
    flags = FLAGS._replace(tolerance=0, downscale_stabilization_s=0)
    if spec.behavior is not None:
        calm = [r._replace(stabilization_window_s=0, tolerance=None) for r in spec.behavior]
        spec = Spec("c", "d", spec.min_replicas, spec.max_replicas, (metric,), Behavior(*calm))
    seen = Seen([], reading, Scale(current, current))
    decision = reconcile(spec, seen, Memory((), events), NOW, flags)
    assert decision.replicas == expected["replicas"]
    assert decision.conditions["ScalingLimited"] == expected["reason"]


def policy_limit(direction):
    def run(given, expected):
        function = getattr(limits, f"scale_{direction}_limit")
        chosen = rules(given["rules"], DEFAULT_UP if direction == "up" else DEFAULT_DOWN)
        found = function(chosen, given["current_replicas"], events_of(given), NOW)
        assert found == expected["limit"]

    return run


def recommendations(given):
    return tuple(Recommendation(ago(r["age_s"]), r["replicas"]) for r in given)


def stabilize_without_behavior(given, expected):
    metric, reading = wanting(given["desired_replicas"])
    history = recommendations(given["history"])
    wanted = given["desired_replicas"]
    settled, log = limits.stabilize(history, wanted, given["window_s"], NOW)
    assert (settled, len(log)) == (expected["replicas"], expected["history_length_after"])
    flags = FLAGS._replace(tolerance=0, downscale_stabilization_s=given["window_s"])
    scale = Scale(max(settled, 1), max(settled, 1))
    spec = Spec("case", "d", 0, MAX, (metric,))
    decision = reconcile(spec, Seen([], reading, scale), Memory(history), NOW, flags)
    assert (decision.replicas, decision.memory.history) == (settled, log)


def stabilize_with_behavior(given, expected):
    metric, reading = wanting(given["desired_replicas"])
    windows = (given["scale_up_window_s"], given["scale_down_window_s"])
    allowed = [ANYTHING._replace(stabilization_window_s=window_s) for window_s in windows]
    spec = Spec("case", "d", 0, MAX, (metric,), Behavior(*allowed))
    scale = Scale(given["current_replicas"], given["current_replicas"])
    history = recommendations(given["history"])
    flags = FLAGS._replace(tolerance=0, scale_to_zero=True)
    memory = Memory(history, conditions=ASLEEP)
    decision = reconcile(spec, Seen([], reading, scale), memory, NOW, flags)
    assert decision.replicas == expected["replicas"]
    assert [r.replicas for r in decision.memory.history] == expected["history_replicas_after"]


def store_scale_event(given, expected):
    log = event_log(given["events"])
    before = limits.replica_change(log, given["lookback_s"], NOW)
    assert before == expected["change_within_lookback_before"]
    for direction in (1, -1):
        found = stored(log, given, direction)
        assert [{"replica_change": e.change, "outdated": e.outdated} for e in found] == (
            expected["events_after"]
        )


def stored(log, given, direction):
    """The log after a sync that changes the size by the case's number, in either direction."""
    size = 10_000  # large enough for the policies to allow the change, whatever the log says
    wide = rules(given["rules"], DEFAULT_UP)
    wide = wide._replace(policies=(*wide.policies, Policy("Percent", 100, 1)), select_policy="Max")
    chosen = Behavior(wide, wide._replace(stabilization_window_s=0)) if given["rules"] else None
    metric, reading = wanting(size + direction * given["replica_change"])
    spec = Spec("case", "d", 0, MAX, (metric,), chosen)
    seen = Seen([], reading, Scale(size, size))
    memory = Memory((), Events(log, log))
    decision = reconcile(spec, seen, memory, NOW, FLAGS._replace(tolerance=0))
    assert decision.replicas == size + direction * given["replica_change"]
    up, down = decision.memory.events
    assert (down if direction > 0 else up) == log
    return up if direction > 0 else down


def metric_of(given, index):
    kind = given["type"]
    targets = {
        "target_utilization_percent": "Utilization",
        "target_average_value_milli": "AverageValue",
        "target_value_milli": "Value",
    }
    name = next((n for n in targets if n in given), None)
    resource = given.get("resource", "m")
    container = "c" if kind == "ContainerResource" else ""
    target = given[name] if name else 1000
    key = f"{kind}/{resource}/{index}"
    return Metric(key, kind, resource, targets.get(name, "AverageValue"), target, container)


def reading_of(given, metric):
    if given["metrics"][int(metric.key.split("/")[-1])].get("fails"):
        return "the metrics server does not answer"
    if metric.type in ("Object", "External"):
        return given["object_or_external_metric_milli"]
    levels = samples(given["pods"], "level_milli") | extra(given)
    if metric.type == "Pods" and any("pods_metric_milli" in p for p in given["pods"]):
        return samples(given["pods"], "pods_metric_milli")
    return levels


def whole_sync(given, expected):
    metrics = tuple(metric_of(m, i) for i, m in enumerate(given["metrics"]))
    spec = Spec(
        "case",
        "Deployment d",
        given["min_replicas"],
        given["max_replicas"],
        metrics,
        behavior(given["behavior"]),
    )
    seen = Seen(
        [pod(i, p) for i, p in enumerate(given["pods"])],
        {metric.key: reading_of(given, metric) for metric in metrics},
        Scale(given["spec_replicas"], given["status_replicas"]),
    )
    history = given["recommendation_history"]
    memory = Memory(
        None if history is None else recommendations(history),
        conditions=ASLEEP if given.get("condition_scaled_to_zero") else {},
    )
    decision = reconcile(spec, seen, memory, NOW, flags_of(given.get("feature_gates", {})))
    assert decision.replicas == expected["desired_replicas"]
    assert decision.rescaled == expected["scale_updated"]
    assert bool(decision.error) == expected.get("reconcile_error", False)
    for condition, reason in expected.get("conditions", {}).items():
        assert decision.conditions.get(condition) == reason


def flags_of(gates):
    return FLAGS._replace(
        scale_to_zero=gates.get("HPAScaleToZero", False),
        configurable_tolerance=gates.get("HPAConfigurableTolerance", True),
    )


RUNNERS = {
    "resource_utilization": resource_utilization,
    "pods_average_value": pods_average_value,
    "object_value": whole("Object", "Value"),
    "external_value": whole("External", "Value"),
    "object_average_value": whole("Object", "AverageValue"),
    "external_average_value": whole("External", "AverageValue"),
    "group_pods": groups,
    "limit_without_behavior": limit_without_behavior,
    "behavior_rate_limit": behavior_rate_limit,
    "scale_up_policy_limit": policy_limit("up"),
    "scale_down_policy_limit": policy_limit("down"),
    "stabilize_without_behavior": stabilize_without_behavior,
    "stabilize_with_behavior": stabilize_with_behavior,
    "store_scale_event": store_scale_event,
    "reconcile": whole_sync,
}


@pytest.mark.parametrize("case", CASES, ids=[f"{c['id']}-{c['kind']}" for c in CASES])
def test_kubernetes_case(case):
    RUNNERS[case["kind"]](case["input"], case["expected"])
