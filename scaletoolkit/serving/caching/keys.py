"""One key for one question, however it is written. Lab 08."""

import hashlib

import numpy as np
from numpy.typing import ArrayLike


def key(item: ArrayLike, model_version: str = "") -> bytes:
    """16 bytes that are the same for items which a float32 model cannot tell apart.

    model_version: whatever changes when the answers do. Raises ValueError for what is not a number:
    it is not even equal to itself.
    """
    array = np.asarray(item, np.float32) + np.float32(0)  # -0.0 becomes 0.0, which is equal to it
    if np.isnan(array).any():
        raise ValueError("a key needs numbers; this item holds NaN, which is equal to nothing")
    digest = hashlib.blake2b(repr((model_version, array.shape)).encode(), digest_size=16)
    digest.update(array.tobytes())
    return digest.digest()
