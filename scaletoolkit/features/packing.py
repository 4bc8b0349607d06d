"""Features in one byte each, with a scale a feature: a quarter of float32's bytes. Lab 10."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
LEVELS = 254  # codes 0 to 254 are values
MISSING = 255  # and this one says that there is none


def scales(rows: ArrayLike) -> tuple[Floats, Floats]:
    """The scale of each feature, from rows that stand for all: (lowest value, step), float32.

    The lowest value becomes code 0, the highest 254; a value that is missing (NaN) counts for
    nothing. A feature that is always the same has step 0. ValueError for infinity, or a feature
    without any value.
    """
    values = np.atleast_2d(np.asarray(rows, np.float32))
    if np.isinf(values).any():
        raise ValueError(f"feature {np.isinf(values).any(axis=0).argmax()} is infinite somewhere")
    if not len(values) or np.isnan(values).all(axis=0).any():
        raise ValueError("a scale needs at least one value of each feature")
    low = np.nanmin(values, axis=0)
    high = np.nanmax(values, axis=0)
    step = ((high.astype(float) - low) / LEVELS).astype(np.float32)
    beyond = low + LEVELS * step.astype(float) > np.finfo(np.float32).max  # it was rounded up
    return low, np.where(beyond, np.nextafter(step, np.float32(0)), step)


def pack(rows: ArrayLike, low: ArrayLike, step: ArrayLike) -> NDArray[np.uint8]:
    """The nearest code of each value; values beyond a scale get its end, NaN gets 255."""
    values = np.asarray(rows, np.float32)
    divisor = np.where(np.asarray(step) > 0, step, 1).astype(float)
    levels = np.clip(np.rint((values - np.asarray(low, float)) / divisor), 0, LEVELS)
    return np.where(np.isnan(values), MISSING, levels).astype(np.uint8)


def unpack(codes: ArrayLike, low: ArrayLike, step: ArrayLike) -> Floats:
    """The values of codes: off by half a step at most, where the scale covers them."""
    levels = np.asarray(codes)
    values = np.asarray(low, float) + levels * np.asarray(step, float)  # float32 may not reach
    return np.where(levels == MISSING, np.nan, values).astype(np.float32)
