"""One replica, seen from the gateway: its process, its connection, its state. Lab 07."""

import asyncio
import contextlib
import math
import sys
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import numpy as np

from scaletoolkit.service import frames
from scaletoolkit.service.gateway.starter import ReplicaProcess, Starter
from scaletoolkit.serving.batching import Batcher, ReplicaLost

PATIENCE_S = 2.0

Item = np.void  # a record of numpy's, with a field for each input of the model
Row = tuple[np.ndarray, ...]  # an array for each output
Answer = tuple[Row, str]  # and the version of the model that made it
ItemBatcher = Batcher[Item, Answer]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Outcome = TypeVar("Outcome")


class ModelError(Exception):
    """The model could not answer; the fault is the item's."""


class Replica:
    """A replica. connected: the future of its connection. leaving: whether it was told to go.

    cpu_s: CPU seconds used since it was ready. memory_bytes: what the model took when it was loaded
    (Linux). trouble: why the model could not be loaded, if so.
    """

    def __init__(
        self, orders: frames.Orders, connected: asyncio.Future[Streams], batch_timeout_s: float
    ) -> None:
        self.name = orders["name"]
        self.orders = orders
        self.connected = connected
        self.batch_timeout_s = batch_timeout_s
        self.state: Literal["starting", "ready", "draining", "ended"] = "starting"
        self.provider = ""
        self.trouble = ""
        self.version = ""
        self.memory_bytes = 0
        self.was_ready = False
        self.leaving = False
        self.cpu_s = 0.0
        self._cpu_before_s = 0.0
        self._process: ReplicaProcess | None = None
        self._serving: asyncio.Task[None] | None = None
        self._busy = False

    @property
    def pid(self) -> int:
        """The replica's process id, 0 before there is one."""
        return self._process.pid if self._process else 0

    async def live(
        self, starter: Starter, batcher: ItemBatcher, on_ready: Callable[[], object]
    ) -> None:
        """Start, serve from the batcher until drained or dead, and leave nothing behind."""
        try:
            self._process = await starter.start(self.orders)
            if self.leaving:  # told to go before there was a process to end
                self._kill()
            await self._load(self._process)
            if not self.leaving:
                self.state = "ready"
                self.was_ready = True
                on_ready()
                await self._serve(self._process, batcher)
        except Exception as error:  # whatever has ended it, it is replaced
            if not self.leaving:
                print(f"{self.name} is lost: {error}", file=sys.stderr)
        finally:
            self.state = "ended"
            await self._stop()

    def drain(self) -> None:
        """Take no more batches; the one in flight is answered. Before it is ready: end."""
        if self.state == "starting":
            self._kill()
        self.state = "draining"
        self.leaving = True
        if self._serving and not self._busy:
            self._serving.cancel()

    async def _load(self, process: ReplicaProcess) -> None:
        """Wait until it has connected and its model is loaded."""
        reader, _ = await _or_lost(self.connected, process)
        ready, _ = await _or_lost(frames.read(reader), process)
        if "error" in ready:
            self.trouble = f"the model cannot be loaded: {ready['error']}"
            raise ReplicaLost(self.trouble)
        self.provider = ready["provider"]
        self.version = ready["version"]
        self.memory_bytes = ready["memory_bytes"]
        self._cpu_before_s = ready["cpu_s"]

    async def _serve(self, process: ReplicaProcess, batcher: ItemBatcher) -> None:
        """Two things at once: answer batches, and notice that the process has ended."""
        serving = asyncio.create_task(batcher.serve(self.call, lambda: not self.leaving))
        self._serving = serving
        ended = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait([serving, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            serving.cancel()  # what it has in flight goes back to the queue
            await asyncio.gather(serving, return_exceptions=True)
        if not self.leaving:
            raise ReplicaLost(f"its process {self.pid} ended")

    async def call(self, items: list[Item]) -> list[Answer | Exception]:
        """Answers to a batch, one an item; an item's own failure: ModelError.

        Raises ReplicaLost when it ends or takes too long, ModelError when the whole call failed.
        """
        reader, writer = self.connected.result()
        self._busy = True
        alarm = asyncio.get_running_loop().call_later(self.batch_timeout_s, self._kill)
        try:
            body = b"".join([item.tobytes() for item in items])
            writer.write(frames.pack({"size": len(items)}, body))
            header, answer = await frames.read(reader)
        except (OSError, EOFError, ValueError) as error:  # ValueError: its next frame is nowhere
            raise ReplicaLost(f"{self.name} was lost with a batch in hand: {error}") from error
        finally:
            self._busy = False
            alarm.cancel()
        self.cpu_s = header["cpu_s"] - self._cpu_before_s
        if "error" in header:
            raise ModelError(f"the model failed: {header['error']}")
        return _results(header, answer, self.version)

    def _kill(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _stop(self) -> None:
        """End the connection, which ends the process; kill what does not listen."""
        if self.connected.done() and not self.connected.cancelled():
            _, writer = self.connected.result()
            writer.close()
        self.connected.cancel()
        if not self._process:
            return
        try:
            await asyncio.wait_for(self._process.wait(), PATIENCE_S)
        except TimeoutError:
            self._kill()
            await self._process.wait()


async def _or_lost(awaitable: Awaitable[Outcome], process: ReplicaProcess) -> Outcome:
    """The awaitable's result; raises ReplicaLost when the process ends first."""
    step = asyncio.ensure_future(awaitable)
    ended = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait([step, ended], return_when=asyncio.FIRST_COMPLETED)
        if not step.done():
            raise ReplicaLost("it ended before it was ready")
        return step.result()
    finally:
        step.cancel()
        ended.cancel()


def _results(header: frames.Header, body: bytes, version: str) -> list[Answer | Exception]:
    """One answer an item; an item whose numbers are not finite has a ModelError instead."""
    outputs = []
    wrong: set[int] = set()
    at = 0
    for dtype, shape in header["outputs"]:
        array = np.frombuffer(body, dtype, math.prod(shape), at).reshape(shape)
        at += array.nbytes
        outputs.append(array)
        if array.dtype.kind == "f" and not all_finite(array):
            finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
            wrong.update(np.flatnonzero(~finite).tolist())
    answers: list[Answer | Exception] = [(row, version) for row in zip(*outputs, strict=True)]
    for k in wrong:
        answers[k] = ModelError("the model's answer is not a finite number")
    return answers


def all_finite(array: np.ndarray) -> bool:
    """Whether each number is finite. Where the sum of squares is, which is soon known, they are."""
    return math.isfinite(np.vdot(array, array)) or bool(np.isfinite(array).all())
