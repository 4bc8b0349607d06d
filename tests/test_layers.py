"""Who may import whom: each part can be read, tested, replaced and taught alone."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "scaletoolkit"
GROUND = ["lab", "measure", "laws", "plots", "ranks", "events"]  # each may import those before it
PARTS = {
    "partitions",
    "sampling",
    "incremental",
    "changefeed",
    "training",
    "gradients",
    "loader",
    "sharding",
    "checkpoint",
    "compression",
    "load",
    "batching",
    "caching",
    "autoscaling",
    "features",
    "tenants",
}
ASSEMBLY = {"__main__", "doctor", "runner", "service", "cluster", "exercises"}
FILES = {path.stem: [path] for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
FILES |= {
    path.parent.name: sorted(path.parent.glob("*.py")) for path in PACKAGE.glob("*/__init__.py")
}


def allowed(name):
    """The modules of the package that a module may import, by the layer that it belongs to."""
    if name in GROUND:
        return {name, *GROUND[: GROUND.index(name)]}
    return {*GROUND, name} if name in PARTS else {*GROUND, *PARTS, *ASSEMBLY}


def imported(path):
    """The modules of the package that a file imports, anywhere in it: a set of names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{path.name} imports relatively; write from scaletoolkit import"
            )
            if node.module == "scaletoolkit":
                names |= {alias.name for alias in node.names}
            names |= (
                {node.module.split(".")[1]} if node.module.startswith("scaletoolkit.") else set()
            )
        if isinstance(node, ast.Import):
            names |= {
                a.name.split(".")[1] for a in node.names if a.name.startswith("scaletoolkit.")
            }
    return names - {"__version__"}


@pytest.mark.parametrize("name", FILES)
def test_a_module_imports_only_what_its_layer_allows(name):
    assert sum(name in layer for layer in (GROUND, PARTS, ASSEMBLY)) == 1, f"{name}: which layer?"
    for path in FILES[name]:
        assert imported(path) <= allowed(name), path.name


def test_the_package_itself_imports_nothing():
    assert imported(PACKAGE / "__init__.py") == set()
