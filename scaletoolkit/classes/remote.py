"""An answer that runs in a process of its own, called like a function."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import psutil

from scaletoolkit.classes import readable, wire
from scaletoolkit.lab.exercises import TIME_LIMIT_S
from scaletoolkit.lab.exercises.answers import TooLong
from scaletoolkit.machine import processes

START_S = 60  # on the clock: for a process to start on a machine that is busy
IMPORTS_S = 10  # of CPU: for what stands around an answer, torch's import for example
PATIENCE_S = 20  # on the clock, for the same
LOOK_EVERY_S = 0.2
PIECE_BYTES = 4096  # a pipe that can be written takes as much at once
LONGEST_LINE = 8_000_000  # bytes
ROOM = 300 * 2**20  # bytes
ROOM_FOR_TORCH = 1500 * 2**20  # importing it takes half of that, also by way of this library
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from scaletoolkit.classes import box; "
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
KEPT = ("LD_LIBRARY_PATH", "SYSTEMROOT")  # without which Python itself might not start


class Ended(Exception):
    """The process in which an answer ran is no more."""

    line_elsewhere = ""


@dataclass(frozen=True)
class Bounds:
    """What an answer may take; trust: it runs although not all walls stand.

    cpu_s: seconds of CPU for all calls together. wall_s: on the clock, for one that sleeps.
    """

    cpu_s: float = TIME_LIMIT_S
    wall_s: float = 2 * TIME_LIMIT_S
    trust: bool = False


DEFAULT = Bounds()


async def _promise() -> None:
    """What stands here for what an `async def` hands back there."""


class Remote:
    """The value of an expression after some statements, in a box; close it after use.

    closed: the walls that stood. problem: why there is no function to call, "" where there is one.
    too_long: whether it was ended because its time was over. notes: statements that failed.
    """

    def __init__(self, statements: Sequence[str], asked: str, bounds: Bounds = DEFAULT) -> None:
        self.closed: list[str] = []
        self.notes: list[str] = []
        self.problem = ""
        self.too_long = False
        self._ended = False
        self._buffer = b""
        self._process = _start()
        try:
            self._watched = psutil.Process(self._process.pid)
            self._give(IMPORTS_S, START_S)
            self._tell(json.dumps(_order(statements, asked, bounds.trust)))
            self.closed = list(self._reply()["closed"])
            self._give(max(IMPORTS_S, bounds.cpu_s), max(PATIENCE_S, bounds.wall_s))
            self._look(self._reply())
            self._give(bounds.cpu_s, bounds.wall_s)
        except (Ended, TooLong, KeyError, TypeError) as error:
            self.problem = str(error) or "it did not come to an end"
        except BaseException:  # an interrupt: nobody else would close it
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, *arguments: object) -> object:
        functions = [place for place, value in enumerate(arguments) if callable(value)]
        self._tell(wire.pack((arguments, functions)))
        reply = self._reply()
        while "asks" in reply:
            self._tell(_told(arguments, functions, reply))
            reply = self._reply()
        if "value" in reply:
            try:
                return wire.unpack(reply["value"])
            except (ValueError, TypeError, KeyError, RecursionError):
                return wire.Unknown("a value that is none")
        if "promise" in reply:
            return _promise()
        raise wire.error(reply.get("error"))

    def close(self) -> None:
        """End the process, and whatever it has left. May be called again."""
        if self._ended:
            return
        self._ended = True
        processes.kill_group(self._process.pid)
        self._process.wait()
        for pipe in filter(None, (self._process.stdin, self._process.stdout)):
            with suppress(OSError):
                pipe.close()

    def _look(self, reply: dict[str, Any]) -> None:
        self.notes = [str(problem)[:200] for problem in list(reply["problems"])[:3]]
        if not reply["callable"]:
            why = self.notes[-1:] or [f"expected a function, got {str(reply['value'])[:80]}"]
            self.problem = why[0]

    def _give(self, cpu_s: float, wall_s: float) -> None:
        """From now on the box may take so much."""
        self._cpu_until_s = self._cpu_s() + cpu_s
        self._until_s = time.monotonic() + wall_s

    def _cpu_s(self) -> float:
        try:
            times = self._watched.cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        left = memoryview(line.encode("ascii") + b"\n")
        try:
            pipe = self._process.stdin.fileno()
            while left:
                self._in_time()
                if select.select([], [pipe], [], LOOK_EVERY_S)[1]:
                    left = left[os.write(pipe, left[:PIECE_BYTES]) :]
        except (OSError, ValueError):
            raise self._end() from None

    def _reply(self) -> dict[str, Any]:
        """The next line of the box. Raises Ended where none comes, TooLong where it takes long."""
        assert self._process.stdout is not None
        self._in_time()
        while b"\n" not in self._buffer:
            pipe = self._process.stdout
            if pipe.closed:
                raise self._end()
            if select.select([pipe], [], [], LOOK_EVERY_S)[0]:
                self._read(pipe.fileno())
            self._in_time()
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            raise self._end() from None
        return reply if isinstance(reply, dict) else {}

    def _in_time(self) -> None:
        """Raises TooLong once the box has taken more than it may, whatever it does meanwhile."""
        if time.monotonic() > self._until_s or self._cpu_s() > self._cpu_until_s:
            self.too_long = True
            raise self._end()

    def _read(self, pipe: int) -> None:
        more = os.read(pipe, 1 << 16)
        if not more or len(self._buffer) > LONGEST_LINE:
            raise self._end()
        self._buffer += more

    def _end(self) -> BaseException:
        """What to raise when the box is no more: whether time or something else has ended it."""
        if self.too_long:
            self.close()
            return TooLong()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        status = self._process.poll()
        self.close()
        return Ended(f"its process ended (exit status {status})")


def _told(arguments: Sequence[Any], functions: Sequence[int], reply: dict[str, Any]) -> str:
    """What a function among the arguments, which never leaves here, says to an answer's values."""
    try:
        if reply["asks"] not in functions:
            raise ValueError("there is no such function")
        values = wire.unpack(reply["with"])
        if not all(map(_is_numbers, values)):
            raise ValueError("it takes numbers")
        return wire.pack({"value": arguments[reply["asks"]](*values)})
    except Exception as error:  # of the exercise's own function, given whatever the answer gives it
        return wire.pack({"error": f"{type(error).__name__}: {error}"[: wire.LONGEST_TEXT]})


def _is_numbers(value: object) -> bool:
    """Whether a value is a number or a dict of numbers: computing with it out here is soon done."""
    values = value.values() if isinstance(value, dict) else [value]
    return all(isinstance(one, int | float) for one in values)


def _start() -> subprocess.Popen[bytes]:
    """An empty box. Nothing of this process's environment goes in but what Python may need."""
    program = f"{PROGRAM}box.main()"
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", program, str(readable.PACKAGE.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict.fromkeys(THREADS, "1") | {n: os.environ[n] for n in KEPT if n in os.environ},
        cwd="/",
        start_new_session=True,
    )


def _order(statements: Sequence[str], asked: str, trust: bool) -> dict[str, object]:
    torch = any(name in source for source in statements for name in ("torch", "scaletoolkit"))
    return {
        "statements": list(statements),
        "asked": asked,
        "path": readable.search_path(),
        "readable": readable.folders(),
        "memory_bytes": ROOM_FOR_TORCH if torch else ROOM,
        "torch": torch,
        "trust": trust,
    }
