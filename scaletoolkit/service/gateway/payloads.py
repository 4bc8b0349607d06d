"""What a request to /v1/predict must look like; a mistake raises BadRequest, a sentence. Lab 07."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import orjson

from scaletoolkit.service import signature
from scaletoolkit.service.gateway.replicas import Item, Row
from scaletoolkit.service.signature import ModelFacts, Tensor

Kind = TypeVar("Kind", str, bool, list[Any], dict[str, Any])
EXPECTED = {str: "text", bool: "true or false", list: "a list", dict: "an object"}
ROWS = 1000  # that numpy takes at once: no other thread runs meanwhile
NUMBER_BYTES = 32  # that a number takes as JSON, with a comma and blanks around it
LEAST_BYTES = 64 << 10
TOO_LARGE = {2: 65_520.0, 4: 2.0**128 - 2.0**103, 8: np.inf}  # {bytes: what rounds to infinity}


class BadRequest(Exception):
    """A request that cannot be answered, whatever the model: a sentence, and the HTTP status."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


class Format:
    """How a model's items are written. item: numpy's type of one. most_bytes: of a body."""

    def __init__(self, model: ModelFacts, most_items: int) -> None:
        self.model = model
        self.most_items = most_items
        self.item = np.dtype(signature.item_type(model["inputs"]))
        counts = [np.prod(shape, dtype=int) for _, _, shape in signature.item_type(model["inputs"])]
        written_bytes = most_items * int(sum(counts)) * NUMBER_BYTES
        self.most_bytes = min(signature.MOST_BYTES, max(LEAST_BYTES, written_bytes))

    def items(self, body: bytes) -> list[Item]:
        """The items of a `/v1/predict` body, a JSON list of them.

        Where a model has several inputs, each item is an object that has them by their names.
        """
        value = parse(body)
        if not isinstance(value, list):
            raise BadRequest(f"the body must be a list of items, got {kind(value)}")
        self.count(len(value))
        if not value:
            return []
        columns = {}
        several = len(self.model["inputs"]) > 1
        plain = not (b'"' in body or b"{" in body or b"t" in body or b"f" in body or b"n" in body)
        for tensor in self.model["inputs"]:
            name = tensor["name"]
            column = _column(value, name) if several else value
            what = f"{name!r} in the body" if several else "the body"
            columns[name] = shaped(numbers(column, tensor, what, plain), tensor, what)
        return self.records(columns, len(value))

    def count(self, items: int) -> None:
        """Refuse more items in one request than the queue may hold."""
        if items > self.most_items:
            at_most = f"at most {self.most_items}"
            raise BadRequest(f"{items} items in one request; {at_most}", 413)

    def records(self, columns: dict[str, np.ndarray], count: int) -> list[Item]:
        """The items of so many values of each input."""
        if len(columns) == 1 and count and self.item.itemsize:
            (array,) = columns.values()
            return list(np.frombuffer(np.ascontiguousarray(array), self.item))
        records = np.empty(count, self.item)
        for name, array in columns.items():
            records[name] = array
        return list(records)

    def results(self, rows: Sequence[Row]) -> bytes:
        """The JSON of rows: a list of the output, or of objects with the outputs by name."""
        names = [output["name"] for output in self.model["outputs"]]
        if len(names) == 1:
            return orjson.dumps([row[0].tolist() for row in rows])
        parts = [[part.tolist() for part in row] for row in rows]
        return orjson.dumps([dict(zip(names, row, strict=True)) for row in parts])


def parse(body: bytes | memoryview) -> Any:
    """The JSON value of a body."""
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None


def numbers(value: list[Any], tensor: Tensor, what: str, plain: bool = False) -> np.ndarray:
    """The value as an array of the tensor's type; a sentence about it calls it `what`.

    plain: nothing but numbers and lists can be in it.
    """
    wanted = np.dtype(signature.NUMPY[tensor["datatype"]])
    logical = wanted.kind == "b"
    try:
        if (logical or not plain) and not _holds_only(value, {bool} if logical else {int, float}):
            thing = EXPECTED[bool] if logical else "a number"
            raise BadRequest(f"{what} holds something that is not {thing}")
        array = _array(value, np.float64 if wanted.kind == "f" else None)
        if wanted.kind in "iu" and array.dtype.kind == "f" and _holds_only(value, {int}):
            array = _array(value, object)  # beside one of 2^63 or more, numpy rounds
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise BadRequest(f"{what} is not a regular list of numbers") from None
    return _narrow(array, wanted, what) if wanted.kind == "f" else _whole(array, wanted, what)


def _holds_only(value: list[Any], kinds: set[type]) -> bool:
    """Whether nothing but these stands in lists of lists; numpy would take texts for numbers."""
    here = set(map(type, value))
    if here == {list}:
        return all(_holds_only(inner, kinds) for inner in value)
    return here <= kinds


def _array(value: list[Any], dtype: type | None) -> np.ndarray:
    if len(value) <= ROWS:
        return np.array(value, dtype)
    return np.concatenate(
        [_array(value[at : at + ROWS], dtype) for at in range(0, len(value), ROWS)]
    )


def _narrow(array: np.ndarray, wanted: np.dtype, what: str) -> np.ndarray:
    """Numbers from JSON, which are finite in 64 bits, as floating numbers of a type."""
    limit = TOO_LARGE[wanted.itemsize]
    if not np.vdot(array, array) < limit * limit and not np.abs(array).max() < limit:
        raise infinite(wanted, what)
    return array.astype(wanted)


def infinite(wanted: np.dtype, what: str) -> BadRequest:
    """Says that there is a number which a type has not."""
    bits = 8 * wanted.itemsize
    return BadRequest(f"{what} holds a number that is not finite in {bits} bits")


def _whole(array: np.ndarray, wanted: np.dtype, what: str) -> np.ndarray:
    if wanted.kind == "b" or not array.size:
        return array.astype(wanted)
    limits = np.iinfo(wanted)
    if array.dtype.kind not in "iuO":
        raise BadRequest(f"{what} must hold whole numbers of {wanted}")
    if array.min() < limits.min or array.max() > limits.max:
        raise BadRequest(f"{what} holds a number beyond {wanted}")
    return array.astype(wanted)


def shaped(array: np.ndarray, tensor: Tensor, what: str) -> np.ndarray:
    """The array itself, which must have the shape of the tensor's batch."""
    expected = tuple(tensor["shape"][1:])
    if array.ndim != 1 + len(expected) or array.shape[1:] != expected:
        wanted = "×".join(map(str, ("n", *expected)))
        got = "×".join(map(str, array.shape))
        raise BadRequest(f"{what} must have the shape {wanted}, got {got}")
    return array


def _column(value: list[Any], name: str) -> list[Any]:
    for item in value:
        if not isinstance(item, dict) or name not in item:
            raise BadRequest(f"each item must be an object with the field {name!r}")
    return [item[name] for item in value]


def field(value: object, name: str, wanted: type[Kind], where: str) -> Kind:
    """A field that an object must have, and its type."""
    if not isinstance(value, dict) or name not in value:
        raise BadRequest(f"{where} must be an object with the field {name!r}")
    inner: object = value[name]
    if not isinstance(inner, wanted):
        raise BadRequest(f"{name} in {where} must be {EXPECTED[wanted]}, got {kind(inner)}")
    return inner


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    return "null" if value is None else EXPECTED.get(type(value), "a number")
