"""Kubernetes' quantities ("500m", "1.5", "2Gi", "3e2") as whole milli-units, and back."""

import math
import re
from fractions import Fraction

NUMBER = r"([+-]?)(\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3}|[A-Za-z]{0,2})"
PATTERN = re.compile(NUMBER, re.ASCII)
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
INT64_MAX = 2**63 - 1


def milli(text: object) -> int:
    """The quantity in milli-units, rounded up, within 64 bits, as Kubernetes; else ValueError."""
    value = exact(text) * 1000
    whole = min(math.ceil(abs(value)), INT64_MAX)
    return -whole if value < 0 else whole


def exact(text: object) -> Fraction:
    """The quantity as it is written. Raises ValueError for text that is none.

    Source: the serialization format of k8s.io/apimachinery/pkg/api/resource.Quantity.
    """
    match = PATTERN.fullmatch(str(text))
    if not match:
        raise ValueError(f"{text!r} is no quantity; examples: 10, 500m, 1.5, 2Gi")
    sign, digits, suffix = match.groups()
    value = Fraction(digits.rstrip(".")) * _factor(suffix)
    return -value if sign == "-" else value


def _factor(suffix: str) -> Fraction:
    if suffix in DECIMAL:
        return Fraction(10) ** DECIMAL[suffix]
    if suffix in BINARY:
        return Fraction(2) ** BINARY[suffix]
    if suffix[:1] in "eE" and len(suffix) > 1:
        return Fraction(10) ** int(suffix[1:])
    raise ValueError(f"{suffix!r} is no unit of a quantity; units: m, k, M, G, Ki, Mi, Gi, ...")


def text(value_milli: int) -> str:
    """Milli-units as a manifest would write them: 10000 → "10", 500 → "500m"."""
    return str(value_milli // 1000) if value_milli % 1000 == 0 else f"{value_milli}m"


def written(value: Fraction, binary: bool = False) -> str:
    """A quantity, not negative, as people write it: 1/2 → "500m"; binary: 2**30 → "1Gi".

    What is finer than a thousandth is rounded up, as Kubernetes rounds.
    """
    size = 1
    suffix = ""
    for unit, power in BINARY.items() if binary else ():
        if value >= 2**power and (value / 2**power).denominator == 1:
            size = 2**power
            suffix = unit
    return text(math.ceil(value / size * 1000)) + suffix
