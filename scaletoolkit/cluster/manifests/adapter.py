"""Rules with which prometheus-adapter shows an autoscaler its metrics. Lab 12.

As values of its Helm chart. Source: github.com/kubernetes-sigs/prometheus-adapter, docs/config.md.
"""

from typing import Any

from scaletoolkit.serving.autoscaling import Metric, Spec

Document = dict[str, Any]  # YAML, as nested as it comes
COUNTED = ("inference_queue_length", "inference_in_flight")  # /metrics has their integrals, too
WINDOW = "1m"  # two scrapes, or no rate
LABELS = "<<.LabelMatchers>>"
GROUP = "by (<<.GroupBy>>)"
GAUGE = f"sum(<<.Series>>{{{LABELS}}}) {GROUP}"


def values(spec: Spec, prometheus: str) -> tuple[Document, list[str]]:
    """(the chart's values, losses): a rule for each metric that is no resource."""
    rules: dict[str, list[Document]] = {"custom": [], "external": []}
    losses = []
    for metric in spec.metrics:
        if metric.type in ("Resource", "ContainerResource"):
            continue
        rules["external" if metric.type == "External" else "custom"].append(_rule(metric))
        losses += _losses(metric)
    written = {kind: entries for kind, entries in rules.items() if entries}
    return {"prometheus": {"url": prometheus}, "rules": {"default": False, **written}}, losses


def _rule(metric: Metric) -> Document:
    """A counter's rate is the exact mean of its gauge; what has none is read as it is."""
    resource = _resource(metric)
    counted = metric.type == "Pods" and metric.name in COUNTED
    series = f"{metric.name}_seconds_total" if counted else metric.name
    wanted = ",".join(f'{label}!=""' for label in ("namespace", resource) if label)
    overrides = {label: {"resource": label} for label in ("namespace", resource) if label}
    query = f"sum(rate(<<.Series>>{{{LABELS}}}[{WINDOW}])) {GROUP}" if counted else GAUGE
    return {
        "seriesQuery": f"{series}{{{wanted}}}",
        "resources": {"overrides": overrides},
        "name": {"matches": f"^{series}$", "as": metric.name},
        "metricsQuery": query,
    }


def _resource(metric: Metric) -> str:
    """The kind of object that the metric is about, as Prometheus labels it; "" for External."""
    if metric.type == "Object":
        return metric.key.split("/")[1].lower()
    return "pod" if metric.type == "Pods" else ""


def _losses(metric: Metric) -> list[str]:
    if metric.name not in COUNTED:
        return [f"{metric.key} is none of this server's metrics: something else must export it."]
    if metric.type != "Pods":
        asked = "Each pod exports it as its own"
        return [f"{metric.key}: {asked}; what stands in front of all must export it instead."]
    return [f"{metric.key} is the mean over {WINDOW}, not over a sync period of 15 s."]
