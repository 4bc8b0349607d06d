"""What a model takes and gives, read from its ONNX file: names, types, shapes. Lab 07.

An ONNX file is one protobuf message, and this reads the few of its fields that matter here without
the weights between them: replicas, the gateway and the notebook all want them, at once.
Source of the numbers: github.com/onnx/onnx, onnx/onnx.proto.
"""

import json
import math
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

# {ONNX's number: (the Open Inference Protocol's and Triton's name, numpy's)}
TYPES = {
    1: ("FP32", "float32"),
    2: ("UINT8", "uint8"),
    3: ("INT8", "int8"),
    4: ("UINT16", "uint16"),
    5: ("INT16", "int16"),
    6: ("INT32", "int32"),
    7: ("INT64", "int64"),
    9: ("BOOL", "bool"),
    10: ("FP16", "float16"),
    11: ("FP64", "float64"),
    12: ("UINT32", "uint32"),
    13: ("UINT64", "uint64"),
}
NUMPY = dict(TYPES.values())  # {datatype: numpy's name}
MOST_BYTES = 16 << 20  # of a request; so many numbers can an item have at most
GRAPH = 7  # in a model
INITIALIZER = 5  # in a graph
INPUT = 11
OUTPUT = 12
NAME = 1  # of an input or output
TYPE = 2
TENSOR_NAME = 8  # of an initializer
TENSOR = 1  # in a type: what is no tensor is a sequence, a map …
ELEMENT = 1  # of a tensor's type
SHAPE = 2
SIZE = 1  # of a dimension; what has none may vary

# {where: {field: what stands there}}: the ways from a model to the place of weights elsewhere
INSIDE = {
    "model": {GRAPH: "graph", 25: "function"},
    "graph": {1: "node", INITIALIZER: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}

VARINT = 0  # how a field's value is written
LENGTH = 2
FIXED_BYTES = {1: 8, 5: 4}

Value = int | memoryview


class Tensor(TypedDict):
    """One input or output. shape: with the batch in front; -1 for what may vary."""

    name: str
    datatype: str
    shape: list[int]


class ModelFacts(TypedDict):
    """What a server knows of its model."""

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]


def facts(folder: str | Path) -> ModelFacts:
    """The facts of a model: a folder with model.onnx, or an ONNX file. ValueError: there is none.

    The name is what model.json beside it says, where there is one, else the folder's or file's.
    """
    path = file(folder)
    if not path.is_file():
        raise ValueError(f"there is no model at {folder}: neither a file nor a folder with one")
    try:
        inputs, outputs = _signature(path)
    except ValueError as error:
        raise ValueError(f"{path} is no ONNX model that can be served: {error}") from None
    return {"name": _name(path), "inputs": inputs, "outputs": outputs}


def file(folder: str | Path) -> Path:
    """The model's file: the path itself, or model.onnx in the folder."""
    path = Path(folder)
    return path if path.suffix == ".onnx" else path / "model.onnx"


def external(folder: str | Path) -> list[Path]:
    """The files that hold weights of the model, beside it or below, as its own file names them."""
    path = file(folder)
    places = {Path(os.path.normpath(name)) for name in _places(_mapped(path), "model")}
    inside = [p for p in places if not p.is_absolute() and p.parts[:1] != ("..",)]
    return sorted(path.parent / place for place in inside)


def item_type(tensors: Sequence[Tensor]) -> list[tuple[str, str, tuple[int, ...]]]:
    """What numpy's dtype makes of one item: a record with a field for each tensor."""
    return [(t["name"], NUMPY[t["datatype"]], tuple(t["shape"][1:])) for t in tensors]


def check_batches(model: ModelFacts, max_batch_size: int) -> None:
    """Raise ValueError where the model cannot take batches of up to so many items."""
    numbers = 0
    for tensor in model["inputs"]:
        batch, *rest = tensor["shape"] or [0]
        told = f"input {tensor['name']!r} has the shape {_text(tensor['shape'])}"
        if 0 in rest:
            raise ValueError(f"{told}: an item of it has no numbers")
        if -1 in rest:
            raise ValueError(f"{told}: only the first dimension, the batch, may vary")
        if batch != -1 and (batch, max_batch_size) != (1, 1):
            hint = ", or ask for max_batch_size=1" if batch == 1 else ""
            raise ValueError(f"{told}: export it with a first dimension that may vary{hint}")
        numbers += math.prod(rest)
        if numbers > MOST_BYTES:
            raise ValueError(f"{told}: an item has {numbers:,} numbers; {MOST_BYTES:,} can be sent")


