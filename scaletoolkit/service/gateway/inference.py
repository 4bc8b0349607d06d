"""The Open Inference Protocol: tensors in, tensors out, as JSON or as bytes behind it. Lab 07.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md; and of
the bytes: github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md, which
is what `tritonclient` sends unless told otherwise.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from scaletoolkit.service import signature
from scaletoolkit.service.gateway.payloads import (
    BadRequest,
    Format,
    field,
    infinite,
    numbers,
    parse,
    shaped,
)
from scaletoolkit.service.gateway.replicas import Item, Row, all_finite
from scaletoolkit.service.signature import ModelFacts, Tensor

VERSION = "1"
LENGTH = b"inference-header-content-length"
HEADS = 64  # of clients' requests that are remembered
SHORT_BYTES = 2048  # of such a head, at most
MOST_DIGITS = 10  # of a length: Python reads some thousands at most
BINARY = (b"content-type", b"application/octet-stream")


class Asked(NamedTuple):
    """A request. outputs: {name of a wanted output: whether as bytes}, in the order asked for."""

    identity: str | None
    items: list[Item]
    outputs: dict[str, bool]


class Behind(NamedTuple):
    """An input whose numbers are bytes behind the JSON. got_bytes: how many, as the JSON says."""

    dtype: np.dtype
    shape: list[int]
    size_bytes: int
    got_bytes: object
    where: str


class Head(NamedTuple):
    """What the JSON of a request says. columns: {input: array, or where it is}. size: in items."""

    identity: str | None
    columns: dict[str, np.ndarray | Behind]
    size: int
    outputs: dict[str, bool]


def asked(body: bytes, json_bytes: bytes | None, form: Format) -> Asked:
    """What is asked for. json_bytes: how long the JSON in front is, when bytes follow it."""
    if json_bytes is not None and not (
        json_bytes.isdigit() and len(json_bytes) <= MOST_DIGITS and int(json_bytes) <= len(body)
    ):
        raise BadRequest(f"{LENGTH.decode()} must be a number of bytes that the body has")
    size_bytes = len(body) if json_bytes is None else int(json_bytes)
    again = json_bytes is not None and size_bytes <= SHORT_BYTES
    head = (_remembered if again else _head)(body[:size_bytes], form)
    columns = {}
    rest = memoryview(body)[size_bytes:]
    for name, column in head.columns.items():
        if isinstance(column, Behind):
            columns[name], rest = _from_bytes(column, rest)
        else:
            columns[name] = column
    if rest:
        raise BadRequest(f"{len(rest)} bytes stand behind the last input")
    return Asked(head.identity, form.records(columns, head.size), head.outputs)


def _head(text: bytes, form: Format) -> Head:
    """What the JSON says, all of it checked."""
    value = parse(text)
    columns, count = _columns(value, form)
    identity = field(value, "id", str, "the body") if "id" in value else None
    return Head(identity, columns, count, _outputs(value, form))


@functools.lru_cache(HEADS)
def _remembered(text: bytes, form: Format) -> Head:
    """The same, for a client sends the same JSON in front of each request's bytes."""
    return _head(text, form)


def _columns(value: object, form: Format) -> tuple[dict[str, np.ndarray | Behind], int]:
    """({input: array, or where it is}, how many items)."""
    inputs = field(value, "inputs", list, "the body")
    tensors = {tensor["name"]: tensor for tensor in form.model["inputs"]}
    if len(inputs) != len(tensors):
        wanted = " and ".join(map(repr, tensors))
        raise BadRequest(f"inputs must hold the model's {wanted}, got {len(inputs)}")
    columns: dict[str, np.ndarray | Behind] = {}
    counts = set()
    for number, given in enumerate(inputs):
        where = f"inputs[{number}]"
        name = _one_of(field(given, "name", str, where), tensors.keys() - columns, f"{where}.name")
        columns[name], count = _column(given, tensors[name], where, form)
        counts.add(count)
    if len(counts) > 1:
        raise BadRequest(f"the inputs must be for the same number of items, got {sorted(counts)}")
    return columns, counts.pop()


def _one_of(got: str, known: Any, what: str) -> str:
    if got not in known:
        names = " or ".join(sorted(map(repr, known)))
        raise BadRequest(f"{what} must be {names}, got {got[:80]!r}")
    return got


