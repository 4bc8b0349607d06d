"""Reading a manifest field by field: each reader returns a value or raises one sentence. Lab 09."""

import math
from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import NoReturn, TypeVar

from scaletoolkit.kubernetes import names
from scaletoolkit.kubernetes.document import ManifestError, short

INT32 = 2**31
Number = TypeVar("Number")
CORE_KIND = "ReplicationController"  # what can be scaled and belongs to no group


class Sentences(list[str]):
    """All that is wrong: inside `with sentences:` a ManifestError is noted, not raised."""

    def __enter__(self) -> "Sentences":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, ManifestError):
            self.append(str(error))
        return isinstance(error, ManifestError)


class Fields:
    """The fields of one mapping of a manifest and the path to it; null counts as absent.

    Every reader raises ManifestError with the path, the value and what was expected.
    """

    def __init__(self, value: object, path: str, known: Collection[str]) -> None:
        if not isinstance(value, dict):
            problem = f"Invalid value: {short(value)}: must be a mapping of fields."
            raise ManifestError(f"{path}: {problem}")
        self.path = path
        self.values = {name: item for name, item in value.items() if item is not None}
        for name in value:
            if name not in known:
                raise ManifestError(self._unknown(name, known))

    def _unknown(self, name: str, known: Collection[str]) -> str:
        close = get_close_matches(name[:60], known, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"known fields: {', '.join(known)}."
        return f'unknown field "{self.at(name[:60])}": {hint}'

    def at(self, name: str) -> str:
        """The path of a field of this mapping."""
        return f"{self.path}.{name}" if self.path else name

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def check(self, name: str, holds: bool, expected: str) -> None:
        """Raise ManifestError for a field whose value is not as expected."""
        if not holds:
            self.invalid(name, expected)

    def invalid(self, name: str, expected: str) -> NoReturn:
        """Raise ManifestError for a field whose value is not allowed."""
        value = short(self.values.get(name))
        raise ManifestError(f"{self.at(name)}: Invalid value: {value}: {expected}.")

    def required(self, name: str, what: str) -> NoReturn:
        """Raise ManifestError for a field that is not there."""
        raise ManifestError(f"{self.at(name)}: Required value: {what}.")

    def forbidden(self, name: str, why: str) -> NoReturn:
        """Raise ManifestError for a field that must not be there."""
        raise ManifestError(f"{self.at(name)}: Forbidden: {why}.")

    def text(self, name: str, missing: str = "") -> str:
        """A text; "" when absent and no sentence is given for that case."""
        value = self.values.get(name, "")
        if not isinstance(value, str):
            self.invalid(name, "must be text")
        if not value and missing:
            self.required(name, missing)
        return value

    def segment(self, name: str, missing: str) -> str:
        """A text that can stand in a URL: not ".", not "..", no "/" and no "%"."""
        value = self.text(name, missing)
        self.check(name, names.segment(value), names.SEGMENT_EXPECTED)
        return value

    def choice(
        self, name: str, allowed: Collection[str], default: str = "", missing: str = "must be set"
    ) -> str:
        """One of the allowed texts; the default, where there is one, when absent."""
        if name not in self and default:
            return default
        value = self.text(name, missing)
        if value not in allowed:
            supported = ", ".join(f'"{text}"' for text in sorted(allowed))
            problem = f"Unsupported value: {short(value)}: supported values: {supported}"
            raise ManifestError(f"{self.at(name)}: {problem}.")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number of 32 bits; the default, where there is one, when absent."""
        value = self.values.get(name, default)
        if value is None:
            self.required(name, "must be set")
        if isinstance(value, float) and math.isfinite(value) and value == int(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.invalid(name, "must be a whole number")
        within = -INT32 <= value < INT32
        self.check(name, within, f"must be a whole number from {-INT32} to {INT32 - 1}")
        return value

    def quantity(self, name: str, convert: Callable[[object], Number]) -> Number | None:
        """A Kubernetes quantity such as 10, "500m" or "1Gi", converted; None when absent."""
        value = self.values.get(name)
        if value is None:
            return None
        try:
            return convert(value)
        except ValueError:
            self.invalid(name, "must be a quantity such as 10, 500m or 1Gi")

    def mapping(self, name: str, known: Collection[str], missing: str = "must be set") -> "Fields":
        """The Fields of a mapping that must be there."""
        if name not in self:
            self.required(name, missing)
        return Fields(self.values[name], self.at(name), known)

    def items(self, name: str) -> list[tuple[object, str]]:
        """The entries of a list, each with its path; [] when absent."""
        value = self.values.get(name, [])
        if not isinstance(value, list):
            self.invalid(name, "must be a list")
        return [(entry, f"{self.at(name)}[{index}]") for index, entry in enumerate(value)]

    def texts(self, name: str) -> dict[str, str]:
        """A mapping of text to text, as labels are; {} when absent."""
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            self.invalid(name, "must be a mapping of text to text")
        for key, text in value.items():
            if not isinstance(text, str):
                path = f"{self.at(name)}.{key[:60]}"
                problem = f"Invalid value: {short(text)}: must be text; write it in quotes."
                raise ManifestError(f"{path}: {problem}")
        return value

    def reference(self, name: str, in_group: bool = False) -> tuple[str, str]:
        """A reference to another object: (kind, name). in_group: its apiVersion names a group."""
        fields = self.mapping(name, ("apiVersion", "kind", "name"), "must name an object")
        kind = fields.segment("kind", "must be set")
        called = fields.segment("name", "must be set")
        group = names.group_of(fields.text("apiVersion"))
        fields.check("apiVersion", group is not None, "must be a group and a version")
        named = bool(group) or not in_group or kind == CORE_KIND
        fields.check("apiVersion", named, "must specify API group, as in apps/v1")
        return kind, called

    def named(self, name: str, fits: Callable[[str], bool], expected: str) -> str:
        """A text that is a name of Kubernetes' (see `names`); "" when absent."""
        value = self.text(name)
        self.check(name, not value or fits(value), expected)
        return value
