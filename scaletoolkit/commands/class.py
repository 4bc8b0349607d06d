"""What a teacher needs: a class graded, and more; `class grade --help` says what it takes."""

import importlib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from scaletoolkit.commands import classes
from scaletoolkit.commands._finder import about


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `class` takes: the name of one of its own commands, and what that one takes."""
    texts = about(classes)
    known = parser.add_subparsers(required=True, metavar="|".join(texts))
    for name, text in texts.items():
        subparser = known.add_parser(name, help=text, description=text)
        module = importlib.import_module(f"{classes.__name__}.{name}")
        subparser.set_defaults(run_of_class=module.command(subparser))
    return _run


def _run(options: Namespace) -> int:
    status: int = options.run_of_class(options)
    return status
