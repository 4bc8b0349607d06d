"""A model server's settings and its autoscaler for the engines of industry, as files. Lab 12.

    files, losses = manifests.kubernetes(settings, spec, image="registry.example/model-server:1")

targets     the five engines: for each, {file: text} and what does not translate
autoscaler  a Spec as the HorizontalPodAutoscaler that says it
workload    Deployment, Service and PodDisruptionBudget of Kubernetes
adapter     prometheus-adapter's rules for the autoscaler's metrics
kuberay     KubeRay's RayService, and the application that it runs
batch       a job of Slurm's
"""

from scaletoolkit.cluster.manifests.targets import (
    TARGETS,
    keda,
    kubernetes,
    ray,
    slurm,
    triton,
)

__all__ = ["TARGETS", "keda", "kubernetes", "ray", "slurm", "triton"]
