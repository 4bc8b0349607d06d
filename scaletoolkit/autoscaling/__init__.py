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
replay         a learner's own manifest and traffic: the command `hpa`
command        `python -m scaletoolkit hpa`
exports        the same wishes for KEDA and for Ray Serve, and what does not translate
"""

from scaletoolkit.autoscaling.calculator import MetricStatus
from scaletoolkit.autoscaling.command import hpa_command
from scaletoolkit.autoscaling.controller import Controller, live, time_scale
from scaletoolkit.autoscaling.decision import Decision, Scale, reconcile
from scaletoolkit.autoscaling.exports import keda_scaled_object, ray_autoscaling_config
from scaletoolkit.autoscaling.limits import Events, Recommendation, ScaleEvent
from scaletoolkit.autoscaling.manifest import ManifestError, parse
from scaletoolkit.autoscaling.pods import Pod, PodGroups, Sample
from scaletoolkit.autoscaling.replay import read_traffic, run_hpa
from scaletoolkit.autoscaling.simulator import Replay, simulate
from scaletoolkit.autoscaling.spec import FLAGS, Behavior, Flags, Metric, Policy, Rules, Spec
from scaletoolkit.autoscaling.workload import Replica, Workload, containers

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
    "hpa_command",
    "keda_scaled_object",
    "live",
    "parse",
    "ray_autoscaling_config",
    "read_traffic",
    "reconcile",
    "run_hpa",
    "simulate",
    "time_scale",
]
