"""Which commands a package has."""

import ast
from pathlib import Path
from types import ModuleType


def about(package: ModuleType) -> dict[str, str]:
    """{command: first line of its docstring}: the files of a package, which are not imported."""
    paths = [path for folder in package.__path__ for path in sorted(Path(folder).glob("[!_]*.py"))]
    says = {path.stem: ast.get_docstring(ast.parse(path.read_bytes())) for path in paths}
    return {name: (text or name).splitlines()[0].replace("%", "%%") for name, text in says.items()}
