"""The process in which one answer runs: it closes itself in, and answers until its input ends.

Started by `remote`. Three kinds of line go out: what is closed; what the answer is; and for each
line of arguments, what the answer says to them. A function among the arguments stays outside: its
place is asked by a line, and a line comes back. What the answer prints goes nowhere.
"""

import ast
import importlib
import json
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import CoroutineType, ModuleType
from typing import Any, BinaryIO

from scaletoolkit.classes import walls, wire

LONGEST_REPLY = 4_000_000  # letters


def main() -> None:
    """Read an order and what follows it from stdin; see `remote.Remote`."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)

    def say(reply: object) -> None:
        replies.write(json.dumps(reply) + "\n")
        replies.flush()

    order = json.loads(requests.readline())
    closed = _close(order)
    say({"closed": closed})
    if len(closed) < len(walls.ALL) and not order["trust"]:
        return
    value, problems = _prepare(order["statements"], order["asked"])
    say({"callable": callable(value), "value": _text(value), "problems": problems})
    _serve(value, requests, say)


def _serve(function: Any, requests: BinaryIO, say: Callable[[object], None]) -> None:
    """Answer each line of arguments until there is none."""

    def ask(place: int, *values: object) -> object:
        say({"asks": place, "with": wire.pack(values)})
        told = wire.unpack(requests.readline())
        if "error" in told:
            raise ValueError(told["error"])
        return told["value"]

    for line in requests:
        arguments, functions = wire.unpack(line)
        asking = {place: partial(ask, place) for place in functions}
        say(_answer(function, [asking.get(place, one) for place, one in enumerate(arguments)]))


def _close(order: Mapping[str, Any]) -> list[str]:
    """Put up the walls; names of those that stand."""
    sys.path[:] = order["path"]
    sys.modules["scaletoolkit.exercises"] = None  # type: ignore[assignment]  # importing it fails
    walls.die_with_parent()
    walls.limit(order["memory_bytes"])
    if order["torch"]:
        # Its import looks for a library, for which a compiler would be started; its optimizers
        # import a compiler, which makes folders, only to be told to leave them alone.
        importlib.import_module("ctypes.util").find_library = _not_found  # type: ignore[attr-defined]
        compiler = ModuleType("torch._dynamo")
        compiler.disable = lambda function, *_, **__: function  # type: ignore[attr-defined]
        compiler.graph_break = lambda *_, **__: None  # type: ignore[attr-defined]
        sys.modules["torch._dynamo"] = compiler
    return walls.close(order["readable"])


def _not_found(name: str) -> None:
    """What `find_library` says where it finds nothing."""


def _prepare(statements: list[str], asked: str) -> tuple[object, list[str]]:
    """Run the statements; the value of the expression, and a sentence for each that failed.

    What a function would import when it is called is imported now: in a notebook it is there.
    """
    for name in _imported("\n".join(statements)):
        with suppress(BaseException):
            importlib.import_module(name)
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    problems = []
    for number, source in enumerate(statements):
        try:
            exec(_compiled(source, number, "exec"), module.__dict__)
        except BaseException as error:
            problems.append(f"`{source.splitlines()[0][:60]}` raised {_raised(error)['type']}")
    try:
        return eval(_compiled(asked, len(statements), "eval"), module.__dict__), problems
    except BaseException as error:
        problems.append(f"`{asked[:60]}` raised {_raised(error)['type']}")
        return None, problems


def _imported(source: str) -> list[str]:
    """The modules that a piece of code imports anywhere in it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def _compiled(source: str, number: int, mode: str) -> Any:
    name = f"<answer {number}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return compile(source, name, mode)


def _answer(function: Any, arguments: Sequence[object]) -> dict[str, object]:
    try:
        value = function(*arguments)
        if isinstance(value, CoroutineType):
            value.close()
            return {"promise": True}
        text = wire.pack(value)
        if len(text) > LONGEST_REPLY:
            raise ValueError("the answer is too long")
    except BaseException as error:
        return {"error": _raised(error)}
    return {"value": text}


def _raised(error: BaseException) -> dict[str, str]:
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "<answer" in one.filename]
    line = frames[-1].line if frames else ""
    try:
        text = str(error)[: wire.LONGEST_TEXT]
    except BaseException:
        text = ""
    return {"type": type(error).__name__, "text": text, "line": line or ""}


def _text(value: object) -> str:
    """A value that is no function, in a few words."""
    try:
        return repr(value)[:80]
    except BaseException:
        return f"a value of the type {type(value).__name__}"
