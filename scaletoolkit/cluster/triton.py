"""A model server's settings for NVIDIA's Triton, as text, and what gets lost on the way. Lab 07."""

import json

from scaletoolkit.service.settings import Settings

CONFIG = """\
name: {name}
backend: "onnxruntime"
max_batch_size: {max_batch_size}
input [
  {{ name: {input}, data_type: TYPE_FP32, dims: [ {dims} ] }}
]
output [
  {{ name: {output}, data_type: TYPE_FP32, dims: [ -1 ] }}
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
    "A full queue is an error without Retry-After.",
    "When the model raises, its whole batch fails: no batch is halved to find the culprit.",
    "An answer that is not a finite number is an answer like any other.",
)
DROPPED = {
    "cpu_milli": "a container's CPU limit takes its place",
    "accelerator_ms": "the real device takes its time",
    "start_up_s": "the real start takes its time",
}


def config(settings: Settings) -> tuple[str, list[str]]:
    """Settings as Triton's config.pbtxt: (text, losses), the sentences that say what is lost.

    It belongs beside a folder `1` with model.onnx. Source: Triton's protobuf/model_config.proto.
    """
    model = settings.model
    text = CONFIG.format(
        name=json.dumps(model["name"]),
        input=json.dumps(model["input"]),
        output=json.dumps(model["output"]),
        dims=", ".join(map(str, model["shape"])),
        max_batch_size=settings.max_batch_size,
        replicas=settings.replicas,
        max_queue_delay_microseconds=settings.max_queue_delay_microseconds,
        max_queue_size=settings.max_queue_size,
        timeout_microseconds=round(settings.timeout_s * 1e6),
    )
    dropped = [
        f"{name} is dropped: {why}." for name, why in DROPPED.items() if getattr(settings, name)
    ]
    return text, [*LOSSES, *dropped]
