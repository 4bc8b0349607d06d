"""An autoscaler's wishes for Ray Serve, as a plain dict, and what gets lost on the way. Lab 09."""

LOSSES = (
    "target_ongoing_requests counts requests that wait and requests that run, not only the queue.",
    "Ray Serve has no tolerance: any difference from the target is a wish.",
    "Rate policies become a delay: 30 s before growing, 600 s before shrinking, unless set.",
)


def autoscaling_config(spec):
    """The spec as Ray Serve's autoscaling_config: (dict, losses).

    The first per-pod metric with an average target becomes target_ongoing_requests. Raises
    ValueError when there is none: Ray Serve scales on requests alone.
    """
    queue = [m for m in spec.metrics if m.type == "Pods"]
    if not queue:
        raise ValueError(f"{spec.name} has no Pods metric; Ray Serve scales on requests alone")
    losses = list(LOSSES)
    losses += [f"{m.key} is dropped: Ray Serve scales on requests alone." for m in spec.metrics
               if m is not queue[0]]  # fmt: skip
    config = {
        "min_replicas": spec.min_replicas,
        "max_replicas": spec.max_replicas,
        "target_ongoing_requests": queue[0].target / 1000,
    }
    windows = [rules.stabilization_window_s for rules in spec.behavior or ()]
    names = ("upscale_delay_s", "downscale_delay_s")
    config |= {n: w for n, w in zip(names, windows, strict=False) if w is not None}
    return config, losses
