"""Run the cells of a notebook as an impatient learner does: twice each, the long ones interrupted.

`python tests/tools/forgiving.py labs/01_partitioning.ipynb` says what did not forgive.
"""

import re
import shutil
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty

from jupyter_client import KernelManager

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tools import guards, notebooks, strict

PATIENCE_S = 300
GRACE_S = 10
MOST_LINES = 60  # that an interrupted cell may say
MOMENTS_S = (0.5, 2.0)  # after its start, a cell that still runs is interrupted
CHEAP_S = 5  # what took so long after its interrupts is not run once more
HELPERS = ("ipykernel", "multiprocessing.resource_tracker", "multiprocessing.forkserver")
MEASURED = re.compile("⟨[^⟩]*⟩")


@dataclass
class Ran:
    """What one execution of a cell did."""

    seconds: float = 0.0
    after_s: float = 0.0
    interrupted: bool = False
    printed: str = ""
    lines: list[str] = field(default_factory=list)
    error: str = ""
    sentence: str = ""


class Kernel:
    """A kernel whose processes carry a mark and whose temporary files lie in one folder."""

    def __init__(self, cwd):
        self.token = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="forgiving-"))
        self._manager = KernelManager(connection_file=str(self.folder / "kernel.json"))
        self._manager.start_kernel(
            env=strict.environment(self.folder, self.token),
            cwd=str(cwd),
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(PATIENCE_S)

    def run(self, source, interrupt_s=None):
        """Execute a cell, interrupt it when it still runs after `interrupt_s`: a Ran."""
        message_id = self._client.execute(source)
        ran = Ran()
        start_s = time.monotonic()
        interrupted_s = None
        while True:
            now_s = time.monotonic()
            if interrupt_s is not None and not ran.interrupted and now_s - start_s >= interrupt_s:
                self._manager.interrupt_kernel()
                ran.interrupted = True
                interrupted_s = now_s
            if now_s - start_s > PATIENCE_S:
                ran.error = "Patience"
                ran.sentence = f"not done after {PATIENCE_S} s"
                break
            try:
                message = self._client.get_iopub_msg(timeout=0.05)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if _note(ran, message):
                break
        end_s = time.monotonic()
        ran.seconds = end_s - start_s
        ran.after_s = end_s - interrupted_s if interrupted_s else 0.0
        return ran

    def running(self):
        """Command lines of what runs beside the kernel and multiprocessing's helpers."""
        commands = [" ".join(process.cmdline()) for process in strict.marked(self.token)]
        return [c for c in commands if c and not any(helper in c for helper in HELPERS)]

    def close(self):
        """End the kernel: what has outlived it, a list of sentences."""
        self._client.stop_channels()
        self._manager.shutdown_kernel()
        left = strict.left(self.token, self.folder, GRACE_S)
        for survivor in strict.marked(self.token):
            survivor.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        return left


def _note(ran, message):
    """Add what a message says; whether it was the last one."""
    content = message["content"]
    kind = message["msg_type"]
    if kind == "stream":
        if content["name"] == "stdout":
            ran.printed += content["text"]
        else:
            ran.lines += content["text"].splitlines()
    if kind == "error":
        ran.error = content["ename"]
        ran.sentence = content["evalue"]
        ran.lines += "\n".join(content["traceback"]).splitlines()
    return kind == "status" and content["execution_state"] == "idle"


def problems(path, say=lambda text: None):
    """What in a notebook does not forgive: a list of sentences."""
    kernel = Kernel(path.parent)
    found = []
    try:
        for cell in guards.code_cells(notebooks.read(path)):
            for sentence in _cell(kernel, cell, say):
                found.append(f"cell {cell.id}: {sentence}")
                say(f"    !! {found[-1]}")
        end_s = time.monotonic() + GRACE_S
        while (running := kernel.running()) and time.monotonic() < end_s:
            time.sleep(0.2)
        found += [f"after the last cell there runs: {command[:200]}" for command in running]
    finally:
        left = kernel.close()
    return found + [f"it left {sentence}" for sentence in left]


def _cell(kernel, cell, say):
    start_s = time.monotonic()
    moments = []
    for moment_s in MOMENTS_S:
        ran = kernel.run(cell.source, moment_s)
        if not ran.interrupted:
            break
        moments.append(f"{moment_s} s ({len(ran.lines)} lines, {ran.after_s:.1f} s later)")
        if ran.error not in ("", "KeyboardInterrupt"):
            yield f"interrupted after {moment_s} s: {ran.error}: {ran.sentence}"
        if len(ran.lines) > MOST_LINES:
            yield f"interrupted after {moment_s} s: {len(ran.lines)} lines"
            (Path("/tmp/fg") / f"lines-{cell.id}").write_text("\n".join(ran.lines))
        if ran.after_s > GRACE_S:
            yield f"interrupted after {moment_s} s: it went on for {ran.after_s:.0f} s"
    if ran.interrupted:
        ran = kernel.run(cell.source)
        yield from _complete(cell, ran, "run again after interrupts")
    else:
        yield from _complete(cell, ran, "run")
    if not moments or ran.seconds < CHEAP_S:
        yield from _complete(cell, kernel.run(cell.source), "run twice")
    say(f"{cell.id}: {ran.seconds:.2f} s, in all {time.monotonic() - start_s:.1f}; {moments}")


def _complete(cell, ran, when):
    if bool(ran.error) != ("raises-exception" in guards.tags(cell)):
        yield f"{when}: {ran.error}: {ran.sentence}"
    elif not guards.ignored(cell):
        stored = "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
        if MEASURED.sub("⟨⟩", ran.printed) != MEASURED.sub("⟨⟩", stored):
            yield f"{when}: it prints something else than stored: {ran.printed!r}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        start = time.monotonic()
        sentences = problems(Path(name), lambda text: print(text, flush=True))
        print(name, f"{time.monotonic() - start:.0f} s", *sentences, sep="\n")
