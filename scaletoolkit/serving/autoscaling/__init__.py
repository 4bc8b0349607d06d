"""How many replicas, and when: Kubernetes' HorizontalPodAutoscaler as a pure function. Lab 09.

    spec = autoscaling.parse(Path("model-server-hpa.yaml").read_text())
    seen = autoscaling.Seen(pods, metrics)
    decision = autoscaling.reconcile(spec, seen, memory, now_s)
    memory = decision.memory

manifest    what a Kubernetes manifest says, as plain frozen values
pods        what a sync sees: pods, readings, size; which pods count for a metric
calculator  one metric and the pods: how many replicas it asks for
limits      min, max, rate policies, stabilization windows
decision    reconcile: one look at the metrics, one decision
controller  reconcile in a loop, on any clock
capacity    what one replica can do, and how its CPU follows its load
signals     which signal feeds each metric
workload    replicas that serve requests as a fluid, from one queue or one of each pod
simulator   a day of traffic through the same reconcile, on a virtual clock
replay      what it came to: sizes, waits, who was late and for how long
"""

from scaletoolkit.kubernetes.document import ManifestError
from scaletoolkit.serving.autoscaling.capacity import Capacity
from scaletoolkit.serving.autoscaling.controller import Controller, live, time_scale
from scaletoolkit.serving.autoscaling.decision import Decision, Memory, reconcile
from scaletoolkit.serving.autoscaling.manifest.reader import parse
from scaletoolkit.serving.autoscaling.manifest.spec import FLAGS, Flags, Metric, Spec
from scaletoolkit.serving.autoscaling.pods import Pod, Sample, Seen
from scaletoolkit.serving.autoscaling.replay import Replay
from scaletoolkit.serving.autoscaling.simulator import simulate

__all__ = [
    "FLAGS",
    "Capacity",
    "Controller",
    "Decision",
    "Flags",
    "ManifestError",
    "Memory",
    "Metric",
    "Pod",
    "Replay",
    "Sample",
    "Seen",
    "Spec",
    "live",
    "parse",
    "reconcile",
    "simulate",
    "time_scale",
]
