"""A kernel of its own for a test: cells are run, interrupted, and what they leave is found."""

import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty

from jupyter_client import KernelManager
from tools import strict

PATIENCE_S = 300
GRACE_S = 10
SILENCE_S = 5  # after an interrupt; then the kernel is asked whether it still knows of the cell
HELPERS = ("ipykernel", "multiprocessing.resource_tracker", "multiprocessing.forkserver")


@dataclass
class Ran:
    """What one execution of a cell did.

    went_on_s: how long it ran after its interrupt; None where it was not interrupted. complaints:
    the lines of its tracebacks and of stderr. error: the name of what it raised; "" for nothing.
    """

    seconds: float = 0.0
    went_on_s: float | None = None
    printed: str = ""
    complaints: list[str] = field(default_factory=list)
    error: str = ""
    sentence: str = ""


class Kernel:
    """A kernel whose processes carry a mark and whose temporary files lie in one folder."""

    def __init__(self, cwd):
        self.token = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="kernel-"))
        self.manager = KernelManager(connection_file=str(self.folder / "kernel.json"))
        self.manager.start_kernel(
            env=strict.environment(self.folder, self.token),
            cwd=str(cwd),
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(PATIENCE_S)

    def run(self, source, interrupt_s=None):
        """Execute a cell, and interrupt it if it still runs after so many seconds: a Ran.

        An interrupt that hits ipykernel itself and not the cell ends the cell without a word of it.
        Whether that happened, a question tells that the kernel answers only after the cell.
        """
        request = self.client.execute(source)
        question = None
        start_s = time.monotonic()
        interrupted_s = None
        ran = Ran()
        done = False
        while not done:
            now_s = time.monotonic()
            if interrupted_s is None and interrupt_s is not None and now_s > start_s + interrupt_s:
                self.manager.interrupt_kernel()
                interrupted_s = now_s
            if question is None and interrupted_s and now_s > interrupted_s + SILENCE_S:
                question = self.client.kernel_info()
            if now_s > start_s + PATIENCE_S:
                raise TimeoutError(f"a cell was not done after {PATIENCE_S} s: {source}")
            done = self._hear(request, question, ran)
        ran.seconds = time.monotonic() - start_s
        if interrupted_s:
            ran.went_on_s = time.monotonic() - interrupted_s
        return ran

    def _hear(self, request, question, ran):
        """Note in `ran` what comes next from this request; whether it was the last."""
        try:
            message = self.client.get_iopub_msg(timeout=0.05)
        except Empty:
            return False
        parent = message["parent_header"].get("msg_id")
        if question is not None and parent == question:
            ran.error = "KeyboardInterrupt"
            return _is_last(message)
        if parent != request:
            return False
        content = message["content"]
        if message["msg_type"] == "display_data":
            ran.printed += content["data"].get("text/plain", "")
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            ran.printed += content["text"]
        if message["msg_type"] == "stream" and content["name"] == "stderr":
            ran.complaints += content["text"].splitlines()
        if message["msg_type"] == "error":
            ran.error = content["ename"]
            ran.sentence = content["evalue"]
            ran.complaints += "\n".join(content["traceback"]).splitlines()
        return _is_last(message)

    def running(self, patience_s=None):
        """Command lines of what runs beside the kernel and the helpers of multiprocessing.

        Waits so long until there is nothing.
        """
        end_s = time.monotonic() + (GRACE_S if patience_s is None else patience_s)
        while True:
            commands = [strict.command_line(process) for process in strict.marked(self.token)]
            others = [c for c in commands if c and not any(helper in c for helper in HELPERS)]
            if not others or time.monotonic() > end_s:
                return others
            time.sleep(0.1)

    def close(self):
        """End the kernel: what has outlived it, a list of sentences."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=not self.manager.is_alive())
        left = strict.left(self.token, self.folder, GRACE_S)
        for survivor in strict.marked(self.token):
            survivor.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        return left


def _is_last(message):
    """Whether a kernel says with this that it has done what it was asked."""
    state = message["content"].get("execution_state")
    return message["msg_type"] == "status" and state == "idle"
