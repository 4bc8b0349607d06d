"""`python -m scaletoolkit start | update | list | run 01 …`: finds the command, and runs it.

Exit status: 0 all is well; 1 a lab or a check failed; 2 it could not start; 130 interrupted;
141 nobody reads what it prints.
"""

import argparse
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from scaletoolkit import __version__, commands, lab
from scaletoolkit.commands._finder import about


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
    except BrokenPipeError:
        return 141
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}.", 2)


def _say(sentence: str, status: int) -> int:
    print(sentence, file=sys.stderr)
    return status


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; only the command that is called is imported, and says its own."""
    parser = argparse.ArgumentParser(prog="python -m scaletoolkit", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    texts = about(commands)
    known = parser.add_subparsers(required=True, metavar="|".join(texts))
    for name, text in texts.items():
        subparser = known.add_parser(name, help=text, description=text)
        if name in arguments[:1]:
            module = importlib.import_module(f"{commands.__name__}.{name}")
            subparser.set_defaults(run=module.command(subparser))
    return parser.parse_args(arguments)


def program() -> NoReturn:
    """What a shell starts: a request to end (SIGTERM) is treated as Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # else a terminal without Unicode ends the command
            stream.reconfigure(errors="backslashreplace")
    status = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # `list | head -1`
        status = 141
    if status == 141:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # where Python flushes at its end
    sys.exit(status)


if __name__ == "__main__":
    program()
