"""An autoscaler's wishes for Ray Serve, as a plain dict, and what gets lost on the way. Lab 09.

Source: docs.ray.io, serve/advanced-guides/advanced-autoscaling and AutoscalingConfig.
"""

import re

from scaletoolkit.serving.autoscaling import Metric, Spec
from scaletoolkit.serving.autoscaling.manifest.spec import DEFAULT_DOWN, DEFAULT_UP, FLAGS

COUNTS = re.compile("queue|waiting|pending|backlog|in_?flight|ongoing|concurren|requests_running")
NO_COUNT = re.compile("latency|time|duration|second|_[mun]?s$|percent|util|ratio|rate|bytes|age$")
OTHERS = "unless a policy of your own reads it (AutoscalingConfig.policy)"
LOSSES = (
    "target_ongoing_requests counts requests that wait and requests that run, not only the queue.",
    "Ray Serve has no tolerance: any difference from the target is a wish.",
    "The windows become delays: a wish is followed when it has lasted for so long.",
    "Rate policies are dropped; the nearest to them are upscaling_factor and downscaling_factor.",
    "Ray Serve averages over 30 s (look_back_period_s), not over a sync period.",
)


def autoscaling_config(spec: Spec) -> tuple[dict[str, float], list[str]]:
    """The spec as Ray Serve's autoscaling_config: (settings, losses).

    The first per-pod metric whose name says that it counts requests becomes
    target_ongoing_requests. Raises ValueError when there is none.
    """
    counts = [metric for metric in spec.metrics if _counts_requests(metric)]
    if not counts:
        keys = ", ".join(metric.key for metric in spec.metrics)
        told = f"{spec.name} has no Pods metric that counts requests ({keys})"
        raise ValueError(f"{told}; Ray Serve scales on these")
    others = [metric for metric in spec.metrics if metric is not counts[0]]
    up, down = spec.behavior or (DEFAULT_UP, DEFAULT_DOWN)
    up_s = up.stabilization_window_s
    down_s = down.stabilization_window_s
    config = {
        "min_replicas": spec.min_replicas,
        "max_replicas": spec.max_replicas,
        "target_ongoing_requests": counts[0].target / 1000,
        "upscale_delay_s": up_s or 0,
        "downscale_delay_s": FLAGS.downscale_stabilization_s if down_s is None else down_s,
    }
    return config, [*LOSSES, *(f"{metric.key} is dropped, {OTHERS}." for metric in others)]


def _counts_requests(metric: Metric) -> bool:
    name = metric.name.lower()
    return bool(metric.type == "Pods" and COUNTS.search(name) and not NO_COUNT.search(name))
