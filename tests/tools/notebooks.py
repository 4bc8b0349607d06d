"""Notebook files as the JSON that they are: importing nbformat takes two seconds.

A `Node` is what nbformat has too: a dict whose keys can be written as attributes.
"""

import json


class Node(dict):
    """A dict whose keys are attributes too."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


def read(path):
    """The notebook in a file: texts that stand there as lists of lines are one text each."""
    notebook = json.loads(path.read_text(encoding="utf-8"), object_hook=Node)
    for cell in notebook.cells:
        cell.source = "".join(cell.source)
        for output in cell.get("outputs", []):
            if "text" in output:
                output.text = "".join(output.text)
            for kind, value in output.get("data", {}).items():
                output.data[kind] = "".join(value) if isinstance(value, list) else value
    return notebook


def write(notebook, path):
    """Write a notebook; returns the path."""
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def notebook(*cells):
    """A notebook of these cells."""
    metadata = Node(kernelspec=Node(name="python3", display_name="Python 3"))
    return Node(nbformat=4, nbformat_minor=5, metadata=metadata, cells=list(cells))


def code(name, source, outputs=(), tags=()):
    """A code cell that was not executed."""
    metadata = Node(tags=list(tags))
    return Node(
        cell_type="code",
        id=name,
        execution_count=None,
        metadata=metadata,
        source=source,
        outputs=list(outputs),
    )


def markdown(name, source):
    """A cell of prose."""
    return Node(cell_type="markdown", id=name, metadata=Node(), source=source)


def stream(text, name="stdout"):
    """Text that a cell has printed."""
    return Node(output_type="stream", name=name, text=text)


def shown(kind, value):
    """A picture or another thing that a cell has shown, by its MIME type."""
    return Node(output_type="display_data", metadata=Node(), data=Node({kind: value}))


def error(sentence, *traceback):
    """An error that a cell has raised."""
    return Node(output_type="error", ename="E", evalue=sentence, traceback=list(traceback))
