"""The form of the library: short, one statement a line, and drawn as it is."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
from tools import form

import scaletoolkit

PACKAGE = Path(scaletoolkit.__file__).parent
ROOT = Path(__file__).parents[1]
FILES = sorted(PACKAGE.rglob("*.py"))
TOOLS = sorted((ROOT / "tests" / "tools").glob("*.py"))
FOLDERS = [path.parent for path in FILES if path.name == "__init__.py"]
UNDRAWN = {PACKAGE, PACKAGE / "exercises"}  # drawn as layers (test_layers); one file a lab


def below(folder):
    return lambda path: path.relative_to(folder).as_posix()


@pytest.mark.parametrize("path", FILES, ids=below(PACKAGE))
def test_the_form_of_the_library(path):
    assert form.problems(path) == []


@pytest.mark.parametrize("path", TOOLS, ids=below(ROOT))
def test_one_statement_a_line_in_the_tests_tools_too(path):
    assert list(form.packed(ast.parse(path.read_text()))) == []


def rooms(folder):
    """The modules and packages that lie in a folder: a set of names."""
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    return files | {path.parent.name for path in folder.glob("*/__init__.py")}


@pytest.mark.parametrize("folder", [f for f in FOLDERS if f not in UNDRAWN], ids=below(PACKAGE))
def test_a_package_names_what_lies_in_it(folder):
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    named = re.findall(r"^(\w+)/?  +\S", docstring, re.MULTILINE)
    assert sorted(named) == sorted(rooms(folder))


def tree():
    """The paths that README draws, each with its comment: {path: comment}."""
    block = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    drawn = {}
    folders = []
    for line in block.splitlines():
        indent, name, comment = re.fullmatch(r"( *)(\S+)  +(\S.*)", line).groups()
        folders = [*folders[: len(indent) // 2], name]
        drawn["".join(folders)] = comment
    return drawn


def test_what_readme_draws_is_there():
    assert [path for path in tree() if not (ROOT / path).exists()] == []


def test_readme_draws_all_that_lies_on_top():
    command = ["git", "ls-files"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    if not files:
        pytest.skip("this is no git checkout")
    top = {file.split("/")[0] + ("/" if "/" in file else "") for file in files}
    drawn = {path.split("/")[0] + ("/" if "/" in path else "") for path in tree()}
    assert drawn == {name for name in top if name[0] != "."}


def test_readme_draws_every_folder_of_the_library():
    folders = {f"{folder.relative_to(ROOT).as_posix()}/" for folder in FOLDERS}
    laws = "scaletoolkit/laws.py"
    drawn = {path for path in tree() if path.startswith("scaletoolkit/")}
    assert drawn == {*folders, laws, "scaletoolkit/__main__.py"}


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("a, b = f()", 0),
        ("a, b = b, a", 0),
        ("x[0], x[1] = x[1], x[0]", 0),
        ("a = b = 0", 0),
        ("a, b = 1, 2", 1),
        ("a, _ = x, server.close()", 1),
        ("a, *b = c, *d", 1),
        ("a = b = f()", 1),
        ("a, b = (c, d) if e else (d, c)", 1),
        ("a, b = (f(x) for x in (1, 2))", 1),
        ("d[f()], e = e, d[f()]", 1),
        ("def f():\n    a, b = b, c", 1),
    ],
)
def test_a_packed_assignment_is_found(code, count):
    assert len(list(form.packed(ast.parse(code)))) == count


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("a = b if c else d", 0),
        ("while rest := f():\n    pass", 0),
        ("f(a) if b else g(c)", 1),
        ("a and f()", 1),
        ("[f(a) for a in b]", 1),
        ("f(a := g())", 1),
        ("f(b=(a := g()))", 1),
        ("f([a := g()])", 1),
        ("f(), g()", 1),
        ("(f(a) for a in b)", 1),
    ],
)
def test_an_expression_that_stands_for_a_statement_is_found(code, count):
    assert len(list(form.tricks(ast.parse(code)))) == count


def test_length_and_parameters_are_counted_as_one_reads_them():
    long = "def f(self, a, *b, c, **d):\n" + "    pass\n" * 30
    (function,) = ast.parse(long).body
    assert form.length(function) == 31
    assert [parameter.arg for parameter in form.parameters(function)] == ["a", "b", "c", "d"]
    assert list(form.long_functions(ast.parse(long))) == ["f has 31 lines; at most 30"]
    assert list(form.many_parameters(ast.parse("def g(a, b, c, d, *, e, f, h): pass")))


def test_statements_are_counted_with_those_inside_others():
    assert form.statements(ast.parse("for a in b:\n    if a:\n        f(a)\ng()")) == 4
