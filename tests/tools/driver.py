"""A private JupyterLab and a browser that drives it, as a learner would.

`python tests/tools/driver.py FOLDER [lab …]` saves what a learner sees of each lab, top to bottom.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from json import dumps
from pathlib import Path

LABS = Path(__file__).parents[2] / "labs"
VIEW = {"width": 1440, "height": 900}
CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None
)
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SETTINGS = {  # no news from the internet; every cell in the page, not only those in view
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
READY = """async () => {
  const app = window.jupyterapp;
  if (!app) return false;
  await app.restored;
  const notebook = app.shell.currentWidget;
  if (!notebook || !notebook.context) return false;
  await notebook.context.ready;
  await notebook.sessionContext.ready;
  const kernel = notebook.sessionContext.session && notebook.sessionContext.session.kernel;
  if (!kernel) return false;
  await kernel.info;
  return kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
DONE = """() => {
  const notebook = window.jupyterapp.shell.currentWidget;
  const code = notebook.content.widgets.filter(cell => cell.model.type === 'code');
  return notebook.sessionContext.session.kernel.status === 'idle' &&
    code.every(cell => cell.model.executionCount !== null &&
                       cell.model.executionState !== 'running');
}"""
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code' &&
                  !(cell.model.getMetadata('tags') || []).includes('raises-exception'))
  .flatMap(cell => cell.model.outputs.toJSON())
  .filter(output => output.output_type === 'error')
  .map(output => `${output.ename}: ${output.evalue}`)"""
CLEAR = "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
SCROLLER = (
    "document.querySelector('.jp-Notebook .jp-WindowedPanel-outer') || "
    "document.querySelector('.jp-Notebook')"
)


@contextmanager
def server(labs=LABS):
    """A JupyterLab of its own over a copy of the labs; gives the address of a notebook's name."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        shutil.copytree(labs, Path(folder) / "labs")
        with serving(folder) as address:
            yield lambda name: address(f"labs/{name}")


@contextmanager
def serving(root):
    """A JupyterLab of its own over a folder; gives the address of a path in it."""
    work = Path(tempfile.mkdtemp(prefix="jupyterlab-"))
    port = _free_port()
    token = secrets.token_hex(12)
    process = _start(work, root, port, token)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token={token}", process, work / "log")
        yield lambda path: f"{address}/lab/tree/{path}?token={token}&reset"
    finally:
        _stop(process)
        shutil.rmtree(work, ignore_errors=True)


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _start(work, root, port, token):
    for name, values in SETTINGS.items():
        file = work / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(dumps(values))
    options = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={root}",
        "--expose-app-in-browser",
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]
    with (work / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=os.environ | _own_folders(work) | {"SCALETOOLKIT_PROFILE": "ci"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _own_folders(work):
    names = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "SCALETOOLKIT_RECORDS": "records",
    }
    return {variable: str(work / folder) for variable, folder in names.items()}


def _wait_for(address, process, log, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def _stop(process):
    """End the server's process group; it ends its kernels first."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def browser():
    """A page in the system's chromium, as wide as a laptop's; `page.outside` is what it asked of
    the internet."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(viewport=VIEW)
        page.set_default_timeout(30_000)
        page.outside = []
        page.on("request", lambda request: page.outside.extend(_outside(request.url)))
        yield page
        chromium.close()


def _outside(address):
    inside = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    return [] if address.startswith(inside) else [address]


def open_notebook(page, address, seconds=60):
    """Go to a notebook and wait until its kernel can be used."""
    page.goto(address)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(Exception):  # the page reloads once, under the script that looks at it
            if page.evaluate(READY):
                return
        page.wait_for_timeout(200)
    raise TimeoutError(f"no kernel within {seconds} s")


def run_all(page, seconds=400):
    """Clear all outputs, run all cells by the menu, and wait for the last."""
    start_all(page)
    page.wait_for_function(DONE, timeout=seconds * 1000, polling=200)


def start_all(page):
    """Clear all outputs and run all cells by the menu."""
    page.evaluate(CLEAR)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def theme(page, name):
    """Change JupyterLab's colours, for example to "JupyterLab Dark"."""
    command = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    page.evaluate(command, name)
    page.wait_for_function(
        "dark => document.body.dataset.jpThemeLight === String(!dark)", arg="Dark" in name
    )


def done(page):
    """Whether every cell has run."""
    return page.evaluate(DONE)


def errors(page):
    """The errors that cells show, but for those that are meant to raise."""
    return page.evaluate(ERRORS)


def save_pages(page, folder, name):
    """Save what a learner sees from top to bottom, screen by screen. Returns the files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    height = page.evaluate(f"() => ({SCROLLER}).scrollHeight")
    step = page.evaluate(f"() => ({SCROLLER}).clientHeight") - 60
    files = []
    for number, top in enumerate(range(0, height, step)):
        page.evaluate(f"top => {{ ({SCROLLER}).scrollTop = top }}", top)
        page.wait_for_timeout(150)
        files.append(folder / f"{name}-{number:02}.png")
        page.screenshot(path=files[-1])
    return files


def main(folder, *names):
    """Save pictures of the labs whose file names begin with one of the names, or of all."""
    with server() as address, browser() as page:
        for path in sorted(LABS.glob("*.ipynb")):
            if not names or path.name.startswith(names):
                open_notebook(page, address(path.name))
                run_all(page)
                print(f"{len(save_pages(page, folder, path.stem))} pages of {path.stem}")


if __name__ == "__main__":
    main(*sys.argv[1:])
