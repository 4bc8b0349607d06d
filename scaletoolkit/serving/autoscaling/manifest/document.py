"""YAML text to plain values (dict, list, str, int, float, bool, None), small and safe. Lab 09.

A manifest comes from anywhere, so nothing in it is executed, aliases cannot blow up, and a key that
stands twice is an error instead of a quiet choice.
"""

import json

import yaml

from scaletoolkit import lab

MOST_BYTES = 65_536
MOST_VALUES = 10_000
MOST_DEPTH = 50
TAG = "tag:yaml.org,2002:"
OPEN = 0  # stands for the size of a node whose children are being counted


class ManifestError(lab.LabError, ValueError):
    """A manifest is wrong; the sentence names the field and what it may be."""

    def __init__(self, sentence: str) -> None:
        # a foreign file's own words may stand in the sentence: keep them to one printable line
        super().__init__("".join(c if c.isprintable() else "?" for c in sentence))


def documents(source: str | bytes) -> list[object]:
    """The documents of a YAML text (str or bytes) as plain values; those that are empty left out.

    Raises ManifestError for text that is no YAML, larger than 64 KiB, or larger once its aliases
    are written out.
    """
    text = _text(source)
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        for node in nodes:
            _size(node, {}, 0)
        plain = [_plain(node, "") for node in nodes if node is not None]
    except RecursionError:
        raise ManifestError("The manifest is nested too deeply to be one.") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(f"The manifest is not YAML: {_where(error)}.") from None
    return [value for value in plain if value is not None]


def _text(source: str | bytes) -> str:
    size = len(source)
    if size > MOST_BYTES:
        raise ManifestError(f"A manifest has at most {MOST_BYTES:,} bytes; this one has {size:,}.")
    if isinstance(source, str):
        return source
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"The manifest is not UTF-8 text: its byte {error.start} does not fit."
        ) from None


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    problem = " ".join(str(problem).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


def _size(node: yaml.Node | None, sizes: dict[int, int], depth: int) -> int:
    """How many values the node stands for once every alias is written out.

    sizes: of the nodes counted so far, by their id.
    """
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if sizes.get(id(node)) == OPEN:
        raise ManifestError("The manifest holds an alias that contains itself.")
    if depth > MOST_DEPTH:
        raise ManifestError(f"The manifest is nested more than {MOST_DEPTH} levels deep.")
    if id(node) not in sizes:
        sizes[id(node)] = OPEN
        children = node.value
        if isinstance(node, yaml.MappingNode):
            children = [child for pair in children for child in pair]
        sizes[id(node)] = 1 + sum(_size(child, sizes, depth + 1) for child in children)
        if sizes[id(node)] > MOST_VALUES:
            raise ManifestError(
                f"The manifest stands for more than {MOST_VALUES:,} values once its aliases are "
                "written out."
            )
    return sizes[id(node)]


def _plain(node: yaml.Node, path: str) -> object:
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, f"{path}[{i}]") for i, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path)
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: str) -> dict[str, object]:
    result: dict[str, object] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise ManifestError(f"{path or 'The manifest'}: a key must be text.")
        key = key_node.value
        if key in result:
            raise ManifestError(f"{_join(path, key)}: Duplicate key {short(key)}.")
        result[key] = _plain(value_node, _join(path, key))
    return result


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
        if node.tag == TAG + "int":
            return int(text.replace("_", ""), 0 if text.lstrip("+-").startswith("0x") else 10)
        if node.tag == TAG + "float":
            return float(text.replace("_", ""))
    except ValueError:
        return text  # a number of another base or a time of day: no field here takes one
    return text


def short(value: object) -> str:
    """A value as it may stand in a sentence: quoted text, no more than 60 characters."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = f'"{value}"' if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
