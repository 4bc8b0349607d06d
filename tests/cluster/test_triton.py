"""Triton's configuration of our server: read back with Triton's own protobuf. Lab 07.

`conformance/triton.json` has the descriptors of Triton's messages; where `tritonclient[grpc]` is
installed, a test compares them with its own.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message_factory,
    text_format,
)
from onnx import TensorProto, helper

from scaletoolkit import service
from scaletoolkit.cluster import triton
from scaletoolkit.service import signature

FACTS = json.loads((Path(__file__).parents[1] / "conformance" / "triton.json").read_text())
DESCRIPTORS = json_format.ParseDict(FACTS["file"], descriptor_pb2.FileDescriptorProto())
POOL = descriptor_pool.DescriptorPool()
POOL.Add(DESCRIPTORS)
CONFIG = message_factory.GetMessageClass(POOL.FindMessageTypeByName("inference.ModelConfig"))
TYPES = POOL.FindEnumTypeByName("inference.DataType").values_by_name
ELEMENTS = {TensorProto.FLOAT: "TYPE_FP32", TensorProto.INT64: "TYPE_INT64"}


def write(folder, inputs, outputs):
    """A model with these {name: (element type, shape)}, whatever it computes."""
    tensors = [
        [helper.make_tensor_value_info(name, *facts) for name, facts in side.items()]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph([], "graph", *tensors)
    onnx.save(helper.make_model(graph), folder / "model.onnx")
    return folder


@pytest.fixture
def folder(tmp_path):
    inputs = {
        "pixels": (TensorProto.FLOAT, ["batch", 3, 8, 8]),
        "ids": (TensorProto.INT64, ["batch", 5]),
    }
    outputs = {
        "scores": (TensorProto.FLOAT, ["batch", 10]),
        "boxes": (TensorProto.FLOAT, ["batch", "boxes", 4]),
        "label": (TensorProto.INT64, ["batch"]),
    }
    (tmp_path / "model.json").write_text('{"name": "say \\"m\\""}')
    return write(tmp_path, inputs, outputs)


def parsed(settings):
    """The text as Triton reads it."""
    text, losses = triton.config(settings)
    return text_format.Parse(text, CONFIG()), losses


def as_triton_wants(value):
    """(name, type, dims) that Triton's ONNX Runtime expects of an input or output of the file.

    Dims must be equal where the model's are known, and -1 where they are not; one number is [1].
    """
    tensor = value.type.tensor_type
    sizes = [d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim[1:]]
    return value.name, TYPES[ELEMENTS[tensor.elem_type]].number, sizes or [1]


def same_as_the_file(config, path):
    graph = onnx.load(path).graph
    for told, there in ((config.input, graph.input), (config.output, graph.output)):
        got = [(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in told]
        assert got == list(map(as_triton_wants, there))


def test_the_tensors_are_those_of_the_file(folder, digits_model):
    for model in (folder, digits_model):
        same_as_the_file(parsed(service.Settings(str(model)))[0], model / "model.onnx")


def test_one_number_an_item_is_reshaped(folder):
    config, _ = parsed(service.Settings(str(folder)))
    assert [tensor.HasField("reshape") for tensor in config.output] == [False, False, True]
    assert list(config.output[2].reshape.shape) == []


def test_every_setting_has_its_field(folder):
    settings = service.Settings(
        str(folder),
        replicas=3,
        max_batch_size=8,
        max_queue_delay_microseconds=500,
        max_queue_size=64,
        timeout_s=0.25,
    )
    config, losses = parsed(settings)
    policy = config.dynamic_batching.default_queue_policy
    assert config.name == 'say "m"'
    assert (config.backend, config.max_batch_size) == ("onnxruntime", 8)
    assert [group.count for group in config.instance_group] == [3]
    assert config.dynamic_batching.max_queue_delay_microseconds == 500
    assert (policy.max_queue_size, policy.default_timeout_microseconds) == (64, 250_000)
    assert losses == list(triton.LOSSES)


def test_its_first_line_says_where_it_goes(digits_model):
    text, _ = triton.config(service.Settings(str(digits_model)))
    line, _ = text.split("\n", 1)
    assert line == (
        "# models/digits-32/config.pbtxt, where models/digits-32/1/model.onnx is the model"
    )


def test_what_triton_does_not_know_is_said(folder):
    settings = service.Settings(str(folder), cpu_milli=100, accelerator_ms=(10, 1), start_up_s=2)
    losses = triton.config(settings)[1][len(triton.LOSSES) :]
    assert [sentence.split()[0] for sentence in losses] == list(triton.DROPPED)


def test_tritons_descriptors_are_those_of_its_client():
    reason = "pip install tritonclient[grpc] and the copy is compared with Triton's own"
    theirs = pytest.importorskip("tritonclient.grpc.model_config_pb2", reason=reason)
    for message in DESCRIPTORS.message_type:
        fields = getattr(theirs, message.name).DESCRIPTOR.fields_by_name
        for field in message.field:
            there = fields[field.name]
            assert (there.number, there.type) == (field.number, field.type), field.name


def test_types_are_named_as_triton_names_them():
    for datatype, name in signature.NUMPY.items():
        assert f"TYPE_{datatype}" in TYPES
        assert np.dtype(name).name == name
