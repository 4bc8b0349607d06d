"""How many different numbers there are, from sixteen kilobytes: HyperLogLog sketches. Lab 02.

A sketch is a text with a character for each bucket; two of one size merge into that of the union.
"""

import math

import numpy as np
import numpy.typing as npt

BUCKET_BITS = 14  # 1.04 / √16384: 0.8 % typically, 1.6 % in nineteen cases of twenty
BITS = range(11, 19)  # from 11 on, the other bits of a hash fit a float64, whose exponent frexp has
HASH_BITS = 64
ZERO = ord("0")
TERMS = range(1, 32)  # further ones are below the precision of a float64


def hashed(numbers: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """64 well-mixed bits for each whole number.

    The finalizer of SplitMix64. Source: G. Steele and others, OOPSLA 2014.
    """
    with np.errstate(over="ignore"):
        h = np.asarray(numbers).astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return h ^ (h >> np.uint64(31))


def sketch(numbers: npt.ArrayLike, bits: int = BUCKET_BITS) -> str:
    """The HyperLogLog sketch of the distinct numbers: a text of 2^bits characters.

    A character for each bucket: "0" plus the longest run of leading zeros, plus one, in the hashes
    that fell there. ValueError for bits not in BITS. Source: P. Flajolet and others, AofA 2007.
    """
    if bits not in BITS:
        raise ValueError(f"a sketch has 2^{BITS[0]} to 2^{BITS[-1]} buckets, not 2^{bits}")
    tail_bits = HASH_BITS - bits
    hashes = hashed(numbers)
    bucket = (hashes >> np.uint64(tail_bits)).astype(np.int64)
    tail = (hashes & np.uint64((1 << tail_bits) - 1)).astype(np.float64)
    rank = tail_bits + 1 - np.frexp(tail)[1]
    registers = np.zeros(1 << bits, np.uint8)
    np.maximum.at(registers, bucket, rank.astype(np.uint8))
    return (registers + ZERO).astype(np.uint8).tobytes().decode()


def merge(*texts: str) -> str:
    """The sketch of all that the sketches have seen; what two of them share counts once.

    ValueError for sketches of different sizes.
    """
    sizes = sorted({len(text) for text in texts})
    if len(sizes) > 1:
        raise ValueError(f"sketches of {sizes[0]} and {sizes[-1]} buckets cannot be merged")
    registers = [np.frombuffer(text.encode(), np.uint8) for text in texts]
    return np.maximum.reduce(registers).tobytes().decode()


def estimate(text: str) -> float:
    """How many distinct numbers a sketch of m buckets has seen: relative error 1.04 / √m.

    Needs no correction for small or large counts. Source: O. Ertl, arXiv:1702.01284, algorithm 6.
    """
    buckets = len(text)
    tail_bits = HASH_BITS + 1 - buckets.bit_length()
    values = np.frombuffer(text.encode(), np.uint8) - ZERO
    counts = np.bincount(values, minlength=tail_bits + 2)
    z = buckets * _tau(1 - counts[tail_bits + 1] / buckets)
    for k in range(tail_bits, 0, -1):
        z = (z + counts[k]) / 2
    z += buckets * _sigma(counts[0] / buckets)
    return float(buckets**2 / (2 * np.log(2) * z))


def _sigma(x: float) -> float:
    """x + Σ x^(2^k) 2^(k-1) over k = 1, 2, …: what the empty buckets add to the estimate."""
    if x == 1:
        return math.inf
    return x + sum(x**2**k * 2 ** (k - 1) for k in TERMS)


def _tau(x: float) -> float:
    """(1 - x - Σ (1 - x^(2^-k))² 2^-k) / 3 over k = 1, 2, …: what the full buckets add to it."""
    if x == 0:
        return 0.0
    return (1 - x - sum((1 - x**2**-k) ** 2 * 2**-k for k in TERMS)) / 3
