"""Labs without a browser: which there are, and executing one from its first cell. Assembly."""

import asyncio
import os
import re
import threading
import time
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.lab.profile import PROFILES

LABS = Path(__file__).parents[2] / "labs"
CELL_TIMEOUT_S = 600


class LabFailed(lab.LabError):
    """A lab that was executed stopped before its end; the sentence says where and why."""


def labs():
    """The labs' notebooks in the order of the course: a list of Paths."""
    return sorted(LABS.glob("[0-9][0-9]_*.ipynb"))


def find(name):
    """The notebook that a name means: "1", "01", "01_partitioning" or a path."""
    if name.endswith(".ipynb") and Path(name).is_file():
        return Path(name)
    for path in labs():
        if name.zfill(2) == path.stem[:2] or name == path.stem:
            return path
    known = ", ".join(path.stem[:2] for path in labs()) or "none yet"
    raise lab.LabError(f"There is no lab {name!r}; there are {known}.")


def title(path):
    """The first heading of a notebook, without its marks."""
    return next((words for cell in _read(path).cells for words in headings(cell)), path.stem)


def question(path):
    """The question that a lab asks: what stands in bold on its title card, or ""."""
    bold = re.search(r"\*\*(.+?)\*\*", _read(path).cells[0].source)
    return bold[1] if bold else ""


def headings(cell):
    """The headings of a markdown cell as plain text: a list."""
    if cell.cell_type != "markdown":
        return []
    prose = re.sub("```.*?```", "", cell.source, flags=re.DOTALL)
    lines = [line for line in prose.splitlines() if re.match("#+ ", line)]
    return [line.lstrip("# ").replace("*", "").replace("`", "").strip() for line in lines]


def claims(cell):
    """The claims that a cell has printed: lines of text, in order."""
    text = "".join(o.text for o in cell.get("outputs", []) if o.output_type == "stream")
    return [line for line in text.splitlines() if line.startswith(("✔", "✘"))]


def run(path, profile=None, save=None, say=print):
    """Execute a lab and say its sections and claims as they come. Returns the executed notebook.

    save: where the executed notebook goes, also when the lab stopped early. Raises LabError where
    it cannot start and LabFailed where a cell of it fails.
    """
    if save:
        _require_writable(save)
    notebook = _read(path)
    start = time.monotonic()
    client = _client(notebook, path)
    client.on_cell_start = lambda cell, cell_index: _say_section(say, cell, start)
    client.on_cell_executed = lambda cell, **_: [say(f"          {c}") for c in claims(cell)]
    try:
        _execute(client, _environment(profile))
    finally:
        if save:
            _write(notebook, save)
    say(f"{time.monotonic() - start:7.1f} s  done: {path.name}")
    return notebook


def _read(path):
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise lab.LabError(f"{path} cannot be read as a notebook: {error}") from None


def _client(notebook, path):
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
        resources={"metadata": {"path": str(Path(path).resolve().parent)}},
    )


def _environment(profile):

    if profile is None:
        return dict(os.environ)
    if profile not in PROFILES:
        raise lab.LabError(f"There is no profile {profile!r}; there are {', '.join(PROFILES)}.")
    return os.environ | {"SCALETOOLKIT_PROFILE": profile}


def _say_section(say, cell, start):
    for words in headings(cell):
        say(f"{time.monotonic() - start:7.1f} s  {words}")


def _execute(client, environment):
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


def _in_thread(coroutine):
    """Wait for a coroutine that runs in a thread of its own, where nbclient handles no signals.

    So Ctrl-C arrives here and cancels the coroutine, which ends the kernel before it is done.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    job = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return job.result()
    finally:
        job.cancel()
        asyncio.run_coroutine_threadsafe(_others_done(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _others_done():
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


def _failure(notebook, error):
    if error.ename == "ModuleNotFoundError":
        return lab.LabError(
            f"The lab needs a package that is not installed ({error.evalue}); "
            "`python -m scaletoolkit doctor` says what is missing."
        )
    if error.ename == "ClaimFailed":
        return LabFailed(error.evalue)
    failed = [c.get("id", "?") for c in notebook.cells if _has_error(c)]
    return LabFailed(f"The cell {failed[-1]!r} stopped: {error.ename}: {error.evalue}")


def _has_error(cell):
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def _require_writable(path):
    folder = Path(path).resolve().parent
    if not folder.is_dir():
        raise lab.LabError(f"{path} cannot be written: there is no folder {folder}.")
    if Path(path).is_dir() or not os.access(folder, os.W_OK):
        raise lab.LabError(f"{path} cannot be written: it is a folder or lies in a read-only one.")


def _write(notebook, path):
    import nbformat

    notebook.metadata["language_info"] = {"name": "python"}
    partial = Path(path).with_suffix(".partial")
    nbformat.write(notebook, partial)
    partial.replace(path)
