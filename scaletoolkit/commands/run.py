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
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletoolkit import lab
from scaletoolkit.copies.labs import LABS, Cell, find, headings, read
from scaletoolkit.lab.profile import PROFILES
from scaletoolkit.lab.records import REFERENCE
from scaletoolkit.machine import files

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from nbformat import NotebookNode


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

    save: where the executed notebook goes, also when the lab stopped early; but its own place only
    when it ran to its end, and nothing was saved there meanwhile. A lab of `labs/` that is saved in
    its place becomes the reference. It, and what is saved, know nobody's records.
    Raises LabError where it cannot start or be saved, and LabFailed where a cell of it fails.
    """
    target = None if save is None else files.place(Path(save))
    in_place = target == path.resolve()
    before = _content(path) if in_place else None
    notebook = _read(path)
    start_s = time.monotonic()
    own_records = target is None and not _is_the_courses(path)
    try:
        _execute(_client(notebook, path, say), _environment(profile), own_records)
    except BaseException:
        if target and not in_place:
            files.replace(target, _bytes(notebook))
        raise
    if target:
        _save(notebook, target, before)
    say(f"{time.monotonic() - start_s:7.1f} s  done: {path.name}")
    return notebook


def _content(path: Path) -> bytes | None:
    """What lies in a file now; None where it cannot be read."""
    with suppress(OSError):
        return path.read_bytes()
    return None


def _save(notebook: NotebookNode, target: Path, before: bytes | None) -> None:
    """Write an executed notebook; over its lab only where that holds what it did before."""
    if before is not None and _content(target) not in (None, before):
        raise lab.LabError(
            f"{target.name} was changed while it ran: it stays as it was saved, without the "
            "results of this run. Run it again."
        )
    files.replace(target, _bytes(notebook))
    if before is not None and _is_the_courses(target):
        update_reference(notebook, REFERENCE)


def _is_the_courses(path: Path) -> bool:
    return path.resolve().parent == LABS.resolve()


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

    from scaletoolkit.copies.client import forget_outputs

    try:
        read(path)  # whether it is a notebook: nbformat takes much that is none
        notebook = nbformat.read(path, as_version=4)
        forget_outputs(notebook)
        nbformat.validate(notebook, relax_add_props=True)
        "".join(cell.source for cell in notebook.cells).encode()  # half characters cannot travel
    except OSError as error:
        raise lab.LabError(f"{path} cannot be read: {files.why(error)}.") from None
    except Exception:  # nbformat meets what it does not know in many ways
        raise lab.LabError(f"{path} cannot be read as a notebook.") from None
    return notebook


def _client(notebook: NotebookNode, path: Path, say: Callable[[str], object]) -> NotebookClient:
    from scaletoolkit.copies.client import Client

    notebook.metadata.pop("widgets", None)
    client = Client(notebook, path)
    client.on_cell_start = partial(_say_sections, say, time.monotonic())
    client.on_cell_executed = partial(_say_claims, say)
    return client


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
        say(f"{time.monotonic() - start_s:7.1f} s  {_harmless(words)}")


def _say_claims(say: Callable[[str], object], cell: NotebookNode, **_: object) -> None:
    from scaletoolkit.copies.client import join_streams

    join_streams(cell)
    outputs = cell.get("outputs", [])
    text = "".join(o["text"] for o in outputs if o["output_type"] == "stream")
    for claim in re.findall("^[✔✘].*$", text, re.MULTILINE):
        say(f"          {_harmless(claim)}")


def _harmless(words: str) -> str:
    """Words of a notebook without what a terminal would obey."""
    return "".join(character for character in words if character.isprintable())


def _execute(client: NotebookClient, environment: Mapping[str, str], own_records: bool) -> None:
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    try:
        with tempfile.TemporaryDirectory(prefix="records-") as nobodys:
            records = {} if own_records else {"SCALETOOLKIT_RECORDS": nobodys}
            _in_thread(client.async_execute(env={**environment, **records}))
    except NoSuchKernel:
        raise lab.LabError(
            "There is no Jupyter kernel named python3; `make start` or `pip install ipykernel` "
            "brings one."
        ) from None
    except CellTimeoutError:
        raise LabFailed(f"A cell ran for more than {client.timeout} s and was stopped.") from None
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
    outputs = [(_called(cell), o) for cell in notebook.cells for o in cell.get("outputs", [])]
    failed = [name for name, output in outputs if output["output_type"] == "error"]
    return LabFailed(f"The cell {failed[-1]!r} stopped: {error.ename}: {error.evalue}")


def _called(cell: Cell) -> str:
    """What a cell is called: its id, or its first line where an editor keeps no ids."""
    return str(cell.get("id") or cell["source"].strip().partition("\n")[0])


def _bytes(notebook: NotebookNode) -> bytes:
    """An executed notebook as a file holds it."""
    import nbformat

    notebook.metadata["language_info"] = {"name": "python"}
    text = nbformat.writes(notebook) + "\n"
    return text.encode("utf-8", "backslashreplace")  # half characters
