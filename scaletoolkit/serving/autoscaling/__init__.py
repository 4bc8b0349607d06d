"""How many replicas, and when: Kubernetes' HorizontalPodAutoscaler as a pure function. Lab 09.

    spec = autoscaling.parse(Path("model-server-hpa.yaml").read_text())
    decision = autoscaling.reconcile(spec, pods, metrics, history, events, now)

spec           what a manifest says, as plain frozen values; the controller's flags
quantity       Kubernetes' numbers with units ("500m", "1Gi") in milli-units
document       YAML text to plain values, small and safe
fields         one field of a manifest: its value, or the sentence that says what is wrong
metric_fields  the entries of spec.metrics
manifest       plain values to a Spec; every mistake is one sentence with the field's path
pods           pods, and which of them count for a metric
calculator     one metric and the pods: how many replicas it asks for
limits         min, max, rate policies, stabilization windows
decision       reconcile: one look at the metrics, one decision
controller     reconcile in a loop, on any clock
workload       replicas that serve requests as a fluid
simulator      a day of traffic through the same reconcile, on a virtual clock
"""

from scaletoolkit.serving.autoscaling.calculator import MetricStatus
from scaletoolkit.serving.autoscaling.controller import Controller, live, time_scale
from scaletoolkit.serving.autoscaling.decision import Decision, Scale, reconcile
from scaletoolkit.serving.autoscaling.limits import Events, Recommendation, ScaleEvent
from scaletoolkit.serving.autoscaling.manifest.reader import ManifestError, parse
from scaletoolkit.serving.autoscaling.manifest.spec import (
    FLAGS,
    Behavior,
    Flags,
    Metric,
    Policy,
    Rules,
    Spec,
)
from scaletoolkit.serving.autoscaling.pods import Pod, PodGroups, Sample
from scaletoolkit.serving.autoscaling.simulator import Replay, simulate
from scaletoolkit.serving.autoscaling.workload import Replica, Workload, containers

__all__ = [
    "FLAGS",
    "Behavior",
    "Controller",
    "Decision",
    "Events",
    "Flags",
    "ManifestError",
    "Metric",
    "MetricStatus",
    "Pod",
    "PodGroups",
    "Policy",
    "Recommendation",
    "Replay",
    "Replica",
    "Rules",
    "Sample",
    "Scale",
    "ScaleEvent",
    "Spec",
    "Workload",
    "containers",
    "live",
    "parse",
    "reconcile",
    "simulate",
    "time_scale",
]
