"""The notebooks of the course: which there are, and what their first cells say."""

import json
import re
from pathlib import Path
from typing import Any

from scaletoolkit import lab
from scaletoolkit.machine import files

LABS = Path(__file__).parents[2] / "labs"
Cell = dict[str, Any]
Notebook = dict[str, Any]


class Damaged(lab.LabError):
    """A file that is no notebook, or no longer one."""


def labs() -> list[Path]:
    """The labs' notebooks in the order of the course. Raises LabError where there are none."""
    paths = sorted(LABS.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise lab.LabError(
            "The labs are not part of an installed package: clone scaletoolkit's repository with "
            "git, and run this, or `make start`, in it."
        )
    return paths


def find(name: str) -> Path:
    """The notebook that a name means: "1", "01", "01_partitioning" or a path; else LabError."""
    if name.endswith(".ipynb") or "/" in name:
        if Path(name).is_file():
            return Path(name)
        raise lab.LabError(f"There is no file {name!r}.")
    return find_lab(name)


def find_lab(name: str) -> Path:
    """The lab that a name means, also the path of a learner's copy; else LabError."""
    stem = Path(name).name.removesuffix(".ipynb")
    if not stem:
        raise lab.LabError("The name of the lab is empty.")
    for path in labs():
        if stem.zfill(2) == path.stem[:2] or stem == path.stem:
            return path
    if (LABS.parent / "my" / f"{stem}.ipynb").is_file() and stem[2:3] == "_":
        return find_lab(stem[:2])  # the course has renamed it
    known = ", ".join(path.stem[:2] for path in labs())
    raise lab.LabError(f"There is no lab {name!r}; there are {known}.")


def read(path: Path) -> Notebook:
    """The notebook in a file, the source of each cell one text; Damaged if it is no notebook."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        texts = ["".join(cell["source"]) for cell in notebook["cells"]]
        kinds = ["".join(cell["cell_type"]) for cell in notebook["cells"]]
        parts = zip(notebook["cells"], kinds, texts, strict=True)
        cells = [cell | {"cell_type": kind, "source": text} for cell, kind, text in parts]
        return notebook | {"cells": cells, "metadata": {**notebook["metadata"]}}
    except OSError as error:
        raise lab.LabError(f"{path} cannot be read: {files.why(error)}.") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Damaged(f"{path} cannot be read as a notebook; it is damaged, or none.") from None


def title(notebook: Notebook) -> str:
    """The first heading of a notebook, without its marks, or ""."""
    return next((words for cell in notebook["cells"] for words in headings(cell)), "")


def question(notebook: Notebook) -> str:
    """The question that a lab asks: what stands in bold on its title card, or ""."""
    bold = re.search(r"\*\*(.+?)\*\*", "".join(cell["source"] for cell in notebook["cells"][:1]))
    return bold[1] if bold else ""


def headings(cell: Cell) -> list[str]:
    """The headings of a markdown cell as plain text; none of a code cell."""
    if cell["cell_type"] != "markdown":
        return []
    prose = re.sub("```.*?```", "", cell["source"], flags=re.DOTALL)
    lines = [line for line in prose.splitlines() if re.match("#+ ", line)]
    return [line.lstrip("# ").replace("*", "").replace("`", "").strip() for line in lines]
