"""A lab for you: a copy in `my/` with nothing executed and nothing guessed."""

import os
import sys
import webbrowser
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from scaletoolkit.copies import edition, folder, labs

# Nothing is asked of the internet: no news of Jupyter, no newer version.
OPTIONS = [
    "--ip=127.0.0.1",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `start` takes and does."""
    about = "its number or name, for example 03; without one the lab you were last in, else 00"
    parser.add_argument("lab", nargs="?", help=about)
    parser.add_argument("--open", action="store_true", help="open it in JupyterLab")
    return _start


def _start(options: Namespace) -> int:
    path = labs.find_lab(options.lab) if options.lab else _last_or_first()
    print(_begin(path))
    if options.open:
        _open(labs.LABS.parent, folder.name(folder.place(path)))
    return 0


def _last_or_first() -> Path:
    """The lab whose copy was saved last; where there is no copy, the first."""
    begun = [path for path in labs.labs() if folder.place(path).exists()]
    return max(begun, key=lambda path: folder.place(path).stat().st_mtime, default=labs.labs()[0])


def _begin(path: Path) -> str:
    """Make the copy of a lab, unless there is one; the sentence that says which it was."""
    copy = folder.place(path)
    number = path.stem[:2]
    given = edition.newest(path)
    if copy.exists():
        sentence = f"{folder.name(copy)} is as you left it."
        if edition.edition_of(folder.read(copy)) == edition.edition_of(given.notebook):
            return sentence
        update = f"`python -m scaletoolkit update {number}` brings what is new there"
        return f"{sentence} The course has changed since: {update}."
    folder.keep(given)
    for said in folder.bring(copy, given.beside, {}):
        if folder.DIFFERS in said:
            print(said)
    folder.save(copy, given.notebook)
    return f"{folder.name(copy)} is your copy of lab {number}; git does not see it."


def _open(root: Path, name: str) -> None:
    """Open a notebook in the JupyterLab that already serves this folder, else in a new one."""
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        if Path(server["root_dir"]).resolve() == root.resolve():
            address = f"{server['url']}lab/tree/{name}?token={server['token']}"
            print(f"JupyterLab runs already; it opens the lab at {address}")
            webbrowser.open(address)
            return
    print("JupyterLab opens in your browser. Where there is none, open the address that it prints.")
    sys.stdout.flush()
    programs = Path(sys.executable).parent  # so that JupyterLab's terminal finds `scaletoolkit`
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    # Jupyter refuses to run as root unless told; containers often are.
    as_root = ["--allow-root"] if os.geteuid() == 0 else []
    places = [f"--ServerApp.root_dir={root}", f"--LabApp.default_url=/lab/tree/{name}"]
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *OPTIONS, *places, *as_root])
