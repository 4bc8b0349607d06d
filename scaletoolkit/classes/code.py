"""The statements of a notebook, and the names that each of them gives, changes and needs.

Names are resolved as Python does, with `symtable`: a parameter that is called like something of
the lab is not that.
"""

import ast
import re
import symtable
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from scaletoolkit.classes.submissions import Cell

DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
CHANGES = ast.Subscript | ast.Attribute
LOOPS = ast.For | ast.AsyncFor
MAYBE = LOOPS | ast.AugAssign | ast.If | ast.While | ast.Try | ast.TryStar | ast.Match
MAGIC = re.compile(r"(?m)^([ \t]*)(?:[%!?].*|[\w.]+\?+[ \t]*)$")
MOST_STATEMENTS = 5000  # of a notebook; the longest lab has a tenth of that
ANSWERS = "scaletoolkit.exercises"


class Statement(NamedTuple):
    """A statement at the top of a cell: the cell's place, source, and names.

    gives: names that it sets ("*" for a star import); changes: whose insides it changes; needs:
    that it reads from outside, at once or when called, or may leave as they were before. defines:
    whether it is a `def` or `class`. answers: whether it imports the exercises of the course.
    """

    cell: int
    source: str
    gives: frozenset[str]
    changes: frozenset[str]
    needs: frozenset[str]
    defines: bool
    answers: bool


class Call(NamedTuple):
    """A call of `exercise.check`: the cell's place, the exercise, and what is checked, as code."""

    cell: int
    exercise: str
    asked: str


class Broken(NamedTuple):
    """A cell of which nothing is taken: its place, and what is wrong with it, without a subject."""

    cell: int
    why: str


class Code(NamedTuple):
    """All code of a notebook."""

    statements: list[Statement]
    calls: list[Call]
    broken: list[Broken]


def code(cells: Sequence[Cell]) -> Code:
    """The code of these cells."""
    found = Code([], [], [])
    for place, cell in enumerate(cells):
        if not cell.code:
            continue
        try:
            parsed = tree(cell.source)
            if len(found.statements) + len(parsed.body) > MOST_STATEMENTS:
                raise ValueError("the notebook has too many statements")
            statements = [_statement(place, node) for node in _flat(parsed.body)]
            calls = [Call(place, *call) for call in _calls(parsed)]
        except SyntaxError as error:
            told = f"is no Python (line {error.lineno}: {error.msg})"
            found.broken.append(Broken(place, told))
        except (ValueError, RecursionError, MemoryError) as error:
            why = str(error) or "it is nested too deeply"
            found.broken.append(Broken(place, f"cannot be read ({why})"))
        else:
            found.statements.extend(statements)
            found.calls.extend(calls)
    return found


def needed(source: str) -> frozenset[str]:
    """The names that a piece of code reads from outside of it."""
    return frozenset(_reads(symtable.symtable(source, "cell", "exec")))


def tree(source: str) -> ast.Module:
    """The syntax tree of a cell, where lines for IPython stand for nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _parsed(source)
        except SyntaxError:
            return _parsed(MAGIC.sub(r"\1pass", source))


def _parsed(source: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source, "cell", "exec", flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def _flat(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements, those in a `with` block (the imports of a set-up) among them."""
    for node in body:
        if isinstance(node, ast.With):
            yield from _flat(node.body)
        else:
            yield node


def _statement(place: int, node: ast.stmt) -> Statement:
    source = ast.unparse(node)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = symtable.symtable(source, "cell", "exec")
    symbols = table.get_symbols()
    gives = {one.get_name() for one in symbols if one.is_assigned() or one.is_imported()}
    star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    return Statement(
        place,
        source,
        frozenset(gives | ({"*"} if star else set())),
        frozenset(_changed(node)),
        frozenset([*_reads(table), *(gives - _surely(node) if isinstance(node, MAYBE) else ())]),
        isinstance(node, DEFINES),
        any(name.startswith(ANSWERS) for name in _imported(node)),
    )


def _surely(node: ast.stmt) -> set[str]:
    """Names that it sets anew: those of a loop's items, if it has any, or of both arms of an if."""
    if isinstance(node, ast.If):
        return _set_by(node.body) & _set_by(node.orelse)
    parts = ast.walk(node.target) if isinstance(node, LOOPS) else ()
    return {one.id for one in parts if isinstance(one, ast.Name)}


def _set_by(body: Sequence[ast.stmt]) -> set[str]:
    targets = [target for one in body if isinstance(one, ast.Assign) for target in one.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _reads(table: symtable.SymbolTable) -> Iterator[str]:
    """Names that are read at the top of a table, or taken from there by what lies in it."""
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() if top else symbol.is_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _reads(child)


def _changed(node: ast.stmt) -> Iterator[str]:
    """Names into which a statement puts something: `name[…] = `, `name.append(…)`."""
    for one in [] if isinstance(node, DEFINES) else ast.walk(node):
        if isinstance(one, CHANGES) and isinstance(one.ctx, ast.Store | ast.Del):
            yield from _owner(one)
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call):
            yield from _owner(one.value.func)


def _owner(node: ast.expr) -> Iterator[str]:
    inner = node
    while isinstance(inner, CHANGES):
        inner = inner.value
    if isinstance(inner, ast.Name) and inner is not node:
        yield inner.id


def _imported(node: ast.stmt) -> Iterator[str]:
    """The full names of what a statement imports; a `def` imports when it is called."""
    for one in [] if isinstance(node, DEFINES) else ast.walk(node):
        if isinstance(one, ast.Import):
            yield from (alias.name for alias in one.names)
        if isinstance(one, ast.ImportFrom):
            yield from (f"{one.module}.{alias.name}" for alias in one.names)


def _calls(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(exercise, what is checked) of each call `….check("0.1", …)`."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        given: Iterable[ast.expr] = [*node.args, *(word.value for word in node.keywords)]
        values = [*given]
        if node.func.attr == "check" and len(values) == 2 and isinstance(values[0], ast.Constant):
            yield str(values[0].value), ast.unparse(values[1])
