"""Whether every cell of a lab may be run again after the last one: read from its code.

A name that a cell has from another one is bound by one cell only: whichever cell is run again, the
name means the same. What a function reads is read by each cell that names the function. Nothing
runs.
"""

import ast
import copy
import symtable
from dataclasses import dataclass, field

DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
BLOCKS = ("body", "orelse", "finalbody")


@dataclass
class Names:
    """What a cell reads of others, the statements that bind each name, what functions read."""

    reads: set = field(default_factory=set)
    bound: dict = field(default_factory=dict)
    inside: dict = field(default_factory=dict)


def rebound(cells):
    """Sentences about the cells, {name: syntax tree}: names read by one and bound by several."""
    known = {}
    inside = {}
    for cell, tree in cells.items():
        known[cell] = names_of(tree, inside)
        inside = inside | known[cell].inside
    for name in sorted({name for names in known.values() for name in names.bound}):
        readers = [cell for cell in known if name in known[cell].reads]
        meanings = {cell: _meanings(known[cell], name, cell) for cell in known}
        binders = [cell for cell in known if meanings[cell]]
        if readers and len(set().union(*meanings.values())) > 1 < len(binders):
            yield f"{name!r}, which cell {readers[0]} reads, is bound by {' and '.join(binders)}"


def _meanings(names, name, cell):
    """What a cell gives a name: an import is the same everywhere, the rest is the cell's own."""
    statements = [node for node in names.bound.get(name, []) if not _handed_back(node, name)]
    return {_imported(node, name) or cell for node in statements}


def _imported(statement, name):
    """What an import gives a name, as text."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return ""
    given = {alias.asname or alias.name.split(".")[0]: alias for alias in statement.names}
    whole = given[name].name if given[name].asname else name
    return f"import {getattr(statement, 'module', '')} {whole}"


def _handed_back(statement, name):
    """Whether this is `plan = exercise.use("1.1", plan)`: the answer comes under its own name."""
    call = getattr(statement, "value", None)
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != "exercise.use":
        return False
    return ast.unparse(call.args[-1]) == name


def names_of(tree, inside):
    """The names of a cell, given what the functions of earlier cells read: {function: names}."""
    names = Names(inside=dict(inside))
    for statement in _in_order(tree.body):
        reads, binds = _names(_head(statement))
        names.reads |= _through(reads, names.inside) - set(names.bound)
        for name in binds:
            names.bound.setdefault(name, []).append(statement)
            names.inside.pop(name, None)
        if isinstance(statement, DEFINITIONS) or _holds_functions(statement):
            names.inside |= dict.fromkeys(binds, _names(statement)[0])
    return names


def _holds_functions(statement):
    """Whether this gives a name a lambda, or a container with some."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.Lambda | ast.Dict | ast.List | ast.Tuple):
        return False
    return any(isinstance(node, ast.Lambda) for node in ast.walk(value))


def _in_order(statements):
    for statement in statements:
        yield from _items(statement)
        if not isinstance(statement, DEFINITIONS):
            for block in BLOCKS:
                yield from _in_order(getattr(statement, block, []))
            for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
                yield from _in_order(part.body)


def _items(statement):
    """A statement, or one for each part of a `with`: the second may use the first's name."""
    if not isinstance(statement, ast.With):
        return [statement]
    return [ast.With([item], statement.body, lineno=statement.lineno) for item in statement.items]


def _head(statement):
    """A statement without those inside it."""
    head = copy.copy(statement)
    for block in BLOCKS:
        if hasattr(head, block):
            setattr(head, block, [ast.Pass()] if block == "body" else [])
    for part in ("handlers", "cases"):
        if hasattr(head, part):
            setattr(head, part, [_head(inner) for inner in getattr(head, part)])
    if isinstance(head, ast.Try) and not head.handlers:
        head.finalbody = [ast.Pass()]
    return head


def _names(statement):
    """The names of the notebook that a statement reads, in any depth, and those that it binds."""
    table = symtable.symtable(ast.unparse(statement), "cell", "exec")
    reads = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    binds = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_assigned() or symbol.is_imported()
    }
    if isinstance(statement, ast.AugAssign):
        reads |= binds
    return reads | set(_globals(table)), binds


def _globals(table):
    for inner in table.get_children():
        for symbol in inner.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                yield symbol.get_name()
        yield from _globals(inner)


def _through(reads, inside):
    """Names, and what the functions among them read, and what those read."""
    found = set()
    left = set(reads)
    while left:
        found |= left
        left = {name for function in left for name in inside.get(function, ())} - found
    return found
