"""What an engine's own server would refuse: sentences with the field's path. Lab 12.

    checks.problems(text)  # [] or sentences

kinds      one document, or several: each by the checks of its kind
custom     KEDA's ScaledObject, KubeRay's RayService, prometheus-adapter's rules
selectors  labels, and selectors by labels
workloads  Deployment, Service, PodDisruptionBudget
"""

from scaletoolkit.cluster.checks.kinds import problems

__all__ = ["problems"]
