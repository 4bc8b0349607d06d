"""Ids and times as 64-bit integers: all of them exactly, or a sentence. Lab 10."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]
MOST = 2**63 - 1


def integers(name: str, values: ArrayLike) -> Integers:
    """The values as int64, none of them changed: a rounded id would be somebody else's.

    ValueError for fractions, texts and what goes beyond 64 bits.
    """
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers, got {array.dtype}")
    if array.size and array.dtype.kind == "u" and array.max() > MOST:
        raise ValueError(f"{name} must not be above 2**63 - 1, got {array.max()}")
    return array.astype(np.int64, copy=False)


def moments(name: str, values: ArrayLike) -> Integers:
    """Times as int64, in their own unit: integers, or dates of numpy, none of them missing."""
    array = np.asarray(values)
    if array.dtype.kind != "M":
        return integers(name, array)
    if np.isnat(array).any():
        raise ValueError(f"{name} must all be there, got NaT")
    return array.view(np.int64)


def same_clock(
    name: str, values: ArrayLike, other_name: str, others: ArrayLike
) -> tuple[Integers, Integers]:
    """Two lists of times in one unit, the finer one, so that they may be compared.

    ValueError where only one of them has dates, or a date is beyond what the finer unit reaches. An
    empty list is on any clock.
    """
    first = np.asarray(values)
    second = np.asarray(others)
    if not first.size or not second.size:
        return moments(name, first), moments(other_name, second)
    kinds = {first.dtype.kind, second.dtype.kind}
    if "M" in kinds and len(kinds) > 1:
        raise ValueError(
            f"{name} are {first.dtype} and {other_name} {second.dtype}: they are not one clock"
        )
    if kinds != {"M"} or first.dtype == second.dtype:
        return moments(name, first), moments(other_name, second)
    finer = np.promote_types(first.dtype, second.dtype)
    return _finer(name, first, finer), _finer(other_name, second, finer)


def _finer(name: str, dates: NDArray[np.datetime64], unit: np.dtype[np.datetime64]) -> Integers:
    moments(name, dates)
    with np.errstate(over="ignore"):
        result = dates.astype(unit)
    if (result.astype(dates.dtype) != dates).any():
        raise ValueError(f"{name} reach beyond what {unit} can hold")
    return result.view(np.int64)
