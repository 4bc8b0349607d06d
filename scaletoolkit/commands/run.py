"""One lab without a browser, from its first cell: its sections and claims as they come."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletoolkit import lab
from scaletoolkit.copies.labs import LABS, Cell, find, headings
from scaletoolkit.lab.profile import PROFILES
from scaletoolkit.lab.records import REFERENCE

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from nbformat import NotebookNode

CELL_TIMEOUT_S = 600


class LabFailed(lab.LabError):
    """A lab that was executed stopped before its end; the sentence says where and why."""


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `run` takes and does. Exit status 1: a cell or a claim of the lab failed."""
    parser.add_argument("lab", help="its number or name, for example 01")
    parser.add_argument("--profile", help="ci, laptop or workstation: how much data")
    parser.add_argument("--save", metavar="FILE", help="where to write the executed notebook")
    return _run


def _run(options: Namespace) -> int:
    try:
        run(find(options.lab), options.profile, options.save)
    except LabFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def run(
    path: Path,
    profile: str | None = None,
    save: str | Path | None = None,
    say: Callable[[str], object] = print,
) -> NotebookNode:
    """Execute a lab and say its sections and claims as they come. Returns the executed notebook.

    save: where the executed notebook goes, also when the lab stopped early; it then knows nobody's
    records, and what a lab of `labs/` keeps becomes the reference where it is saved in its place.
    Raises LabError where it cannot start and LabFailed where a cell of it fails.
    """
    if save:
        _require_writable(Path(save))
    notebook = _read(path)
    start_s = time.monotonic()
    client = _client(notebook, path)
    client.on_cell_start = partial(_say_sections, say, start_s)
    client.on_cell_executed = partial(_say_claims, say)
    try:
        with tempfile.TemporaryDirectory(prefix="records-") as nobodys:
            records = {"SCALETOOLKIT_RECORDS": nobodys} if save else {}
            _execute(client, _environment(profile) | records)
    finally:
        if save:
            _write(notebook, Path(save))
    if save and Path(save).resolve() == path.resolve() and path.resolve().parent == LABS:
        update_reference(notebook, REFERENCE)
    say(f"{time.monotonic() - start_s:7.1f} s  done: {path.name}")
    return notebook


def update_reference(notebook: NotebookNode, path: Path) -> None:
    """Write the numbers that a recorded lab has kept into the reference, with those of the others.

    They stand in the metadata of the output of `lab.summary()`.
    """
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    records = [output.get("metadata", {}).get("scaletoolkit") for output in outputs]
    for record in filter(None, records):
        numbers = json.loads(path.read_text(encoding="utf-8"))
        others = {name: kept for name, kept in numbers.items() if name[:2] != record.get("lab")}
        text = json.dumps(dict(sorted((others | record["kept"]).items())), indent=1)
        path.write_text(text + "\n", encoding="utf-8")


def _read(path: Path) -> NotebookNode:
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise lab.LabError(f"{path} cannot be read as a notebook: {error}") from None


def _client(notebook: NotebookNode, path: Path) -> NotebookClient:
    from nbclient import NotebookClient

    notebook.metadata.pop("widgets", None)
    return NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT_S,
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.resolve().parent)}},
    )


def _environment(profile: str | None) -> dict[str, str]:
    if profile is None:
        return dict(os.environ)
    if profile not in PROFILES:
        raise lab.LabError(f"There is no profile {profile!r}; there are {', '.join(PROFILES)}.")
    return os.environ | {"SCALETOOLKIT_PROFILE": profile}


def _say_sections(
    say: Callable[[str], object], start_s: float, cell: Cell, cell_index: int
) -> None:
    for words in headings(cell):
        say(f"{time.monotonic() - start_s:7.1f} s  {words}")


def _say_claims(say: Callable[[str], object], cell: Cell, **_: object) -> None:
    outputs = cell.get("outputs", [])
    text = "".join(o["text"] for o in outputs if o["output_type"] == "stream")
    for claim in re.findall("^[✔✘].*$", text, re.MULTILINE):
        say(f"          {claim}")


def _execute(client: NotebookClient, environment: Mapping[str, str]) -> None:
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    try:
        _in_thread(client.async_execute(env=environment))
    except NoSuchKernel:
        raise lab.LabError(
            "There is no Jupyter kernel named python3; `make start` or `pip install ipykernel` "
            "brings one."
        ) from None
    except CellTimeoutError:
        raise LabFailed(f"A cell ran for more than {CELL_TIMEOUT_S} s and was stopped.") from None
    except DeadKernelError:
        raise LabFailed("The lab's kernel died, as it does when memory runs out.") from None
    except CellExecutionError as error:
        raise _failure(client.nb, error) from None


def _in_thread(coroutine: Coroutine[Any, Any, object]) -> None:
    """Wait for a coroutine that runs in a thread of its own, where nbclient handles no signals.

    So Ctrl-C arrives here and cancels the coroutine, which ends the kernel before it is done.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    job = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        job.result()
    finally:
        job.cancel()
        asyncio.run_coroutine_threadsafe(_others_done(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _others_done() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


def _failure(notebook: NotebookNode, error: CellExecutionError) -> lab.LabError:
    if error.ename == "ModuleNotFoundError":
        return lab.LabError(
            f"The lab needs a package that is not installed ({error.evalue}); "
            "`python -m scaletoolkit doctor` says what is missing."
        )
    if error.ename == "ClaimFailed":
        return LabFailed(error.evalue)
    outputs = [(cell.get("id", "?"), o) for cell in notebook.cells for o in cell.get("outputs", [])]
    failed = [name for name, output in outputs if output["output_type"] == "error"]
    return LabFailed(f"The cell {failed[-1]!r} stopped: {error.ename}: {error.evalue}")


def _require_writable(path: Path) -> None:
    folder = path.resolve().parent
    if not folder.is_dir():
        raise lab.LabError(f"{path} cannot be written: there is no folder {folder}.")
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise lab.LabError(f"{path} cannot be written: it is a folder or lies in a read-only one.")


def _write(notebook: NotebookNode, path: Path) -> None:
    import nbformat

    notebook.metadata["language_info"] = {"name": "python"}
    partial_path = path.with_suffix(".partial")
    nbformat.write(notebook, partial_path)
    partial_path.replace(path)
