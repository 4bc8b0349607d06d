"""One replica, seen from the gateway: its process, its connection, its state. Lab 07."""

import asyncio
import contextlib
import sys

import numpy as np

from scaletoolkit.service import frames
from scaletoolkit.serving.batching import ServerLost

PATIENCE_S = 2.0


class ModelError(Exception):
    """The model could not answer; the fault is the item's."""


class Member:
    """A replica: starting, ready, draining, ended.

    cpu_s: CPU seconds used since it was ready. leaving: whether it was told to go.
    """

    def __init__(self, name, orders, batch_timeout_s):
        self.name, self.orders = name, orders | {"name": name}
        self.batch_timeout_s, self.connected = batch_timeout_s, asyncio.Future()
        self.state, self.provider, self.leaving = "starting", "", False
        self.cpu_s = self._cpu_before_s = 0.0
        self._process = self._reader = self._writer = self._serving = None
        self._busy = False

    @property
    def pid(self):
        """The replica's process id, 0 before there is one."""
        return self._process.pid if self._process else 0

    async def live(self, nursery, batcher, on_ready):
        """Start, serve from the batcher until drained or dead, and leave nothing behind."""
        try:
            await self._start(nursery)
            if not self.leaving:
                self.state = "ready"
                on_ready()
                await self._serve(batcher)
        except (ServerLost, OSError, EOFError) as error:
            if not self.leaving:
                print(f"{self.name} is lost: {error}", file=sys.stderr)
        finally:
            self.state = "ended"
            await self._stop()

    def drain(self):
        """Take no more batches; the one in flight is answered. Before it is ready: end."""
        if self.state == "starting" and self._process:
            self._kill()
        self.state, self.leaving = "draining", True
        if self._serving and not self._busy:
            self._serving.cancel()

    async def _start(self, nursery):
        self._process = await nursery.start(self.orders)
        self._reader, self._writer = await self._or_lost(self.connected)
        ready, _ = await self._or_lost(frames.read(self._reader))
        if "error" in ready:
            raise ServerLost(f"the model cannot be loaded: {ready['error']}")
        self.provider, self._cpu_before_s = ready["provider"], ready["cpu_s"]

    async def _or_lost(self, awaitable):
        """The awaitable's result, or ServerLost when the process ends first."""
        step, ended = asyncio.ensure_future(awaitable), asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait([step, ended], return_when=asyncio.FIRST_COMPLETED)
            if not step.done():
                raise ServerLost("it ended before it was ready")
            return step.result()
        finally:
            step.cancel()
            ended.cancel()

    async def _serve(self, batcher):
        """Two things at once: answer batches, and notice that the process has ended."""
        self._serving = asyncio.create_task(batcher.serve(self.call, lambda: not self.leaving))
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait([self._serving, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            self._serving.cancel()  # what it has in flight goes back to the queue
            await asyncio.gather(self._serving, return_exceptions=True)
        if not self.leaving:
            raise ServerLost(f"its process {self.pid} ended")

    async def call(self, items):
        """Results of a batch of float32 arrays, one an item; an item's own failure is a ModelError.

        A replica that takes longer than `batch_timeout_s` is killed.
        """
        self._busy = True
        alarm = asyncio.get_running_loop().call_later(self.batch_timeout_s, self._kill)
        try:
            body = b"".join([item.tobytes() for item in items])
            self._writer.write(frames.pack({"size": len(items)}, body))
            header, answer = await frames.read(self._reader)
        except (OSError, EOFError) as error:
            raise ServerLost(f"{self.name} ended with a batch in hand") from error
        finally:
            self._busy = False
            alarm.cancel()
        self.cpu_s = header["cpu_s"] - self._cpu_before_s
        if "error" in header:
            raise ModelError(f"the model failed: {header['error']}")
        return _results(header, answer)

    def _kill(self):
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _stop(self):
        """End the connection, which ends the process; kill what does not listen."""
        if not self._process:
            return
        if self._writer:
            self._writer.close()
        try:
            await asyncio.wait_for(self._process.wait(), PATIENCE_S)
        except TimeoutError:
            self._kill()
            await self._process.wait()


def _results(header, body):
    """One array an item; an item whose numbers are not finite has a ModelError instead."""
    rows = np.frombuffer(body, header["dtype"]).reshape(header["size"], *header["shape"])
    if np.isfinite(rows).all():
        return list(rows)
    wrong = ModelError("the model's answer is not a finite number")
    return [row if np.isfinite(row).all() else wrong for row in rows]
