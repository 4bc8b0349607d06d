"""Starts the processes of replicas: forked from a warm template, or from nothing. Lab 09.

Starting Python and numpy takes most of a replica's start; on Linux a template does it once. Every
replica holds the read end of one pipe (`processes.end_with`) and so ends with the gateway. The
processes are asyncio's, because the gateway must never wait for one.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys

from scaletoolkit.service.frames import Orders
from scaletoolkit.serving.batching import ReplicaLost

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
SILENT = {"ORT_DISABLE_TELEMETRY": "1"}  # read when ONNX Runtime is imported
PATIENCE_S = 30.0  # for a template, which needs a second, and as much again to fork
CAN_FORK = sys.platform == "linux" and hasattr(os, "pidfd_open")


class ForkedProcess:
    """A process that is no child of this one, held by a file descriptor of Linux' (a pidfd)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended = asyncio.Event()
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._ended.set()
        else:
            asyncio.get_running_loop().add_reader(self._handle, self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self._ended.set()

    async def wait(self) -> None:
        """Return when the process has ended."""
        await self._ended.wait()

    def kill(self) -> None:
        """End it now; raises ProcessLookupError when it has ended."""
        if self._ended.is_set():
            raise ProcessLookupError(f"process {self.pid} has ended")
        signal.pidfd_send_signal(self._handle, signal.SIGKILL)


ReplicaProcess = asyncio.subprocess.Process | ForkedProcess


class Starter:
    """Where replicas' processes come from. `warm`: fork them from a template, where that works."""

    def __init__(self, warm: bool) -> None:
        self._warm = warm and CAN_FORK
        self._template: asyncio.subprocess.Process | None = None
        self._one_by_one = asyncio.Lock()
        self._ending = False
        self._pipe = os.pipe()

    async def start(self, orders: Orders) -> ReplicaProcess:
        """A process that follows the orders; raises ReplicaLost when there is none."""
        if self._ending:
            raise ReplicaLost("the server is stopping")
        line = json.dumps(orders).encode() + b"\n"
        if self._warm:
            return await self._forked(line)
        process = await self._python("replica", asyncio.subprocess.DEVNULL)
        assert process.stdin is not None  # a pipe
        process.stdin.write(line)
        return process

    async def _forked(self, line: bytes) -> ForkedProcess:
        async with self._one_by_one:
            if self._ending:  # while this one waited for its turn
                raise ReplicaLost("the server is stopping")
            if self._template is None or self._template.returncode is not None:
                self._template = await self._python("replica.template", asyncio.subprocess.PIPE)
            if self._ending:
                await self._end_template()
            assert self._template.stdin is not None  # pipes, both
            assert self._template.stdout is not None
            self._template.stdin.write(line)
            try:
                pid = await asyncio.wait_for(self._template.stdout.readline(), PATIENCE_S)
            except TimeoutError:  # it has been stopped, or hangs: the next replica has a new one
                await self._end_template()
                pid = b""
        if not pid:
            raise ReplicaLost("the template of the replicas ended")
        return ForkedProcess(int(pid))

    async def _python(self, module: str, stdout: int) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", f"scaletoolkit.service.{module}", str(self._pipe[0])]
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=stdout,
            env=os.environ | ONE_THREAD | SILENT,
            pass_fds=[self._pipe[0]],
        )

    async def begin_to_close(self) -> None:
        """Start no more replicas; nobody waits for the template any more."""
        self._ending = True
        await self._end_template()

    async def _end_template(self) -> None:
        if self._template:
            with contextlib.suppress(ProcessLookupError):
                self._template.kill()
            await self._template.wait()

    def close(self) -> None:
        """Replicas that are still there end."""
        for descriptor in self._pipe:
            os.close(descriptor)
