"""What the workload that a manifest scales asks for, where it stands in the same file. Lab 09."""

from typing import NamedTuple

from scaletoolkit.kubernetes import quantity
from scaletoolkit.kubernetes.document import documents
from scaletoolkit.serving.autoscaling.manifest.reader import unpacked
from scaletoolkit.serving.autoscaling.manifest.spec import Spec


class Cpu(NamedTuple):
    """Thousandths of a core of a pod: what it asks for, and the most that it gets."""

    request_milli: int
    limit_milli: int


def cpu(source: str | bytes, spec: Spec) -> Cpu | None:
    """The Cpu of the pods of the spec's workload; None where the file does not say both."""
    for document in unpacked(documents(source)):
        kind = _at(document, "kind")
        if spec.target == f"{kind} {_at(document, 'metadata', 'name')}":
            containers = _at(document, "spec", "template", "spec", "containers")
            return _summed(containers) if isinstance(containers, list) else None
    return None


def _summed(containers: list[object]) -> Cpu | None:
    sums = []
    for kind in ("requests", "limits"):
        texts = [_at(container, "resources", kind, "cpu") for container in containers]
        try:
            sums.append(sum(quantity.milli(text) for text in texts))
        except ValueError:  # a container does not say it
            return None
    return Cpu(*sums) if min(sums) > 0 else None


def _at(value: object, *path: str) -> object:
    """What lies in nested mappings at this path; None where nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
