"""The code cells of a notebook, and what they have put out."""

import ast


def code_cells(notebook):
    """The code cells of a notebook, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    """The tags of a cell: a set."""
    return set(cell.metadata.get("tags", []))


def ignored(cell):
    """Whether nbval does not compare this cell."""
    return "nbval-ignore-output" in tags(cell)


def printed(cell):
    """What a cell has put out as text: a string."""
    streams = [output.get("text", "") for output in cell.outputs]
    shown = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    errors = [output.get("evalue", "") for output in cell.outputs]
    return "".join(streams + shown + errors)


def source(notebook):
    """All code of a notebook."""
    return "\n".join(cell.source for cell in code_cells(notebook))


def tree(cell):
    """The syntax tree of a code cell, without IPython's own lines."""
    lines = ["" if line.startswith(("%", "!")) else line for line in cell.source.splitlines()]
    return ast.parse("\n".join(lines))
