"""What the form of code must be: generators of sentences, one for each thing that is wrong.

The library and the labs keep to one statement a line; the library also to short functions, short
modules and few parameters. `python tests/tools/form.py` says how long and how dense the library is.
"""

import ast
import sys
from collections import Counter
from pathlib import Path

LONGEST_FUNCTION = 30
LONGEST_MODULE = 250
MOST_PARAMETERS = 6
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
LISTS = ast.Tuple | ast.List
SILENT = ast.IfExp | ast.BoolOp | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp
SILENT |= ast.GeneratorExp | ast.Tuple | ast.List | ast.Compare
HIDDEN = ast.IfExp | ast.GeneratorExp | ast.ListComp


def packed(tree):
    """Assignments that are several: `a, b = x(), y`, or `a = b = x`, but swaps and constants."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        target = node.targets[0]
        value = node.value
        if len(node.targets) > 1 and not isinstance(value, ast.Constant):
            yield f"line {node.lineno}: one value for several names; only a constant may be that"
        if isinstance(target, LISTS) and _several(target, value):
            yield f"line {node.lineno}: several assignments in one; give each its line"


def _several(target, value):
    if isinstance(value, LISTS):
        return not _swap(target, value)
    return isinstance(value, HIDDEN)


def _swap(target, value):
    sides = [Counter(map(ast.unparse, side.elts)) for side in (target, value)]
    calls = any(isinstance(node, ast.Call) for node in ast.walk(value))
    return sides[0] == sides[1] and not calls


def tricks(tree):
    """Expressions that stand for statements: a conditional or a loop whose value nobody takes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, SILENT):
            yield f"line {node.lineno}: write this expression as statements"
        if isinstance(node, ast.Call) and _names_inside(node):
            yield f"line {node.lineno}: a name is given inside a call"


def _names_inside(call):
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    inside = [node for value in given for node in ast.walk(value)]
    return any(isinstance(node, ast.NamedExpr) for node in inside)


def long_functions(tree):
    """Functions longer than the limit, from `def` to their last line."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS) and length(node) > LONGEST_FUNCTION:
            yield f"{node.name} has {length(node)} lines; at most {LONGEST_FUNCTION}"


def length(function):
    """The lines of a function, docstring included."""
    return function.end_lineno - function.lineno + 1


def many_parameters(tree):
    """Functions with more parameters than the limit; `self` and `cls` do not count."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS) and len(parameters(node)) > MOST_PARAMETERS:
            yield f"{node.name} has {len(parameters(node))} parameters; at most {MOST_PARAMETERS}"


def parameters(function):
    """The parameters of a function, stars included, without `self` and `cls`."""
    all_of_them = [node for node in ast.walk(function.args) if isinstance(node, ast.arg)]
    return [node for node in all_of_them if node.arg not in ("self", "cls")]


def statements(tree):
    """How many statements there are, nested ones included."""
    return sum(isinstance(node, ast.stmt) for node in ast.walk(tree))


def problems(path):
    """Every sentence about a file of the library: a list, empty for one of the right form."""
    text = path.read_text()
    tree = ast.parse(text)
    sentences = [sentence for guard in GUARDS for sentence in guard(tree)]
    lines = len(text.splitlines())
    if lines > LONGEST_MODULE:
        sentences.append(f"the module has {lines} lines; at most {LONGEST_MODULE}")
    if "# fmt:" in text:
        sentences.append("a comment turns the formatter off")
    return sentences


GUARDS = [packed, tricks, long_functions, many_parameters]


def main(folder):
    """Print the length and the density of the code below a folder."""
    paths = sorted(Path(folder).rglob("*.py"))
    trees = [ast.parse(path.read_text()) for path in paths]
    lines = [len(path.read_text().splitlines()) for path in paths]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    wanted = [parameter for node in nodes for parameter in parameters(node)]
    typed = sum(parameter.annotation is not None for parameter in wanted)
    dense = sum(1 for tree in trees for _ in packed(tree))
    print(f"{len(paths)} files, {sum(lines):,} lines, the longest {max(lines)}")
    print(f"{len(nodes):,} functions, the longest {max(map(length, nodes))}", end=", ")
    print(f"{sum(length(node) > LONGEST_FUNCTION for node in nodes)} over {LONGEST_FUNCTION}")
    print(f"{typed:,} of {len(wanted):,} parameters typed", end=", ")
    print(
        f"{sum(len(parameters(node)) > MOST_PARAMETERS for node in nodes)} functions with too many"
    )
    print(f"{dense} packed assignments, {1000 * dense / sum(lines):.1f} in 1,000 lines")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["scaletoolkit"])
