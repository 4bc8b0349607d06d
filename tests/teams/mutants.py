"""The library with one line changed: what the tests must notice."""

import importlib
import importlib.abc
import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path

import scaletoolkit

PACKAGE = "scaletoolkit.teams"
ROOT = Path(scaletoolkit.__file__).parent / "teams"


class Changed(importlib.abc.SourceLoader):
    """Loads one module with a piece of its source replaced."""

    def __init__(self, path, old, new):
        self.path = path
        self.old = old
        self.new = new

    def get_filename(self, fullname):
        return f"{self.path} with {self.new!r}"

    def get_data(self, path):
        source = self.path.read_text()
        if source.count(self.old) != 1:
            raise ValueError(f"{self.path.name} has {self.old!r} {source.count(self.old)} times")
        return source.replace(self.old, self.new).encode()


class Finder(importlib.abc.MetaPathFinder):
    """Finds the one module that is changed."""

    def __init__(self, name, loader):
        self.name = name
        self.loader = loader

    def find_spec(self, fullname, path, target=None):
        if fullname != self.name:
            return None
        return importlib.util.spec_from_loader(fullname, self.loader)


@contextmanager
def changed(module, old, new, users):
    """`scaletoolkit.teams` afresh, with `old` replaced by `new` in one module; then as it was.

    users: modules that have imported names from the package; they get those of the changed one.
    """
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    finder = Finder(f"{PACKAGE}.{module}", Changed(path, old, new))
    before = taken_out()
    sys.meta_path.insert(0, finder)
    try:
        for user in users:
            bind(user)
        yield
    finally:
        sys.meta_path.remove(finder)
        taken_out()
        sys.modules.update(before)
        scaletoolkit.teams = before[PACKAGE]
        for user in users:
            bind(user)


def bind(user):
    """Give a module the package's functions and classes as they are now."""
    for name, value in list(vars(user).items()):
        home = getattr(value, "__module__", None) or ""
        if home.startswith(PACKAGE):
            setattr(user, name, getattr(importlib.import_module(home), name))


def taken_out():
    """Take the package's modules out of those that are imported: {name: module}."""
    names = [name for name in sys.modules if name == PACKAGE or name.startswith(PACKAGE + ".")]
    return {name: sys.modules.pop(name) for name in names}
