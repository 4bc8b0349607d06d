"""What a request must look like, and an answer; a mistake raises BadRequest, a sentence. Lab 07."""

import math
from typing import Any, TypeVar

import numpy as np
import orjson

from scaletoolkit.service.settings import ModelFacts

Kind = TypeVar("Kind", str, list[Any])
NUMBERS = "iuf"  # kinds of arrays: signed, unsigned, floating
TOO_LARGE = 2.0**128 - 2.0**103  # from here on a number rounds to infinity in 32 bits


class BadRequest(Exception):
    """A request that cannot be answered, whatever the model: a sentence, and the HTTP status."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def parse(body: bytes) -> Any:
    """The JSON value of a body."""
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None


def numbers(value: object, what: str) -> np.ndarray:
    """The value as a float32 array; a sentence about it calls it `what`."""
    try:
        array = np.array(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise BadRequest(f"{what} is not a regular list of numbers") from None
    if array.size and array.dtype.kind not in NUMBERS:
        raise BadRequest(f"{what} holds something that is not a number")
    if array.size and not np.abs(array).max() < TOO_LARGE:  # not >=: NaN is neither
        raise BadRequest(f"{what} holds a number that is not finite in 32 bits")
    return array.astype(np.float32)


def items(body: bytes, model: ModelFacts) -> list[np.ndarray]:
    """The items of a `/v1/predict` body, a JSON list of them: float32 arrays."""
    value = parse(body)
    if not isinstance(value, list):
        raise BadRequest(f"the body must be a list of items, got {_kind(value)}")
    if not value:
        return []
    return list(_shaped(numbers(value, "the body"), model, "the body"))


def tensor(body: bytes, model: ModelFacts) -> tuple[str | None, list[np.ndarray]]:
    """(id or None, items) of an Open Inference Protocol request, with JSON data."""
    value = parse(body)
    inputs = _field(value, "inputs", list, "the body")
    if len(inputs) != 1:
        raise BadRequest(f"inputs must hold the model's one input, got {len(inputs)}")
    for name, expected in [("name", model["input"]), ("datatype", "FP32")]:
        got = _field(inputs[0], name, str, "inputs[0]")
        if got != expected:
            raise BadRequest(f"inputs[0].{name} must be {expected!r}, got {got[:80]!r}")
    shape = _field(inputs[0], "shape", list, "inputs[0]")
    data = numbers(_field(inputs[0], "data", list, "inputs[0]"), "inputs[0].data")
    identity = _field(value, "id", str, "the body") if "id" in value else None
    return identity, list(_shaped(_reshaped(data, shape), model, "inputs[0]"))


def _field(value: object, name: str, kind: type[Kind], where: str) -> Kind:
    if not isinstance(value, dict) or name not in value:
        raise BadRequest(f"{where} must be an object with the field {name!r}")
    field: object = value[name]
    if not isinstance(field, kind):
        expected = "text" if kind is str else "a list"
        raise BadRequest(f"{name} in {where} must be {expected}, got {_kind(field)}")
    return field


def _reshaped(data: np.ndarray, shape: list[Any]) -> np.ndarray:
    if not all(type(size) is int and 0 <= size < 2**31 for size in shape):
        raise BadRequest("inputs[0].shape must hold whole numbers of 0 or more")
    asked = math.prod(shape)
    if asked != data.size:
        raise BadRequest(f"inputs[0].data has {data.size} numbers, its shape asks for {asked}")
    return data.reshape(shape)


def _shaped(array: np.ndarray, model: ModelFacts, what: str) -> np.ndarray:
    expected = tuple(model["shape"])
    if array.ndim != 1 + len(expected) or array.shape[1:] != expected:
        wanted = "×".join(map(str, ("n", *expected)))
        got = "×".join(map(str, array.shape))
        raise BadRequest(f"{what} must have the shape {wanted}, got {got}")
    return array


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return names.get(type(value), "null" if value is None else "a number")


def answer(identity: str | None, rows: list[np.ndarray], model: ModelFacts) -> dict[str, object]:
    """The Open Inference Protocol's answer."""
    array = np.array(rows)
    output = {
        "name": model["output"],
        "datatype": "FP32",
        "shape": list(array.shape),
        "data": array.ravel().tolist(),
    }
    identified = {} if identity is None else {"id": identity}
    return {"model_name": model["name"], "model_version": "1", **identified, "outputs": [output]}


def metadata(model: ModelFacts) -> dict[str, object]:
    """What the Open Inference Protocol says about a model."""
    return {
        "name": model["name"],
        "versions": ["1"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": model["input"], "datatype": "FP32", "shape": [-1, *model["shape"]]}],
        "outputs": [{"name": model["output"], "datatype": "FP32", "shape": [-1, -1]}],
    }
