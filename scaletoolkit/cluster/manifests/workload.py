"""A model server for Kubernetes: Deployment, Service and PodDisruptionBudget. Lab 12.

A pod holds one replica with a queue of its own; Kubernetes does what `Server.resize` did. Source of
the fields: kubernetes.io/docs/reference, apps/v1, v1 and policy/v1.
"""

import re
from typing import Any

from scaletoolkit.cluster.triton import DROPPED
from scaletoolkit.service import signature
from scaletoolkit.service.settings import Settings
from scaletoolkit.serving.autoscaling import Spec
from scaletoolkit.serving.autoscaling.signals import containers

Document = dict[str, Any]  # YAML, as nested as it comes
PORT = 8000
DRAIN_S = 5  # between the end of new requests to a pod and the end of its server
MIB = 1 << 20
BASE_MIB = 512  # assumed: two Pythons, numpy and ONNX Runtime
MODEL_COPIES = 3  # assumed: the file, the weights and their optimised form
MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
TOLD = (
    "max_batch_size",
    "max_queue_delay_microseconds",
    "max_queue_size",
    "timeout_s",
    "cache_items",
    "cache_ttl_s",
)
UNTOLD = ("batch_timeout_s", "period_s", "warm")
LOSSES = (
    "Each pod has a queue of its own: max_queue_size holds for each, and a pod that starts takes "
    "nothing over from the others.",
    "A Service spreads connections, not requests: a client that keeps one alive asks one pod.",
    "A pod's CPU is its gateway's and its replica's: what a replica can serve, measure again.",
    f"Memory is assumed, {BASE_MIB} MiB and {MODEL_COPIES} times the model's file: measure it.",
)


def documents(settings: Settings, spec: Spec, image: str) -> dict[str, Document]:
    """{file: manifest} of the workload that the spec scales; ValueError where it cannot be one."""
    kind, name = spec.target.split(" ", 1)
    if kind != "Deployment":
        raise ValueError(f"{spec.name} scales a {kind}; what is written here is a Deployment")
    labels = {"app.kubernetes.io/name": name}
    return {
        "deployment.yaml": _deployment(settings, spec, image, name, labels),
        "service.yaml": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "selector": labels,
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        },
        "pod-disruption-budget.yaml": {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "labels": labels},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}},
        },
    }


def losses(settings: Settings, spec: Spec) -> list[str]:
    """What does not translate, as sentences."""
    told = dropped(settings)
    told.append(f"replicas is dropped: the autoscaler begins with {spec.min_replicas}.")
    if settings.cache_items:
        told.append("Each pod keeps answers of its own: the more pods, the fewer hits.")
    if settings.cpu_milli is None:
        told.append("cpu_milli is not set: a pod asks for one core, and may use more.")
    return [*LOSSES, *told]


def dropped(settings: Settings) -> list[str]:
    """The settings that only our own server knows, or only when it is started from Python."""
    why = {name: reason for name, reason in DROPPED.items() if name != "cpu_milli"}
    why |= dict.fromkeys(UNTOLD, "`serve` has no option for it")
    changed = [name for name in why if getattr(settings, name) != getattr(Settings, name)]
    return [f"{name} is dropped: {why[name]}." for name in changed]


def model_path(settings: Settings) -> str:
    """Where the model lies in the image; ValueError for a name that is no name of a folder."""
    name = settings.model["name"]
    if not MODEL_NAME.fullmatch(name):
        raise ValueError(f"the model's name {name!r} must be letters, digits, '-', '_' and '.'")
    return f"/models/{name}/model.onnx"


def _deployment(
    settings: Settings, spec: Spec, image: str, name: str, labels: dict[str, str]
) -> Document:
    scraped = {"scrape": "true", "port": str(PORT), "path": "/metrics"}
    annotations = {f"prometheus.io/{key}": value for key, value in scraped.items()}
    pod: Document = {
        "containers": [container(settings, spec, image)],
        "terminationGracePeriodSeconds": 30 + DRAIN_S,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod},
        },
    }


def container(settings: Settings, spec: Spec, image: str) -> Document:
    """The pod's container: the server with one replica, its probes and what it asks for."""
    names = containers(spec)
    if len(names) > 1:
        raise ValueError(f"{spec.name} measures the containers {', '.join(names)}; a pod has one")
    return {
        "name": names[0],
        "image": image,
        "args": arguments(settings),
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": resources(settings),
        "startupProbe": {**_probe("/readyz"), "periodSeconds": 1, "failureThreshold": 300},
        "readinessProbe": {**_probe("/readyz"), "periodSeconds": 5},
        "livenessProbe": {**_probe("/healthz"), "periodSeconds": 10},
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_S}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def arguments(settings: Settings) -> list[str]:
    """What `serve` is told: the model, and each setting that is not the default."""
    told = [model_path(settings), "--host", "0.0.0.0", "--port", str(PORT), "--replicas", "1"]
    for name in TOLD:
        value = getattr(settings, name)
        if value != getattr(Settings, name):
            told += [f"--{name.replace('_', '-')}", str(value)]
    return told


def resources(settings: Settings) -> Document:
    """Requests and limits: CPU as set, memory as assumed."""
    size_mib = signature.file(settings.folder).stat().st_size / MIB
    memory = f"{BASE_MIB + round(MODEL_COPIES * size_mib)}Mi"
    cpu = "1" if settings.cpu_milli is None else f"{settings.cpu_milli}m"
    limit = {} if settings.cpu_milli is None else {"cpu": cpu}
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {**limit, "memory": memory}}


def _probe(path: str) -> Document:
    return {"httpGet": {"path": path, "port": "http"}}
