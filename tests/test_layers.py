"""Who may import whom: each room can be read, tested, replaced and taught alone.

What a replica may import is watched in service/test_process_walls.py.
"""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import scaletoolkit

PACKAGE = Path(scaletoolkit.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FACES = [path for path in FILES if path.name == "__init__.py"]
RULE = ("decision", "controller")  # what decides; `rule` follows what they import

each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())


def drawn():
    """{room: its layer}, from the top down, as the package's own docstring draws them."""
    rooms = {}
    for layer, room in re.findall(
        r"^(on top|axes|ground)? +(\w+)  +\S", scaletoolkit.__doc__, re.M
    ):
        rooms[room] = layer or list(rooms.values())[-1]
    return rooms


LAYERS = drawn()


def room_of(path):
    """The room that a file lies in: a folder of the package, or the name of a file beside them."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """The modules that a file imports anywhere in it: dotted names, those of `from` imports too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def rooms_imported(path):
    """The other rooms of the package that a file imports: a set of names."""
    names = [name.split(".") for name in imports(path)]
    return {parts[1] for parts in names if parts[0] == "scaletoolkit"} - {room_of(path)}


def allowed(room):
    """The rooms that a room may import: those below it, and on top also those beside it."""
    if room not in LAYERS or LAYERS[room] == "on top":
        return {*LAYERS}
    ground = [name for name, layer in LAYERS.items() if layer == "ground"]
    return {*ground[ground.index(room) + 1 :]} if room in ground else {*ground}


def test_the_rooms_that_are_drawn_are_those_that_are_there():
    assert {*LAYERS} == {*map(room_of, FILES)} - {"__init__", "__main__"}


@each_file
def test_arrows_go_down_only(path):
    assert rooms_imported(path) - {"__version__"} <= allowed(room_of(path))


def test_no_circle_of_rooms():
    arrows = {}
    for path in FILES:
        arrows.setdefault(room_of(path), set()).update(rooms_imported(path))
    TopologicalSorter(arrows).prepare()  # raises CycleError


@each_file
def test_imports_are_written_in_full(path):
    tree = ast.parse(path.read_text())
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.parent.name)
def test_the_face_of_a_package_only_hands_names_on(path):
    docstring, *rest = ast.parse(path.read_text()).body
    assert isinstance(docstring, ast.Expr)
    for node in rest:
        assert isinstance(node, ast.ImportFrom) or node.targets[0].id in ("__all__", "__version__")


def test_the_package_itself_imports_nothing():
    assert list(imports(PACKAGE / "__init__.py")) == []


def module_files(path):
    """The files of the package that a file imports, directly."""
    for name in imports(path):
        parts = name.split(".")[1:] if name.startswith("scaletoolkit.") else []
        for end in range(1, len(parts) + 1):
            file = PACKAGE.joinpath(*parts[:end]).with_suffix(".py")
            if file.exists():
                yield file


def rule():
    """The files by which the autoscaler decides: RULE, and all that they import, and so on."""
    todo = [PACKAGE / "serving" / "autoscaling" / f"{name}.py" for name in RULE]
    files = set()
    while todo:
        file = todo.pop()
        if file not in files:
            files.add(file)
            todo += module_files(file)
    return files


def test_the_rule_of_the_autoscaler_knows_no_notebook():
    names = {file.stem for file in rule()}
    assert names >= {*RULE, "calculator", "limits", "pods", "spec", "quantity"}
    assert [file.name for file in rule() if "lab" in rooms_imported(file)] == []
