"""What is wrong with a LimitRange that its schema accepts, a sentence each. Lab 11.

Source: ValidateLimitRange in pkg/apis/core/validation of Kubernetes, and
SetDefaults_LimitRangeItem in pkg/apis/core/v1/defaults.go.
"""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from scaletoolkit.kubernetes import names, quantity
from scaletoolkit.kubernetes.document import short

ORDER = ("min", "defaultRequest", "default", "max")  # from the least to the most
RATIO = "maxLimitRequestRatio"


def quantities(path: str, values: Mapping[str, Any]) -> Iterator[str]:
    """What is no quantity, or is below zero."""
    for name, value in values.items():
        amount = exact(value)
        if amount is None:
            yield f"{path}.{name}: {short(value)} is no quantity such as 12, 500m or 1Gi."
        elif amount < 0:
            yield f"{path}.{name}: {short(value)} must not be negative."


def exact(value: object) -> Fraction | None:
    """The quantity; None for what is none."""
    try:
        return quantity.exact(value)
    except ValueError:
        return None


def places(path: str, values: Iterable[object], field: str = "") -> dict[str, object]:
    """{path of each value: value}, for values that stand in a list."""
    return {f"{path}[{index}]{field}": value for index, value in enumerate(values)}


def twice(places: Mapping[str, object]) -> Iterator[str]:
    """Values that stand at a place before theirs, too."""
    values = list(places.values())
    for index, (path, value) in enumerate(places.items()):
        if value in values[:index]:
            yield f"{path}: {short(value)} is there already."


def _above(
    path: str, low: str, lows: Mapping[str, Any], high: str, highs: Mapping[str, Any]
) -> Iterator[str]:
    for name in filter(highs.__contains__, lows):
        least = exact(lows[name])
        most = exact(highs[name])
        if least is not None and most is not None and least > most:
            yield f"{path}.{low}.{name}: {lows[name]} is above {path}.{high}.{name}, {highs[name]}."


def _ratios(path: str, ratios: Mapping[str, Any]) -> Iterator[str]:
    yield from quantities(f"{path}.{RATIO}", ratios)
    for name, value in ratios.items():
        ratio = exact(value)
        if ratio is not None and 0 <= ratio < 1:
            told = f"{value} is below 1, and no limit is below its request"
            yield f"{path}.{RATIO}.{name}: {told}."


def _unequal(path: str, requests: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[str]:
    """Default requests that must be the default limit and are not."""
    for name in filter(limits.__contains__, requests):
        amounts = [exact(requests[name]), exact(limits[name])]
        differ = None not in amounts and amounts[0] != amounts[1]
        if differ and not names.can_overcommit(name):
            told = (
                f"{path}.defaultRequest.{name}: {requests[name]} must equal {path}.default.{name}"
            )
            yield f"{told}, {limits[name]}: it cannot be overcommitted."


def limit_range(spec: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the spec of a LimitRange."""
    limits = spec.get("limits") or []
    yield from twice(places("spec.limits", [limit.get("type") for limit in limits], ".type"))
    for index, limit in enumerate(limits):
        yield from _limit(f"spec.limits[{index}]", limit)


def _limit(path: str, limit: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the rule for one type."""
    there = {name: limit.get(name) or {} for name in ORDER}
    for name in ("default", "defaultRequest") if limit.get("type") == "Pod" else ():
        if there[name]:
            yield f"{path}.{name}: a pod has no defaults; only its containers have."
    for name, values in there.items():
        yield from quantities(f"{path}.{name}", values)
    for low, high in ((a, b) for i, a in enumerate(ORDER) for b in ORDER[i + 1 :]):
        yield from _above(path, low, there[low], high, there[high])
    yield from _unequal(path, there["defaultRequest"], there["default"])
    yield from _ratios(path, limit.get(RATIO) or {})
    for name in there["max"] if limit.get("type") == "Container" else ():
        if name not in names.STANDARD and name not in there["default"]:
            told = f"{path}.default.{name}: without it each container gets {path}.max.{name}"
            yield f"{told}, {there['max'][name]}; write 0."
