"""A model server for KubeRay: a RayService, and the Ray Serve application that it runs. Lab 12.

Source of the fields: github.com/ray-project/kuberay, ray-operator/apis/ray/v1, rayservice_types.go
and raycluster_types.go; of serveConfigV2: docs.ray.io, serve/production-guide/config.
"""

from typing import Any

import yaml

from scaletoolkit.cluster.manifests import workload
from scaletoolkit.cluster.ray import autoscaling_config
from scaletoolkit.service.settings import Settings
from scaletoolkit.service.signature import NUMPY
from scaletoolkit.serving.autoscaling import Spec

Document = dict[str, Any]  # YAML, as nested as it comes
RAY_VERSION = "2.60.0"
HEAD = {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"memory": "4Gi"}}
APPLICATION = '''\
"""The model behind Ray Serve: a JSON list of items in, a list of results out."""

import asyncio

import numpy as np
import onnxruntime
from ray import serve

TYPES = {types}


@serve.deployment
class Model:
    def __init__(self):
        self.session = onnxruntime.InferenceSession({path!r})

    @serve.batch(max_batch_size={max_batch_size}, batch_wait_timeout_s={wait_s})
    async def predict(self, items):
        inputs = {{
            name: np.array([item[name] for item in items], kind) for name, kind in TYPES.items()
        }}
        outputs = self.session.run(None, inputs)
        return [[output[k].tolist() for output in outputs] for k in range(len(items))]

    async def __call__(self, request):
        items = await request.json()
        if len(TYPES) == 1:
            items = [{{next(iter(TYPES)): item}} for item in items]
        rows = await asyncio.gather(*map(self.predict, items))
        return [row[0] if len(row) == 1 else row for row in rows]


application = Model.bind()
'''
LOSSES = (
    "The Open Inference Protocol is gone: the application answers a list of items alone.",
    "max_queue_size becomes max_queued_requests, which counts requests, in each proxy.",
    "An item's failure is its whole batch's.",
    "Ray's head is one pod: without its fault tolerance (Redis) the service ends with it.",
    "KubeRay adds pods when replicas find no CPU: first Ray Serve scales, then the cluster.",
)


def application(settings: Settings) -> str:
    """The Python file that Ray Serve imports."""
    return APPLICATION.format(
        types={tensor["name"]: NUMPY[tensor["datatype"]] for tensor in settings.model["inputs"]},
        path=workload.model_path(settings),
        max_batch_size=settings.max_batch_size,
        wait_s=settings.max_queue_delay_microseconds / 1e6,
    )


def service(settings: Settings, spec: Spec, image: str) -> tuple[Document, list[str]]:
    """(the RayService, losses). Raises ValueError where no metric counts requests."""
    config, lost = autoscaling_config(spec)
    deployment = {
        "name": "Model",
        "autoscaling_config": config,
        "max_ongoing_requests": 2 * settings.max_batch_size,
        "max_queued_requests": settings.max_queue_size,
        "max_replicas_per_node": 1,
        "ray_actor_options": {"num_cpus": (settings.cpu_milli or 1000) / 1000},
    }
    applications = [
        {
            "name": spec.target.split(" ", 1)[1],
            "import_path": "application:application",
            "route_prefix": "/v1/predict",
            "deployments": [deployment],
        }
    ]
    body = {
        "serveConfigV2": yaml.safe_dump({"applications": applications}, sort_keys=False),
        "rayClusterConfig": _cluster(settings, spec, image),
    }
    document = {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": spec.target.split(" ", 1)[1]},
        "spec": body,
    }
    return document, [*lost, *LOSSES]


def _cluster(settings: Settings, spec: Spec, image: str) -> Document:
    """A head that runs no replica, and workers, each of whole cores, for one each."""
    asked = workload.resources(settings)
    return {
        "rayVersion": RAY_VERSION,
        "enableInTreeAutoscaling": True,
        "headGroupSpec": {
            "rayStartParams": {"num-cpus": "0"},
            "template": _pod("ray-head", image, HEAD),
        },
        "workerGroupSpecs": [
            {
                "groupName": "replicas",
                "replicas": spec.min_replicas,
                "minReplicas": spec.min_replicas,
                "maxReplicas": spec.max_replicas,
                "rayStartParams": {},
                "template": _pod("ray-worker", image, _whole_cores(asked)),
            }
        ],
    }


def _whole_cores(asked: Document) -> Document:
    """Ray rounds a container's CPU limit up to whole cores; so it gets one that is whole."""
    memory = asked["limits"]["memory"]
    cpu = asked["requests"]["cpu"]
    cores = -(-int(cpu.removesuffix("m")) // 1000) if cpu.endswith("m") else int(cpu)
    size = {"cpu": str(cores), "memory": f"{2048 + int(memory.removesuffix('Mi'))}Mi"}
    return {"requests": size, "limits": size}


def _pod(name: str, image: str, asked: Document) -> Document:
    return {"spec": {"containers": [{"name": name, "image": image, "resources": asked}]}}
