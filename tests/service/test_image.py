"""The Dockerfile: what it installs is what serving imports. Lab 12."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
IMPORTS = """
import sys
before = {*sys.modules}
import scaletoolkit.commands.serve, scaletoolkit.service.gateway.__main__
import scaletoolkit.service.replica.__main__, scaletoolkit.service.replica.template
import onnxruntime, httptools
print(*{name.split('.')[0] for name in sys.modules.keys() - before})
"""


def packages():
    """What the Dockerfile installs: normalised names."""
    (line,) = re.findall(r"--constraint constraints.txt \\\n(.*?) \\\n", DOCKERFILE)
    return {name.replace("_", "-") for name in line.split()}


def needed(names):
    """The packages and all that they depend on."""
    found = set()
    waiting = {*names}
    while waiting:
        name = waiting.pop()
        found.add(name)
        texts = [text for text in metadata.requires(name) or () if "extra ==" not in text]
        more = {re.match(r"[\w.-]+", text)[0].lower().replace("_", "-") for text in texts}
        waiting |= {package for package in more - found if installed(package)}
    return found


def installed(name):
    try:
        return bool(metadata.distribution(name))
    except metadata.PackageNotFoundError:
        return False


def test_what_serving_imports_is_installed():
    run = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True
    )
    there = needed(packages())
    owners = metadata.packages_distributions()
    for module in set(run.stdout.split()) & owners.keys():
        names = {name.lower().replace("_", "-") for name in owners[module]}
        assert names & (there | {"scaletoolkit"}), module


def test_it_copies_files_that_exist_and_starts_a_command_that_exists():
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources)
    ignored = (ROOT / ".dockerignore").read_text()
    assert all(f"!{name}\n" in ignored for name in ("constraints.txt", "scaletoolkit"))
    assert '"-m", "scaletoolkit", "serve", "--host", "0.0.0.0"' in DOCKERFILE
