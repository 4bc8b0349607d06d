"""The files that an answer may read: Python's own, and this package's without its exercises."""

import sys
import sysconfig
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ANSWERS = PACKAGE / "exercises"
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/dev/urandom")


@cache
def search_path() -> list[str]:
    """Where a box finds modules: where this process does, but only among Python's own folders."""
    return [entry for entry in sys.path if any(_inside(Path(entry), own) for own in _python())]


@cache
def folders() -> dict[str, bool]:
    """{path: whether its files may be read, else only their names}."""
    found: dict[str, bool] = {}
    for path in [*_python(), PACKAGE]:
        found |= _without_answers(path)
    return found


def _python() -> list[Path]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    own = [sysconfig.get_path(name) for name in names]
    places = [*own, f"{sys.prefix}/lib", f"{sys.base_prefix}/lib", *SYSTEM]
    return [Path(place) for place in places if Path(place).exists()]


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _without_answers(path: Path) -> dict[str, bool]:
    """The path whole; where the exercises lie in it, all else that does."""
    if _inside(path, ANSWERS):
        return {}
    if not _inside(ANSWERS, path):
        return {str(path): True}
    found = {str(path): False}
    for entry in path.iterdir():
        found |= _without_answers(entry)
    return found
