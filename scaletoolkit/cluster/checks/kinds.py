"""One document, or several: each by the checks of its kind. Lab 12."""

from collections import deque
from collections.abc import Callable

from scaletoolkit.cluster.checks import custom, workloads
from scaletoolkit.kubernetes.document import ManifestError, documents, short
from scaletoolkit.serving.autoscaling import parse

Check = Callable[[object], object]  # raises ManifestError for the first thing that is wrong
CHECKS: dict[str, tuple[Check, ...]] = {
    "Deployment": workloads.DEPLOYMENT,
    "Service": workloads.SERVICE,
    "PodDisruptionBudget": workloads.BUDGET,
    "ScaledObject": custom.SCALED_OBJECT,
    "RayService": custom.RAY_SERVICE,
}


def problems(document: object) -> list[str]:
    """The sentences that say what is wrong; [] where nothing is known to be.

    document: YAML text, which may hold several, or one as plain values. The server has the last
    word: `kubectl apply --dry-run=server -f FILE`.
    """
    try:
        _check_keys(document)
        several = documents(document) if isinstance(document, str | bytes) else [document]
    except ManifestError as error:
        return [str(error)]
    if not several:
        return ["The manifest is empty."]
    return [sentence for one in several for sentence in _problems(one)]


def _check_keys(document: object) -> None:
    """ManifestError for the first key that is no text; in YAML text, each is one."""
    left = deque([("", document)])
    seen: set[int] = set()
    while left:
        path, value = left.popleft()
        if id(value) in seen:
            continue  # it stands in several places, or in itself
        seen.add(id(value))
        if isinstance(value, list):
            left.extend((f"{path}[{index}]", inner) for index, inner in enumerate(value))
        for key, inner in value.items() if isinstance(value, dict) else ():
            if not isinstance(key, str):
                told = f"Invalid key {short(key)}: a key must be text"
                raise ManifestError(f"{path or 'The manifest'}: {told}.")
            left.append((f"{path}.{key}" if path else key, inner))


def _problems(document: object) -> list[str]:
    if not isinstance(document, dict):
        return [f"The manifest is {short(document)}; expected a mapping of fields."]
    kind = document.get("kind")
    if kind is None and "rules" in document:
        checks: tuple[Check, ...] = custom.ADAPTER
    elif kind == "HorizontalPodAutoscaler":
        checks = (_autoscaler,)
    elif isinstance(kind, str) and kind in CHECKS:
        checks = CHECKS[kind]
    else:
        known = ", ".join(sorted([*CHECKS, "HorizontalPodAutoscaler"]))
        return [f"kind: Unsupported value: {short(kind)}: what is checked here: {known}."]
    return list(dict.fromkeys(sentence for check in checks for sentence in _said(check, document)))


def _said(check: Check, document: object) -> list[str]:
    try:
        check(document)
    except ManifestError as error:
        return [str(error)]
    return []


def _autoscaler(document: object) -> None:
    import yaml

    try:
        text = yaml.safe_dump(document)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ManifestError("The manifest cannot be written as YAML.") from None
    parse(text)
