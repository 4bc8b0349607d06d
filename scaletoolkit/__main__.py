"""`python -m scaletoolkit doctor | list | run 01 | hpa`: finds the command, and runs it.

Exit status: 0 all is well; 1 a lab or a check failed; 2 it could not start; 130 interrupted.
"""

import argparse
import ast
import importlib
import pkgutil
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from scaletoolkit import __version__, commands, lab


def names() -> list[str]:
    """The commands that there are: the files of `commands/`."""
    return [module.name for module in pkgutil.iter_modules(commands.__path__)]


def about(name: str) -> str:
    """The first line of a command's docstring, read without importing what it needs."""
    spec = find_spec(f"{commands.__name__}.{name}")
    assert spec is not None
    assert spec.origin is not None
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_bytes())) or name
    return docstring.splitlines()[0].replace("%", "%%")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, and prints one sentence for what went wrong."""
    try:
        options = _options(sys.argv[1:] if arguments is None else arguments)
        status: int = options.run(options)
        return status
    except lab.LabError as error:
        return _say(str(error), 2)
    except ModuleNotFoundError as error:
        remedy = "`python -m scaletoolkit doctor` says what is missing."
        return _say(f"The package {error.name!r} is not installed; {remedy}", 2)
    except KeyboardInterrupt:
        return _say("Interrupted; nothing was left running.", 130)


def _say(sentence: str, status: int) -> int:
    print(sentence, file=sys.stderr)
    return status


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; only the command that is called is imported, and says its own."""
    parser = argparse.ArgumentParser(prog="python -m scaletoolkit", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    known = parser.add_subparsers(required=True, metavar="|".join(names()))
    for name in names():
        subparser = known.add_parser(name, help=about(name), description=about(name))
        if name in arguments[:1]:
            module = importlib.import_module(f"{commands.__name__}.{name}")
            subparser.set_defaults(run=module.command(subparser))
    return parser.parse_args(arguments)


def program() -> NoReturn:
    """What a shell starts: a request to end (SIGTERM) is treated as Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())


if __name__ == "__main__":
    program()