def _text(shape: Sequence[int]) -> str:
    return "×".join("n" if size == -1 else str(size) for size in shape) or "()"


def _name(path: Path) -> str:
    beside = path.with_name("model.json")
    if path.name != "model.onnx" or not beside.is_file():
        return path.parent.resolve().name if path.name == "model.onnx" else path.stem
    try:
        name = json.loads(beside.read_text())["name"]
    except (ValueError, KeyError, TypeError):
        name = None
    if not isinstance(name, str) or not name:
        raise ValueError(f'{beside} must be JSON with a name: {{"name": "my-model"}}; or remove it')
    return name


def _signature(path: Path) -> tuple[list[Tensor], list[Tensor]]:
    """(inputs, outputs) of the graph; weights that older files list as inputs are left out."""
    weights = set()
    tensors: dict[int, list[Tensor]] = {INPUT: [], OUTPUT: []}
    for number, value in _fields(_message(_mapped(path), GRAPH)):
        if number == INITIALIZER:
            weights.add(_text_of(value, TENSOR_NAME))
        if number in tensors:
            tensors[number].append(_tensor(value))
    inputs = [tensor for tensor in tensors[INPUT] if tensor["name"] not in weights]
    if not inputs or not tensors[OUTPUT]:
        raise ValueError("its graph has no inputs or no outputs")
    if len({tensor["name"] for tensor in inputs}) < len(inputs):
        raise ValueError("two of its inputs have the same name")
    return inputs, tensors[OUTPUT]


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as opened:
        return memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))


def _places(message: Value, kind: str) -> Iterator[str]:
    """The names of the files in which tensors lie that stand in a message of this kind."""
    if kind == "entry":
        if _text_of(message, 1) == "location":
            yield _text_of(message, 2)
        return
    for number, value in _fields(message):
        if number in INSIDE[kind]:
            yield from _places(value, INSIDE[kind][number])


def _tensor(value: Value) -> Tensor:
    name = _text_of(value, NAME)
    kinds = dict(_fields(_message(value, TYPE)))
    if TENSOR not in kinds:
        hint = "skl2onnx exports a classifier with options={'zipmap': False}"
        raise ValueError(f"{name!r} is no tensor; {hint}")
    tensor = dict(_fields(kinds[TENSOR]))
    element = tensor.get(ELEMENT)
    if not isinstance(element, int) or element not in TYPES:
        raise ValueError(f"{name!r} holds no numbers that a server can send")
    datatype, _ = TYPES[element]
    if SHAPE not in tensor:  # the file does not say: only the batch is known
        return {"name": name, "datatype": datatype, "shape": [-1]}
    sizes = [dict(_fields(dimension)).get(SIZE, -1) for _, dimension in _fields(tensor[SHAPE])]
    return {"name": name, "datatype": datatype, "shape": [_size(size) for size in sizes]}


def _size(value: Value) -> int:
    """A dimension's size; -1 is written in 64 bits."""
    return value if isinstance(value, int) and value < 1 << 63 else -1


def _message(value: Value, number: int) -> Value:
    """The last field of that number, which must be there."""
    fields = dict(_fields(value))
    if number not in fields:
        raise ValueError("it lacks what every ONNX model has")
    return fields[number]


def _text_of(value: Value, number: int) -> str:
    text = dict(_fields(value)).get(number, b"")
    return bytes(text).decode() if not isinstance(text, int) else ""


def _fields(message: Value) -> Iterator[tuple[int, Value]]:
    """(number, value) of each field of a protobuf message; those of a fixed width are passed over.

    Source: protobuf.dev/programming-guides/encoding.
    """
    if isinstance(message, int):
        raise ValueError("its fields are not where ONNX has them")
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind in FIXED_BYTES:
            at += FIXED_BYTES[kind]
        else:
            value, at = _varint(message, at)
        if kind == LENGTH:
            at += value
            yield key >> 3, message[at - value : at]
        elif kind == VARINT:
            yield key >> 3, value
        if at > len(message) or kind not in (LENGTH, VARINT, *FIXED_BYTES):
            raise ValueError("it ends too early, or is another kind of file")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """(the number that begins there, where it ends)."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at] if at < len(message) else 255
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
    raise ValueError("it holds a number without an end")
