"""What executes a notebook: nbclient, with bounds on what a cell may write."""

from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbformat import NotebookNode

CELL_TIMEOUT_S = 600
MOST_CHARACTERS = 1_000_000


class Client(NotebookClient):
    """Executes a notebook's cells in a kernel of their own.

    A cell that writes more than MOST_CHARACTERS is cut there. nbclient itself would search each
    line of all that again and again, and nothing could stop it meanwhile.
    """

    def __init__(self, notebook: NotebookNode, path: Path) -> None:
        super().__init__(
            notebook,
            kernel_name="python3",
            timeout=CELL_TIMEOUT_S,
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            resources={"metadata": {"path": str(path.resolve().parent)}},
        )
        self._written: dict[int, int] = {}

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        """Take in one output of a cell."""
        if msg["msg_type"] == "stream":
            text = msg["content"]["text"]
            before = self._written.get(cell_index, 0)
            self._written[cell_index] = before + len(text)
            if before > MOST_CHARACTERS:
                return None
            if before + len(text) > MOST_CHARACTERS:
                cut = f"\n[cut after {MOST_CHARACTERS:,} characters]\n"
                msg["content"]["text"] = text[: MOST_CHARACTERS - before] + cut
        return super().output(outs, msg, display_id, cell_index)


def forget_outputs(notebook: NotebookNode) -> None:
    """Take away what an earlier run has left: what is stored comes from one run alone."""
    for cell in notebook.cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None


def join_streams(cell: NotebookNode) -> None:
    """Join what a cell wrote in pieces, and keep of each line what a terminal would show last."""
    joined: list[NotebookNode] = []
    for output in cell.get("outputs", []):
        if joined and _stream(output) and _stream(output) == _stream(joined[-1]):
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    for output in joined:
        if output["output_type"] == "stream" and "\r" in output["text"]:
            lines = output["text"].replace("\r\n", "\n").split("\n")
            output["text"] = "\n".join(line.rsplit("\r", 1)[-1] for line in lines)
    if "outputs" in cell:
        cell["outputs"] = joined


def _stream(output: NotebookNode) -> str:
    """The stream to which an output was written; "" for another kind of output."""
    return str(output["name"]) if output["output_type"] == "stream" else ""
