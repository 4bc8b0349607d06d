"""The five engines: for each, the files that it takes, and what does not translate. Lab 12.

Every function returns ({file: text}, losses) and raises ValueError where the engine has no way to
say it. A file's path may hold folders.
"""

import shlex
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import yaml

from scaletoolkit.cluster import keda as scaled
from scaletoolkit.cluster import triton as inference_server
from scaletoolkit.cluster.manifests import adapter, autoscaler, batch, kuberay, workload
from scaletoolkit.service import signature
from scaletoolkit.service.settings import Settings
from scaletoolkit.serving.autoscaling import Spec

Export: TypeAlias = tuple[dict[str, str], list[str]]
IMAGE = "registry.example/model-server:1"
DOCKERFILE = """\
# In a checkout of scaletoolkit:  docker build -t scaletoolkit-model-server .
# In this folder:                 cp {file} model.onnx
#                                 docker build -t {image} .
FROM scaletoolkit-model-server
COPY model.onnx {path}
CMD ["{path}"]
"""
RAY_DOCKERFILE = """\
# In this folder:  cp {file} model.onnx
#                  docker build -t {image} .
FROM rayproject/ray:{version}
RUN pip install --no-cache-dir onnxruntime
COPY model.onnx {path}
COPY application.py /home/ray/application.py
ENV PYTHONPATH=/home/ray
"""


def kubernetes(settings: Settings, spec: Spec, image: str = IMAGE) -> Export:
    """Deployment, Service, HorizontalPodAutoscaler, PodDisruptionBudget, adapter's rules."""
    rules, lost = adapter.values(spec, scaled.PROMETHEUS)
    documents = workload.documents(settings, spec, image) | {
        "horizontal-pod-autoscaler.yaml": autoscaler.document(spec),
    }
    if len(rules["rules"]) > 1:  # beside `default`
        documents["prometheus-adapter-values.yaml"] = rules
    files = {"Dockerfile": _dockerfile(settings, image)} | _texts(documents)
    return files, [*workload.losses(settings, spec), *lost]


def keda(settings: Settings, spec: Spec, image: str = IMAGE) -> Export:
    """Deployment, Service, PodDisruptionBudget and a ScaledObject."""
    scaled_object, lost = scaled.scaled_object(spec)
    documents = workload.documents(settings, spec, image) | {"scaled-object.yaml": scaled_object}
    files = {"Dockerfile": _dockerfile(settings, image)} | _texts(documents)
    return files, [*workload.losses(settings, spec), *lost]


def triton(settings: Settings, spec: Spec, image: str = IMAGE) -> Export:
    """A model repository without its model: config.pbtxt says where that goes."""
    workload.model_path(settings)  # the name must be one of a folder
    text, lost = inference_server.config(settings)
    apart = "Triton does not scale itself: `--to kubernetes` writes the autoscaler."
    name = settings.model["name"]
    return {f"models/{name}/config.pbtxt": text}, [*lost, apart]


def ray(settings: Settings, spec: Spec, image: str = IMAGE) -> Export:
    """KubeRay's RayService, the application that it runs, and an image for both."""
    document, lost = kuberay.service(settings, spec, image)
    facts = _facts(settings, image) | {"version": kuberay.RAY_VERSION}
    files = {
        "Dockerfile": RAY_DOCKERFILE.format(**facts),
        "application.py": kuberay.application(settings),
    }
    dropped = workload.dropped(settings)
    if settings.cache_items:
        dropped.append("cache_items is dropped: Ray Serve keeps no answers.")
    return files | _texts({"ray-service.yaml": document}), [*lost, *dropped]


def slurm(settings: Settings, spec: Spec, image: str = IMAGE) -> Export:
    """A script for sbatch."""
    text, lost = batch.script(settings, spec)
    return {"serve.sbatch": text}, lost


TARGETS: Mapping[str, Callable[..., Export]] = {
    "kubernetes": kubernetes,
    "keda": keda,
    "triton": triton,
    "ray": ray,
    "slurm": slurm,
}


def _texts(documents: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: yaml.dump(document, Dumper=_Plain, sort_keys=False)
        for name, document in documents.items()
    }


class _Plain(yaml.SafeDumper):
    """Writes each value out, without anchors, and text of several lines as such."""

    def ignore_aliases(self, data: object) -> bool:
        """No value is written as a reference to another."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_Plain.add_representer(str, _text)


def _dockerfile(settings: Settings, image: str) -> str:
    return DOCKERFILE.format(**_facts(settings, image))


def _facts(settings: Settings, image: str) -> dict[str, str]:
    path = workload.model_path(settings)
    file = shlex.quote(str(signature.file(settings.folder)))
    return {"file": file, "image": image, "path": path}
