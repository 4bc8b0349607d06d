"""The autoscaler for KEDA and Ray Serve: its wishes, and what gets lost on the way. Lab 09."""

from dataclasses import replace

import pytest

from scaletoolkit.cluster import keda, ray
from scaletoolkit.kubernetes import quantity
from scaletoolkit.serving.autoscaling import Metric, Spec
from scaletoolkit.serving.autoscaling.manifest.spec import DEFAULT_DOWN, Behavior, Rules

CPU = Metric("Resource/cpu", "Resource", "cpu", "Utilization", 70)
QUEUE = Metric("Pods/queue", "Pods", "queue", "AverageValue", 10_000)
SPEC = Spec("model-server-hpa", "Deployment model-server", 2, 20, (CPU, QUEUE))
CALM = Spec("calm", "Deployment calm", 1, 2, (QUEUE,), Behavior(Rules(60, "Max", ()), DEFAULT_DOWN))


def test_keda_gets_a_trigger_for_each_metric_and_says_what_gets_lost():
    manifest, losses = keda.scaled_object(SPEC)
    assert manifest["spec"]["triggers"][0]["metadata"] == {"value": "70"}
    assert manifest["spec"]["triggers"][1]["metadata"]["threshold"] == "10"
    assert any("missing" in loss for loss in losses)


@pytest.mark.parametrize("target", ["0.5", "12345678.9", "1234567890.123", "5000000000"])
def test_keda_gets_every_digit_of_a_target(target):
    trigger, _ = trigger_of(replace(QUEUE, target=quantity.milli(target)))
    assert trigger["metadata"]["threshold"] == target


def test_behavior_carries_over_to_keda():
    manifest, _ = keda.scaled_object(CALM)
    written = manifest["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert written["scaleUp"]["stabilizationWindowSeconds"] == 60
    assert "stabilizationWindowSeconds" not in written["scaleDown"]


def test_ray_scales_on_the_queue_alone_and_says_so():
    config, losses = ray.autoscaling_config(SPEC)
    size = {"min_replicas": 2, "max_replicas": 20, "target_ongoing_requests": 10.0}
    assert config == size | {"upscale_delay_s": 0, "downscale_delay_s": 300}
    assert any("Resource/cpu is dropped" in loss for loss in losses)
    config, _ = ray.autoscaling_config(CALM)
    assert (config["upscale_delay_s"], config["downscale_delay_s"]) == (60, 300)


@pytest.mark.parametrize(
    "name",
    [
        "DCGM_FI_DEV_GPU_UTIL",
        "avg_processing_time_seconds",
        "queue_latency",
        "inference_queue_wait_seconds",
        "requests_per_second",
        "queue_bytes",
    ],
)
def test_ray_refuses_what_is_no_count_of_requests(name):
    metric = Metric(f"Pods/{name}", "Pods", name, "AverageValue", 70_000)
    with pytest.raises(ValueError, match=f"counts requests .*{name}"):
        ray.autoscaling_config(Spec("fixed", "Deployment fixed", 1, 1, (CPU, metric)))


@pytest.mark.parametrize(
    "name", ["inference_queue_length", "vllm:num_requests_running", "in_flight", "ongoing_requests"]
)
def test_ray_takes_the_metric_that_counts_requests(name):
    other = Metric("Pods/gpu", "Pods", "DCGM_FI_DEV_GPU_UTIL", "AverageValue", 70_000)
    metric = Metric(f"Pods/{name}", "Pods", name, "AverageValue", 5_000)
    config, losses = ray.autoscaling_config(Spec("x", "Deployment x", 1, 1, (other, metric)))
    assert config["target_ongoing_requests"] == 5
    assert any(loss.startswith("Pods/gpu is dropped") for loss in losses)


def trigger_of(metric):
    """(trigger, losses) of a spec with that metric alone."""
    spec = Spec("one", "Deployment one", 1, 2, (metric,))
    manifest, losses = keda.scaled_object(spec)
    return manifest["spec"]["triggers"][0], losses[1:]


@pytest.mark.parametrize(
    ("key", "query"),
    [
        ("External/sqs", "sum(sqs)"),
        ("External/sqs{queue=fast}", 'sum(sqs{queue="fast"})'),
        (
            "External/sqs{queue=fast,app.kubernetes.io/name=a.b,zone In (a,b.c)}",
            'sum(sqs{queue="fast",app_kubernetes_io_name="a.b",zone=~"a|b[.]c"})',
        ),
        ("Pods/sqs{zone NotIn (a,b)}", 'sum(sqs{zone!~"a|b"})'),
        ("Object/Service/web/sqs{tier Exists (),old DoesNotExist ()}", 'sqs{tier!="",old=""}'),
    ],
)
def test_keda_keeps_the_selector(key, query):
    metric = Metric(key, key.split("/")[0], "sqs", "AverageValue", 10_000)
    trigger, losses = trigger_of(metric)
    assert trigger["metadata"]["query"] == query
    assert len(losses) == 1
    assert losses[0].startswith(f"{key} becomes a query")


def test_keda_has_the_target_as_it_is_and_asks_for_what_it_cannot_know():
    assert keda.scaled_object(CALM)[0]["spec"]["scaleTargetRef"]["apiVersion"] == "apps/v1"
    spec = Spec("one", "Rollout one", 0, 2, (QUEUE,))
    manifest, losses = keda.scaled_object(spec)
    assert "apiVersion" not in manifest["spec"]["scaleTargetRef"]
    assert any("apiVersion of a Rollout" in loss for loss in losses)
    assert any("pollingInterval" in loss for loss in losses)  # only from and to zero
    assert not any("pollingInterval" in loss for loss in keda.scaled_object(CALM)[1])


@pytest.mark.parametrize(
    "metric",
    [
        Metric("Object/Service/web/x", "Object", "x", "Unusable", 1),
        Metric("Resource/ephemeral-storage", "Resource", "ephemeral-storage", "Utilization", 1),
    ],
)
def test_what_keda_has_no_trigger_for_is_refused(metric):
    with pytest.raises(ValueError, match=metric.key):
        trigger_of(metric)
