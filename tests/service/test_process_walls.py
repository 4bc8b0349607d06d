"""What each process of the model server imports: a replica must be there soon. Labs 07 and 09."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import scaletoolkit

PACKAGE = Path(scaletoolkit.__file__).parent
REPLICA = PACKAGE / "service" / "replica"
HEAVY = {"starlette", "uvicorn", "torch", "pyarrow", "matplotlib", "prometheus_client"}
LATER = {"numpy", "onnxruntime", "asyncio"}  # with the model, or never
LOADED = """
import sys
import scaletoolkit.service.replica.{module}
print(*sorted({{name.split(".")[0] for name in sys.modules}}))
"""


def loaded_by(module):
    """The packages that are there once a fresh Python has imported a module of the replica."""
    command = [sys.executable, "-c", LOADED.format(module=module)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_a_replica_starts_without_a_web_framework_or_torch():
    assert loaded_by("__main__") & (HEAVY | LATER) == set()


def test_the_template_has_numpy_and_nothing_heavier():
    packages = loaded_by("template")
    assert "numpy" in packages
    assert packages & (HEAVY | {"onnxruntime"}) == set()


def imports_of(path):
    """The packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", sorted(REPLICA.glob("*.py")), ids=lambda path: path.name)
def test_no_file_of_the_replica_imports_the_gateway_or_what_is_heavy(path):
    names = set(imports_of(path))
    assert {name.split(".")[0] for name in names} & HEAVY == set()
    assert [name for name in names if name.startswith("scaletoolkit.service.gateway")] == []


def test_the_notebook_starts_a_server_without_its_web_framework():
    code = "import sys, scaletoolkit.service; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", code]
    packages = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(packages) == set()
