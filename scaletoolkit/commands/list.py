"""The labs and their questions, in the order of the course.

A notebook is read as the JSON that it is: importing nbformat takes two seconds.
"""

import json
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scaletoolkit import lab

LABS = Path(__file__).parents[2] / "labs"
Cell = Mapping[str, Any]


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `list` does."""
    return _list


def _list(options: Namespace) -> int:
    for path in labs():
        cells = read(path)
        print(f"{title(cells) or path.stem:<32}{question(cells)}")
    return 0


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
    if name.endswith(".ipynb") and Path(name).is_file():
        return Path(name)
    for path in labs():
        if name.zfill(2) == path.stem[:2] or name == path.stem:
            return path
    known = ", ".join(path.stem[:2] for path in labs())
    raise lab.LabError(f"There is no lab {name!r}; there are {known}.")


def read(path: Path) -> list[Cell]:
    """The cells of a notebook file. Raises LabError for a file that is no notebook."""
    try:
        cells: list[Cell] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise lab.LabError(f"{path} cannot be read as a notebook: {error}") from None
    return cells


def title(cells: list[Cell]) -> str:
    """The first heading of a notebook, without its marks, or ""."""
    return next((words for cell in cells for words in headings(cell)), "")


def question(cells: list[Cell]) -> str:
    """The question that a lab asks: what stands in bold on its title card, or ""."""
    bold = re.search(r"\*\*(.+?)\*\*", "".join(cells[0]["source"])) if cells else None
    return bold[1] if bold else ""


def headings(cell: Cell) -> list[str]:
    """The headings of a markdown cell as plain text; none of a code cell."""
    if cell["cell_type"] != "markdown":
        return []
    # a notebook file has a list of lines where nbformat has one text
    prose = re.sub("```.*?```", "", "".join(cell["source"]), flags=re.DOTALL)
    lines = [line for line in prose.splitlines() if re.match("#+ ", line)]
    return [line.lstrip("# ").replace("*", "").replace("`", "").strip() for line in lines]
