"""Starts the processes of replicas: forked from a warm template, or from nothing. Lab 09.

Starting Python and numpy takes most of a replica's start. On Linux a template does it once and then
forks, so a new replica is there in a tenth of a second, and twenty of them do not fight for the
cores. Every process of the nursery holds the read end of one pipe and ends when the pipe does:
when the gateway ends, however it ends.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys

from scaletoolkit.serving.batching import ServerLost

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
CAN_FORK = sys.platform == "linux" and hasattr(os, "pidfd_open")


class Nursery:
    """Where replicas' processes come from. `warm`: fork them from a template, where that works."""

    def __init__(self, warm=True):
        self._warm, self._template = warm and CAN_FORK, None
        self._one_by_one, self._life = asyncio.Lock(), os.pipe()

    async def start(self, orders):
        """A process that follows the orders (a dict): it has `pid`, `wait()` and `kill()`."""
        line = json.dumps(orders).encode() + b"\n"
        if not self._warm:
            process = await self._python("replica")
            process.stdin.write(line)
            return process
        async with self._one_by_one:
            if self._template is None or self._template.returncode is not None:
                self._template = await self._python(
                    "replica.template", stdout=asyncio.subprocess.PIPE
                )
            self._template.stdin.write(line)
            pid = await self._template.stdout.readline()
        if not pid:
            raise ServerLost("the template of the replicas ended")
        return Forked(int(pid))

    async def _python(self, module, stdout=asyncio.subprocess.DEVNULL):
        command = [sys.executable, "-m", f"scaletoolkit.service.{module}", str(self._life[0])]
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=stdout,
            env=os.environ | ONE_THREAD,
            pass_fds=[self._life[0]],
        )

    async def close(self):
        """End the template; replicas that are still there end with this process."""
        if self._template:
            with contextlib.suppress(ProcessLookupError):
                self._template.kill()
            await self._template.wait()
        for end in self._life:
            os.close(end)


class Forked:
    """A process that is no child of this one, held by a file descriptor of Linux' (a pidfd)."""

    def __init__(self, pid):
        self.pid, self._ended = pid, asyncio.Event()
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._ended.set()
        else:
            asyncio.get_running_loop().add_reader(self._handle, self._end)

    def _end(self):
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self._ended.set()

    async def wait(self):
        """Return when the process has ended."""
        await self._ended.wait()

    def kill(self):
        """End it now; ProcessLookupError when it has ended."""
        if self._ended.is_set():
            raise ProcessLookupError(f"process {self.pid} has ended")
        signal.pidfd_send_signal(self._handle, signal.SIGKILL)
