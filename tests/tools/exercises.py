"""Each exercise where its lab asks for it, and functions as the lab's notebook would hold them."""

import ast
import contextlib
import importlib
import inspect
import io
import itertools
import re
from dataclasses import dataclass

from tools import guards, notebooks
from tools.strict import ROOT

LABS = sorted((ROOT / "labs").glob("*.ipynb"))


@dataclass(frozen=True)
class Place:
    """An exercise, its book, and the code of its lab: `cells` end with the exercise's own.

    asked: the name of the function that the lab checks.
    """

    book: object
    exercise: object
    cells: tuple
    asked: str

    def function(self, source):
        """The asked function of this source, run with what the cells import, and nothing else."""
        trees = [ast.parse(cell) for cell in self.cells]
        names = {}
        for node in itertools.chain.from_iterable(map(ast.walk, trees)):
            if isinstance(node, IMPORTS):
                with contextlib.suppress(ModuleNotFoundError):  # of an extra: the lab tries it
                    exec(compile(ast.Module([node], []), "imports", "exec"), names)
        exec(source, names)
        return names[self.asked]

    def starter(self):
        """The function that stands in the exercise's cell."""
        return self.function(self.cells[-1].partition("exercise.check")[0])

    def printed_solution(self):
        """The solution as the lab prints it."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.book.solution(self.exercise.name)
        return self.function(printed.getvalue().partition("\n\nWhy: ")[0])


IMPORTS = ast.Import | ast.ImportFrom


def book(path):
    """The Book of a lab: of the module that the lab imports as `exercise`."""
    for node in ast.walk(ast.parse(guards.source(notebooks.read(path)))):
        if isinstance(node, ast.ImportFrom) and node.module == "scaletoolkit.exercises":
            (alias,) = node.names
            if alias.asname == "exercise":
                return importlib.import_module(f"{node.module}.{alias.name}").BOOK
    raise ValueError(f"{path.name} imports no module of scaletoolkit.exercises as exercise")


def places():
    """Every exercise of every lab."""
    for path in LABS:
        cells = [cell.source for cell in guards.code_cells(notebooks.read(path))]
        for name, exercise in book(path).exercises.items():
            numbers = [i for i, cell in enumerate(cells) if f'exercise.check("{name}"' in cell]
            if len(numbers) != 1:
                raise ValueError(f"{path.name} asks for exercise {name} {len(numbers)} times")
            until = numbers[0] + 1
            yield Place(book(path), exercise, tuple(cells[:until]), checked(cells[numbers[0]]))


def checked(cell):
    """The name of the function that a cell checks."""
    calls = [node for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Call)]
    return next(call.args[1].id for call in calls if ast.unparse(call.func) == "exercise.check")


def others(path):
    """{exercise: other right answers} of a lab, first with numpy's values."""
    return importlib.import_module(f"exercises.answers.{path.stem[3:]}").ANSWERS


def answered(path, target):
    """Write the lab with another right answer in every exercise cell; returns the target.

    What its last cell has stored says then that all exercises were passed.
    """
    notebook = notebooks.read(path)
    for output in guards.code_cells(notebook)[-1].outputs:
        text = output.data["text/plain"].replace("○", "●")
        output.data["text/plain"] = re.sub(r"passed: 0 of (\d+)", r"passed: \1 of \1", text)
    for cell in guards.code_cells(notebook):
        for name, functions in others(path).items():
            if f'exercise.check("{name}"' in cell.source:
                asked = checked(cell.source)
                source = inspect.getsource(functions[0])
                given = f"{asked} = {functions[0].__name__}"
                cell.source = f'{source}\n\n{given}\nexercise.check("{name}", {asked})'
    return notebooks.write(notebook, target)
