"""The package as a wheel, installed where no checkout is: nothing is missing, and it says so."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from tools import notebooks

import scaletoolkit

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
OFFLINE = ["--no-deps", "--no-index"]
RUNS = """
from scaletoolkit.lab import profile
assert profile.data_folder().parts[-2:] == (".cache", "scaletoolkit"), profile.data_folder()
"""


def call(*command, **options):
    """The exit status of a command, and all that it has printed."""
    ours = ("PYTHONPATH", "XDG_CACHE_HOME", "SCALETOOLKIT_DATA")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    run = subprocess.run(
        list(map(str, command)),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    return run.returncode, run.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, built from a copy and without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "scaletoolkit", folder / "source" / "scaletoolkit", ignore=leave)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    options = [*OFFLINE, "--no-build-isolation", "--wheel-dir", folder]
    status, said = call(*PIP, "wheel", *options, folder / "source")
    assert status == 0, said
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bin_folder(wheel, tmp_path_factory):
    """The programs of a fresh environment with the wheel, which sees the packages of this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    python = folder / "bin" / "python"
    status, said = call(*PIP, "--python", python, "install", *OFFLINE, wheel)
    assert status == 0, said
    library = next(folder.glob("lib/python*/site-packages"))
    (library / "packages-of-the-tests.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    folder = ROOT / "scaletoolkit"
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == {path.relative_to(ROOT).as_posix() for path in files}


def test_it_says_its_version(bin_folder, tmp_path):
    said = call(bin_folder / "scaletoolkit", "--version", cwd=tmp_path)
    assert said == (0, f"{scaletoolkit.__version__}\n")


@pytest.mark.parametrize(
    "command", [["list"], ["run", "01"], ["start"], ["update"], ["reset", "1"]]
)
def test_it_says_in_one_sentence_where_the_labs_are(bin_folder, tmp_path, command):
    status, said = call(bin_folder / "scaletoolkit", *command, cwd=tmp_path)
    assert status == 2
    assert said.startswith("The labs are not part of an installed package: clone ")
    assert said.count("\n") == 1


def test_the_doctor_finds_everything(bin_folder, tmp_path):
    status, said = call(bin_folder / "scaletoolkit", "doctor", cwd=tmp_path)
    assert (status, said.splitlines()[-1]) == (0, "Everything that the labs need is here."), said


def test_it_runs_a_notebook_and_keeps_its_data_with_the_user(bin_folder, tmp_path):
    cells = [notebooks.code("where", RUNS)]
    path = notebooks.write(notebooks.notebook(*cells), tmp_path / "small.ipynb")
    status, said = call(bin_folder / "scaletoolkit", "run", path, cwd=tmp_path)
    assert status == 0, said
