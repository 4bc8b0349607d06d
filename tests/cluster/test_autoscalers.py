"""The autoscaler for KEDA and Ray Serve: its wishes, and what gets lost on the way. Lab 09."""

import pytest

from scaletoolkit.cluster import keda, ray
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


def test_behavior_carries_over_to_keda():
    manifest, _ = keda.scaled_object(CALM)
    written = manifest["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert written["scaleUp"]["stabilizationWindowSeconds"] == 60
    assert "stabilizationWindowSeconds" not in written["scaleDown"]


def test_ray_scales_on_the_queue_alone_and_says_so():
    config, losses = ray.autoscaling_config(SPEC)
    assert config == {"min_replicas": 2, "max_replicas": 20, "target_ongoing_requests": 10.0}
    assert any("Resource/cpu is dropped" in loss for loss in losses)
    config, _ = ray.autoscaling_config(CALM)
    assert (config["upscale_delay_s"], "downscale_delay_s" in config) == (60, False)


def test_ray_needs_a_metric_of_the_pods():
    with pytest.raises(ValueError, match="has no Pods metric"):
        ray.autoscaling_config(Spec("fixed", "Deployment fixed", 1, 1, (CPU,)))
