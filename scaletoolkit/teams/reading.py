"""Fields of requests, platforms and prices as exact numbers; what is wrong is noted. Lab 11.

Quantities are read as Kubernetes reads them, money as decimals: neither is ever a binary fraction.
"""

import re
from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction

from scaletoolkit.kubernetes import names, quantity
from scaletoolkit.kubernetes.document import ManifestError, short
from scaletoolkit.kubernetes.fields import Fields, Sentences

RESOURCES = ("cpu", "memory", "gpu")
FINEST = {"cpu": Fraction(1, 1000), "memory": Fraction(1), "gpu": Fraction(1)}
COUNTED = {"cpu": "thousandths of a core", "memory": "whole bytes", "gpu": "whole GPUs"}
MOST = quantity.INT64_MAX // 1000  # what Kubernetes can count in thousandths
MONEY = re.compile(r"\d{1,15}(\.\d{1,12})?", re.ASCII)
MIB = 2**20

Amounts = dict[str, Fraction]  # cores, bytes, GPUs


def opened(value: object, path: str, known: Collection[str], wrong: Sentences) -> Fields | None:
    """The known fields of a mapping, each other one noted; None where it is no mapping."""
    if not isinstance(value, dict):
        where = f"{path}: Invalid value:" if path else "The request is"
        wrong.append(f"{where} {short(value)}: must be a mapping of fields.")
        return None
    for name in value:
        with wrong:
            Fields({str(name): None}, path, known)
    return Fields({name: item for name, item in value.items() if name in known}, path, known)


def inside(fields: Fields, name: str, known: Collection[str], wrong: Sentences) -> Fields | None:
    """The fields of a mapping that lies in another; None, noted, where it is absent or none."""
    with wrong:
        if name not in fields:
            fields.required(name, "must be set")
        return opened(fields.values[name], fields.at(name), known, wrong)
    return None


def amounts(outer: Fields, name: str, wrong: Sentences, needed: Collection[str] = ()) -> Amounts:
    """The quantities of a field that can be read, exact; {} when absent.

    needed: the resources that must be among them.
    """
    if name not in outer and not needed:
        return {}
    fields = inside(outer, name, RESOURCES, wrong)
    result: Amounts = {}
    for resource in RESOURCES if fields else ():
        with wrong:
            if fields and resource in fields:
                result[resource] = _amount(fields, resource)
            elif fields and resource in needed:
                fields.required(resource, "must be set")
    return result


def _amount(fields: Fields, resource: str) -> Fraction:
    value = fields.quantity(resource, quantity.exact) or Fraction(0)
    fields.check(resource, value >= 0, "must not be negative")
    fields.check(resource, value <= MOST, f"must be at most {MOST}")
    whole = (value / FINEST[resource]).denominator == 1
    fields.check(resource, whole, f"is counted in {COUNTED[resource]}")
    if resource == "memory" and 0 < value < MIB:
        fields.invalid(resource, f"is {value} bytes; write a unit, such as {value}Gi")
    return value


def amount_text(resource: str, value: Fraction) -> str:
    """A quantity as people write it: 500m, 2Gi, 4."""
    return quantity.written(value, binary=resource == "memory")


def money(fields: Fields, name: str) -> Fraction:
    """A sum of money or a price, exact; ManifestError for what is none, or negative."""
    if name not in fields:
        fields.required(name, "must be set")
    value = fields.values[name]
    if isinstance(value, float):
        value = format(Decimal(repr(value)), "f")
    if isinstance(value, bool) or not MONEY.fullmatch(str(value)):
        fields.invalid(name, "must be an amount of money such as 2000 or 0.95")
    return Fraction(str(value))


def labels(fields: Fields, name: str, wrong: Sentences) -> tuple[str, ...]:
    """The names in a list of them, each once; () when absent."""
    result: list[str] = []
    with wrong:
        for entry, path in fields.items(name):
            with wrong:
                if not isinstance(entry, str) or not names.label(entry):
                    told = f"{path}: Invalid value: {short(entry)}"
                    raise ManifestError(f"{told}: {names.LABEL_EXPECTED}.")
                if entry in result:
                    raise ManifestError(f'{path}: Duplicate value: "{entry}".')
                result.append(entry)
    return tuple(result)
