"""The three products of `labs/plans`, for the tests of this room."""

from pathlib import Path

from scaletoolkit.planning import product

FOLDER = Path(__file__).parents[2] / "labs" / "plans"
FILES = sorted(FOLDER.glob("*.yaml"))


def read(path):
    return product.read(path.read_text(encoding="utf-8"))
