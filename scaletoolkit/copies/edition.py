"""A lab as a learner gets it: nothing executed, and three dots where a guess belongs."""

import ast
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from scaletoolkit.copies import labs
from scaletoolkit.copies.labs import Cell, Notebook


class Edition(NamedTuple):
    """What a learner is given: the notebook, and the files beside the lab that it names."""

    notebook: Notebook
    beside: dict[str, bytes]


def newest(path: Path) -> Edition:
    """The edition of the lab in this file. Its notebook's metadata says which one it is."""
    lab = labs.read(path)
    notebook = lab | {"cells": [_blank(cell) for cell in lab["cells"]]}
    sources = "\n".join(cell["source"] for cell in lab["cells"])
    files = [file for file in path.parent.iterdir() if file.is_file() and file.suffix != ".ipynb"]
    beside = {file.name: file.read_bytes() for file in files if file.name in sources}
    given = json.dumps(notebook, sort_keys=True) + repr(sorted(beside.items()))
    mark = {"lab": path.stem, "edition": hashlib.sha256(given.encode()).hexdigest()[:12]}
    notebook["metadata"] = notebook["metadata"] | {"scaletoolkit": mark}
    return Edition(notebook, beside)


def edition_of(copy: Notebook) -> str:
    """The name of the edition that a copy says it came from, or ""."""
    mark = copy["metadata"].get("scaletoolkit")
    name = str(mark.get("edition")) if isinstance(mark, dict) else ""
    return name if re.fullmatch("[0-9a-f]{12}", name) else ""


def _blank(cell: Cell) -> Cell:
    if cell["cell_type"] != "code":
        return cell
    text = without_guesses(cell["source"])
    return cell | {"source": text, "outputs": [], "execution_count": None}


def without_guesses(source: str) -> str:
    """The code of a cell with `...` for the value of every prediction."""
    return with_guesses(source, ["..."] * len(guesses(source)))


def with_guesses(source: str, values: Sequence[str]) -> str:
    """The code of a cell with these values for its predictions, in order; all else as it was."""
    code = source.encode()
    for (start, end), value in reversed([*zip(_places(source), values, strict=True)]):
        code = code[:start] + value.encode() + code[end:]
    return code.decode()


def guesses(source: str) -> list[str]:
    """The values of the predictions in the code of a cell, as they are written there."""
    return [source.encode()[start:end].decode() for start, end in _places(source)]


def _places(source: str) -> list[tuple[int, int]]:
    """Where the value of each `lab.predict(question, value, unit)` stands, in bytes of UTF-8."""
    if "lab.predict" not in source:
        return []
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    values = [value for value in map(_value, ast.walk(_tree(source))) if value is not None]
    ends = [(value.end_lineno or 1, value.end_col_offset or 0) for value in values]
    first = [starts[value.lineno - 1] + value.col_offset for value in values]
    return sorted(zip(first, [starts[line - 1] + column for line, column in ends], strict=True))


def _value(node: ast.AST) -> ast.expr | None:
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "lab.predict":
        return None
    named = [keyword.value for keyword in node.keywords if keyword.arg == "value"]
    return next(iter([*named, *node.args[1:2]]), None)


def _tree(source: str) -> ast.Module:
    """The syntax tree of a cell, its `%` and `!` lines left out; empty where it is not Python."""
    for text in (source, re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source)):
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError):
            continue
    return ast.Module([], [])
