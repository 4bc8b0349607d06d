"""YAML text to plain values (dict, list, str, int, float, bool, None), small and safe. Lab 09.

Nothing is executed, aliases cannot blow up, and a key that stands twice is an error.
"""

import json

import yaml

from scaletoolkit import lab

MOST_BYTES = 65_536
MOST_VALUES = 10_000
MOST_DEPTH = 50
LONGEST_NUMBER = 1000  # letters; Python writes no number of more than 4,300 digits
TAG = "tag:yaml.org,2002:"


class ManifestError(lab.LabError, ValueError):
    """A manifest is wrong; the sentence names the field and what it may be."""

    def __init__(self, sentence: str) -> None:
        # a foreign file's own words may stand in the sentence: keep them to one printable line
        super().__init__("".join(c if c.isprintable() else "?" for c in sentence))


def documents(source: str | bytes, what: str = "manifest") -> list[object]:
    """The documents of a YAML text (str or bytes) as plain values; those that are empty left out.

    what: how the sentences call it. ManifestError for no YAML, more than 64 KiB, or too much once
    its aliases are written out.
    """
    text = _text(source, what)
    if text.lstrip()[:1] in ("{", "["):
        text = text.replace("\t", " ")  # JSON may be indented with tabs, YAML may not
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        plain = [_Reader(what).plain(node, "", ()) for node in nodes if node is not None]
    except RecursionError:
        raise ManifestError(f"The {what} is nested too deeply to be one.") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(f"The {what} is not YAML: {_where(error)}.") from None
    return [value for value in plain if value is not None]


def _text(source: str | bytes, what: str) -> str:
    size = len(source)
    if size > MOST_BYTES:
        raise ManifestError(f"A {what} has at most {MOST_BYTES:,} bytes; this one has {size:,}.")
    if isinstance(source, str):
        return source
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"its byte {error.start} does not fit"
        raise ManifestError(f"The {what} is not UTF-8 text: {problem}.") from None


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    problem = " ".join(str(problem).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


class _Reader:
    """Nodes to plain values, their aliases written out, which is counted."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.values = 0

    def plain(self, node: yaml.Node, path: str, above: tuple[yaml.Node, ...]) -> object:
        """The plain value of a node that lies in others."""
        self._watch(node, above)
        above = (*above, node)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(child, f"{path}[{i}]", above) for i, child in enumerate(node.value)]
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                where = path or f"The {self.what}"
                problem = "a key must be text; render a template {{ }} first"
                raise ManifestError(f"{where}: {problem}.")
            key = key_node.value
            if key in result:
                raise ManifestError(f"{_join(path, key)}: Duplicate key {short(key)}.")
            result[key] = self.plain(value_node, _join(path, key), above)
        return result

    def _watch(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> None:
        self.values += 1
        if self.values > MOST_VALUES:
            most = f"more than {MOST_VALUES:,} values"
            text = f"The {self.what} stands for {most} once its aliases are written out."
            raise ManifestError(text)
        if node in above:
            raise ManifestError(f"The {self.what} holds an alias that contains itself.")
        if len(above) > MOST_DEPTH:
            raise ManifestError(f"The {self.what} is nested more than {MOST_DEPTH} levels deep.")


def _join(path: str, key: str) -> str:
    key = key if len(key) <= 40 else key[:37] + "..."
    return f"{path}.{key}" if path else key


def _scalar(node: yaml.ScalarNode) -> str | int | float | bool | None:
    text: str = node.value
    if node.tag == TAG + "null":
        return None
    if node.tag == TAG + "bool":
        return text.lower() in ("true", "yes", "on")
    try:
        if node.tag == TAG + "int" and len(text) <= LONGEST_NUMBER:
            return _whole(text.replace("_", ""))
        if node.tag == TAG + "float":
            return float(text.replace("_", ""))
    except ValueError:
        return text  # a number of another base or a time of day: no field here takes one
    return text


def _whole(text: str) -> int:
    """A number of YAML 1.1, as Kubernetes reads it: 010 is 8, 0x10 is 16, 0b10 is 2."""
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits.startswith("0") and digits.isdecimal()
    return int(text, 8 if octal else 0)


def short(value: object) -> str:
    """A value as it may stand in a sentence: quoted text, no more than 60 characters."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    try:
        text = f'"{value}"' if isinstance(value, str) else json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        text = "a value that cannot be shown"
    return text if len(text) <= 60 else text[:57] + "..."