def _column(
    given: object, tensor: Tensor, where: str, form: Format
) -> tuple[np.ndarray | Behind, int]:
    """(the array of one input, or where it is, how many items)."""
    _one_of(field(given, "datatype", str, where), [tensor["datatype"]], f"{where}.datatype")
    shape = field(given, "shape", list, where)
    if not all(type(size) is int and 0 <= size < 2**31 for size in shape):
        raise BadRequest(f"{where}.shape must hold whole numbers of 0 or more")
    expected = tensor["shape"][1:]
    if shape[1:] != expected or not shape:  # before any product: 10,000 sizes can be sent
        wanted = "×".join(map(str, ("n", *expected)))
        got = "×".join(map(str, shape[: len(expected) + 2]))
        raise BadRequest(f"{where}.shape must be {wanted}, got {got}")
    form.count(shape[0])
    size = math.prod(shape)
    parameters = _parameters(given, ("binary_data_size",), where)
    if "binary_data_size" in parameters:
        dtype = np.dtype(signature.NUMPY[tensor["datatype"]])
        got_bytes = parameters["binary_data_size"]
        return Behind(dtype, shape, size * dtype.itemsize, got_bytes, where), shape[0]
    data = numbers(field(given, "data", list, where), tensor, f"{where}.data")
    if data.size != size:
        raise BadRequest(f"{where}.data has {data.size} numbers, its shape asks for {size}")
    if data.ndim > 1 and list(data.shape) != shape:
        nested = "×".join(map(str, data.shape))
        says = "×".join(map(str, shape))
        raise BadRequest(f"{where}.data is nested as {nested}, its shape says {says}")
    return shaped(data.reshape(shape), tensor, where), shape[0]


def _from_bytes(column: Behind, rest: memoryview) -> tuple[np.ndarray, memoryview]:
    """(the array of one input, the bytes that are left)."""
    dtype, shape, size_bytes, got_bytes, where = column
    if type(got_bytes) is not int or got_bytes != size_bytes or len(rest) < size_bytes:
        told = f"{got_bytes} of {len(rest)} bytes"
        raise BadRequest(f"{where} must have {size_bytes} bytes behind the JSON, got {told}"[:200])
    data = np.frombuffer(rest[:size_bytes], np.uint8 if dtype.kind == "b" else dtype)
    if dtype.kind == "f" and not all_finite(data):
        raise infinite(dtype, where)
    return data.astype(dtype, copy=False).reshape(shape), rest[size_bytes:]


def _parameters(value: object, known: Sequence[str], where: str) -> dict[str, Any]:
    """The parameters of an object; one that would change the answer and is not known is refused."""
    if not isinstance(value, dict) or "parameters" not in value:
        return {}
    parameters = field(value, "parameters", dict, where)
    for name in parameters:
        _one_of(name, known, f"a parameter of {where}")
    return parameters


def _outputs(value: dict[str, Any], form: Format) -> dict[str, bool]:
    parameters = _parameters(value, ("binary_data_output",), "the body")
    binary = bool(parameters) and field(parameters, "binary_data_output", bool, "parameters")
    names = [output["name"] for output in form.model["outputs"]]
    if not value.get("outputs"):
        return dict.fromkeys(names, binary)
    wanted = {}
    for number, output in enumerate(field(value, "outputs", list, "the body")):
        where = f"outputs[{number}]"
        name = _one_of(field(output, "name", str, where), names, f"{where}.name")
        parameters = _parameters(output, ("binary_data",), where)
        own = bool(parameters) and field(parameters, "binary_data", bool, where)
        wanted[name] = own if parameters else binary
    return wanted


def answer(
    asked: Asked, rows: Sequence[Row], model: ModelFacts, version: str = VERSION
) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """(body, headers) of the answer."""
    tensors = {tensor["name"]: (k, tensor) for k, tensor in enumerate(model["outputs"])}
    outputs: list[dict[str, object]] = []
    behind = []
    for name, binary in asked.outputs.items():
        k, tensor = tensors[name]
        array = _together([row[k] for row in rows], tensor)
        output: dict[str, object] = {
            "name": name,
            "datatype": tensor["datatype"],
            "shape": list(array.shape),
        }
        if binary:
            behind.append(array.tobytes())
            outputs.append(output | {"parameters": {"binary_data_size": array.nbytes}})
        else:
            outputs.append(output | {"data": array.ravel().tolist()})
    identified = {} if asked.identity is None else {"id": asked.identity}
    named = {"model_name": model["name"], "model_version": version}
    head = orjson.dumps({**named, **identified, "outputs": outputs})
    if not behind:
        return head, []
    return b"".join([head, *behind]), [BINARY, (LENGTH, b"%d" % len(head))]


def _together(parts: list[np.ndarray], tensor: Tensor) -> np.ndarray:
    dtype = signature.NUMPY[tensor["datatype"]]
    if parts:
        return np.array(parts, dtype)
    return np.empty((0, *(max(0, size) for size in tensor["shape"][1:])), dtype)


def metadata(model: ModelFacts, version: str = VERSION) -> dict[str, object]:
    """What the protocol says about a model."""
    about = {"name": model["name"], "versions": [version], "platform": "onnx_onnxv1"}
    return about | {"inputs": model["inputs"], "outputs": model["outputs"]}
