"""An autoscaler's wishes for Ray Serve, as a plain dict, and what gets lost on the way. Lab 09."""

from scaletoolkit.serving.autoscaling import Spec

LOSSES = (
    "target_ongoing_requests counts requests that wait and requests that run, not only the queue.",
    "Ray Serve has no tolerance: any difference from the target is a wish.",
    "Rate policies become a delay: 30 s before growing, 600 s before shrinking, unless set.",
)


def autoscaling_config(spec: Spec) -> tuple[dict[str, float], list[str]]:
    """The spec as Ray Serve's autoscaling_config: (settings, losses).

    The first per-pod metric with an average target becomes target_ongoing_requests. Raises
    ValueError when there is none: Ray Serve scales on requests alone.
    """
    per_pod = [metric for metric in spec.metrics if metric.type == "Pods"]
    if not per_pod:
        raise ValueError(f"{spec.name} has no Pods metric; Ray Serve scales on requests alone")
    queue = per_pod[0]
    others = [metric for metric in spec.metrics if metric is not queue]
    dropped = [f"{metric.key} is dropped: Ray Serve scales on requests alone." for metric in others]
    config = {
        "min_replicas": spec.min_replicas,
        "max_replicas": spec.max_replicas,
        "target_ongoing_requests": queue.target / 1000,
    }
    if spec.behavior is not None:
        windows = zip(("upscale_delay_s", "downscale_delay_s"), spec.behavior, strict=True)
        windows_s = {name: rules.stabilization_window_s for name, rules in windows}
        config |= {name: window_s for name, window_s in windows_s.items() if window_s is not None}
    return config, [*LOSSES, *dropped]
