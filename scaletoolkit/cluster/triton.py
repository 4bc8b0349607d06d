"""A model server's settings for NVIDIA's Triton, as text, and what gets lost on the way. Lab 07."""

import json

from scaletoolkit.service.settings import Settings
from scaletoolkit.service.signature import Tensor

CONFIG = """\
# {folder}/config.pbtxt, where {folder}/1/model.onnx is the model
name: {name}
backend: "onnxruntime"
max_batch_size: {max_batch_size}
input [
{inputs}
]
output [
{outputs}
]
instance_group [
  {{ count: {replicas}, kind: KIND_AUTO }}
]
dynamic_batching {{
  max_queue_delay_microseconds: {max_queue_delay_microseconds}
  default_queue_policy {{
    max_queue_size: {max_queue_size}
    timeout_action: REJECT
    default_timeout_microseconds: {timeout_microseconds}
  }}
}}
"""
LOSSES = (
    "The timeout counts the time in the queue only: a batch that has begun is finished.",
    "max_queue_size counts requests; here it counts items, and a request may have many.",
    "A full queue is an error without Retry-After.",
    "The count of instances holds for each GPU, where there are any.",
    "Instances are threads of one process: what crashes one ends all, and none can be drained.",
    "When the model raises, its whole batch fails: no batch is halved to find the culprit.",
    "An answer that is not a finite number is an answer like any other.",
)
# What each number may be at most, by its type in model_config.proto.
MOST = {
    "max_batch_size": 2**31 - 1,
    "replicas": 2**31 - 1,
    "max_queue_size": 2**32 - 1,
    "max_queue_delay_microseconds": 2**64 - 1,
}
DROPPED = {
    "cpu_milli": "a container's CPU limit takes its place",
    "accelerator_ms": "the real device takes its time",
    "start_up_s": "the real start takes its time",
}


def config(settings: Settings) -> tuple[str, list[str]]:
    """Settings as Triton's config.pbtxt: (text, losses), the sentences that say what is lost.

    Its first line says where the file and the model go. Raises ValueError for a number that Triton
    does not take; a count of 0 it reads as 1. Triton's ONNX Runtime loads no model whose
    dims are not those of the file, so they come from there. Source: Triton's
    protobuf/model_config.proto, and CompareDimsSupported in its onnxruntime_backend.
    """
    _refuse_numbers(settings)
    model = settings.model
    text = CONFIG.format(
        folder=f"models/{model['name']}",
        name=json.dumps(model["name"]),
        inputs=",\n".join(map(_tensor, model["inputs"])),
        outputs=",\n".join(map(_tensor, model["outputs"])),
        max_batch_size=settings.max_batch_size,
        replicas=settings.replicas,
        max_queue_delay_microseconds=settings.max_queue_delay_microseconds,
        max_queue_size=settings.max_queue_size,
        timeout_microseconds=min(round(settings.timeout_s * 1e6), 2**64 - 1),
    )
    dropped = [
        f"{name} is dropped: {why}." for name, why in DROPPED.items() if getattr(settings, name)
    ]
    return text, [*LOSSES, *dropped]


def _refuse_numbers(settings: Settings) -> None:
    if settings.replicas < 1:
        raise ValueError("replicas must be at least 1 in Triton, which has no model without one")
    for name, most in MOST.items():
        if getattr(settings, name) > most:
            got = getattr(settings, name)
            raise ValueError(f"{name} must be at most {most} in Triton, got {got}")


def _tensor(tensor: Tensor) -> str:
    """One input or output, without the batch. Triton has no empty dims: one number is [ 1 ]."""
    sizes = tensor["shape"][1:]
    dims = ", ".join(map(str, sizes or [1]))
    number = "" if sizes else ", reshape { shape: [ ] }"
    name = json.dumps(tensor["name"])
    return f"  {{ name: {name}, data_type: TYPE_{tensor['datatype']}, dims: [ {dims} ]{number} }}"
