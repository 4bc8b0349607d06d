"""`make docs`: writes docs/README.md, and a page for each module in docs/_build. Offline.

Both say what the docstrings say. The exercises are left out: their solutions stand in them.
"""

import ast
import re
import warnings
from pathlib import Path

import scaletoolkit

HERE = Path(__file__).parent
PACKAGE = Path(scaletoolkit.__file__).parent
LEFT_OUT = ["!scaletoolkit.exercises", r"!scaletoolkit\..*locustfile"]
TOP = """# The functions, room by room

`make docs` writes a page for each module, with every function, its types and its docstring, to
`docs/_build/scaletoolkit.html`; it needs no internet. This page, which it writes too, says in one
line what each module is; a link leads to the source.
"""


def rooms():
    """The rooms as the package's docstring draws them, axes first, without the exercises."""
    drawn = re.findall(r"^(on top|axes|ground)? +(\w+)  +\S", scaletoolkit.__doc__, re.MULTILINE)
    names = [room for _, room in drawn]
    axes = next(place for place, (layer, _) in enumerate(drawn) if layer == "axes")
    return [room for room in names[axes:] + names[:axes] if room != "exercises"]


def index():
    """The text of docs/README.md."""
    parts = [TOP]
    for room in rooms():
        folder = PACKAGE / room
        face = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        lines = _lines(folder, "") if folder.is_dir() else [_line(face, "")]
        parts.append("\n".join([f"## {room}\n", f"{_says(face)}\n", *lines, ""]))
    return "\n".join(parts)


def _lines(folder, indent):
    """One line for each module in a folder; what lies in a folder within it is indented."""
    for path in sorted(folder.iterdir()):
        if (path / "__init__.py").exists():
            yield _line(path / "__init__.py", indent)
            yield from _lines(path, f"{indent}  ")
        elif path.suffix == ".py" and path.stem != "__init__":
            yield _line(path, indent)


def _line(path, indent):
    name = f"{path.parent.name}/" if path.stem == "__init__" else path.name
    return f"{indent}- [{name}](../{path.relative_to(PACKAGE.parent).as_posix()}) {_says(path)}"


def _says(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    return " ".join(docstring.split("\n\n")[0].split())


def modules():
    """What pdoc is asked for: every module, for a package shows only those that it hands on."""
    paths = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py")]
    names = {".".join(path.parts).removesuffix(".__init__") for path in paths}
    return sorted(name for name in names if not name.endswith("__main__"))


def pages():
    """Write the pages to docs/_build."""
    import pdoc

    warnings.filterwarnings("ignore", "The module specification")  # named twice is no fault
    pdoc.render.configure(docformat="markdown")
    pdoc.pdoc(*modules(), *LEFT_OUT, output_directory=HERE / "_build")


if __name__ == "__main__":
    (HERE / "README.md").write_text(index())
    pages()
    print(f"Open {HERE / '_build' / 'scaletoolkit.html'}")
