"""What this machine has, what is missing, and what to do about it.

Importing it needs nothing but the standard library, so that it can say what is not installed.
"""

import multiprocessing
import os
import platform
import re
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from scaletoolkit.lab import profile
from scaletoolkit.machine import files, hardware

DISK_BYTES = 3 * 10**9
MEMORY_BYTES = 4 * 10**9
INSTALL = f"{sys.executable} -m pip install"
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"  # in a checkout, not in a wheel
CONSTRAINED = f"{INSTALL} --constraint {CONSTRAINTS}" if CONSTRAINTS.exists() else INSTALL


@dataclass(frozen=True)
class Finding:
    """Something that is not as the labs need it: one sentence, and what to do about it."""

    sentence: str
    remedy: str
    stops: bool = True

    def __str__(self) -> str:
        return f"{'✘' if self.stops else '○'} {self.sentence}\n  {self.remedy}"


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `doctor` takes and does. Exit status 1: something that the labs need is missing."""
    parser.add_argument("--cpu-only", action="store_true", help="only ask for PyTorch's CPU build")
    return _doctor


def _doctor(options: Namespace) -> int:
    if options.cpu_only:
        return _say(cpu_only(), "PyTorch is the CPU build that was asked for.")
    if not packages():
        for name, text in facts().items():
            print(f"{name:<12}{text}")
    return _say(findings(), "Everything that the labs need is here.")


def _say(problems: list[Finding], all_is_well: str) -> int:
    """Print findings and a last sentence; the exit status."""
    for finding in problems:
        print(finding)
    stops = any(finding.stops for finding in problems)
    print("Something is missing." if stops else all_is_well)
    return int(stops)


def facts() -> dict[str, str]:
    """What is here: {name: text}, in reading order. Needs the labs' packages."""
    free = shutil.disk_usage(_existing(profile.data_folder())).free
    gpus = hardware.gpus()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "Python": f"{platform.python_version()} ({sys.executable})",
        "cores": str(hardware.cores()),
        "memory": f"{hardware.memory_bytes() / 2**30:.0f} GiB",
        "disk": f"{free / 2**30:.0f} GiB free for data",
        "PyTorch": f"{version('torch')}, {torch_build()} build",
        "GPU": f"{gpus}" if gpus else "none: every lab runs on the CPU",
        "JupyterLab": version("jupyterlab"),
        "Slurm": slurm(),
        "profile": "{} ({:,} events)".format(*profile.current()),
    }


def slurm() -> str:
    """Whether this machine belongs to a Slurm cluster that answers, and how many nodes it has."""
    from scaletoolkit.cluster import slurm

    try:
        nodes = slurm.existing(profile.data_folder()).nodes()
    except slurm.Absent:
        return "no cluster here; lab 12 starts its own where slurm-wlm is installed"
    return f"a cluster of {len(nodes)} nodes"


def torch_build() -> str:
    """What the installed PyTorch was built for: "CPU", "CUDA 13.2" or "ROCm 7.0"."""
    import torch

    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    return f"ROCm {torch.version.hip}" if torch.version.hip else "CPU"


def packages() -> list[Finding]:
    """A finding for every package that is missing or too old."""
    try:
        wanted = requires("scaletoolkit") or []
    except PackageNotFoundError:
        return [Finding("scaletoolkit itself is not installed here.", f"Run: {INSTALL} -e .")]
    needed = [re.match(r"([\w.-]+)>=([\d.]+)", line) for line in wanted if "extra ==" not in line]
    problems = [_package(match[1], match[2]) for match in needed if match]
    return [finding for finding in problems if finding]


def _package(name: str, at_least: str) -> Finding | None:
    here = hardware.package_version(name)
    if here and _numbers(here) >= _numbers(at_least):
        return None
    state = f"{here} is too old" if here else "it is not installed"
    remedy = f"Run: {INSTALL} '{name}>={at_least}'"
    return Finding(f"{name} {at_least} or newer is needed; {state}.", remedy)


def _numbers(text: str) -> list[int]:
    """The numbers that a version begins with: [2, 15, 0] of "2.15.0+cpu"."""
    return [int(number) for number in re.split(r"[^\d.]", text)[0].strip(".").split(".")]


def ray() -> list[Finding]:
    """A finding, which stops no lab, where Ray is not here."""
    if hardware.package_version("ray"):
        return []
    effect = "ray is not installed: labs 01 and 12 show their cluster cells without running them."
    return [Finding(effect, f"Run: {CONSTRAINED} ray", stops=False)]


def kernel() -> list[Finding]:
    """A finding where notebooks would not run in this Python."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    remedy = f"Run: {sys.executable} -m ipykernel install --sys-prefix"
    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return [Finding("There is no Jupyter kernel named python3.", remedy)]
    path = os.path.normpath(shutil.which(program) or program)
    if program in ("python", "python3") or path == os.path.normpath(sys.executable):
        return []
    return [Finding(f"The kernel python3 runs {program}, not {sys.executable}.", remedy)]


def torch_fits() -> list[Finding]:
    """A finding where PyTorch and torchvision do not work together."""
    try:
        import torchvision  # noqa: F401
    except Exception as error:  # a mismatched pair raises RuntimeError, OSError or ImportError
        versions = [f"{name} {hardware.package_version(name)}" for name in ("torch", "torchvision")]
        remedy = f"Run: {CONSTRAINED} torch torchvision"
        return [Finding(f"{' and '.join(versions)} do not fit together ({error}).", remedy)]
    return []


def room() -> list[Finding]:
    """Findings where disk or memory is short, or the data cannot be written."""
    folder = _existing(profile.data_folder())
    short = []
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        events = profile.data_folder() / f"events-{profile.current()[0]}"
        remedy = "Name another folder in SCALETOOLKIT_DATA, or have the data prepared there."
        short.append(Finding(f"No data can be written at {folder}.", remedy, not events.exists()))
    if shutil.disk_usage(folder).free < DISK_BYTES:
        remedy = "Free some, or name another folder in SCALETOOLKIT_DATA."
        short.append(Finding(f"Less than 3 GB of disk is free at {folder}.", remedy))
    if hardware.memory_bytes() < MEMORY_BYTES:
        remedy = "Set SCALETOOLKIT_PROFILE=ci, which works on a million events."
        short.append(Finding("This machine has less than 4 GB of memory.", remedy, stops=False))
    return short


def shared_memory() -> list[Finding]:
    """A finding where processes cannot share a lock: `/dev/shm` is missing or read-only."""
    try:
        multiprocessing.get_context("spawn").Lock()
    except OSError as error:
        remedy = "Mount /dev/shm so that it can be written; containers have an option for its size."
        return [Finding(f"Worker processes cannot share locks here: {files.why(error)}.", remedy)]
    return []


def _existing(folder: Path) -> Path:
    return next(path for path in [folder, *folder.parents] if path.exists())


def cpu_only() -> list[Finding]:
    """A finding where PyTorch is not the CPU build that was asked for."""
    build = torch_build()
    if build == "CPU":
        return []
    remedy = "Run `make clean`, then the same command where PyTorch's CPU index can be reached."
    return [Finding(f"A CPU build of PyTorch was asked for; this one is for {build}.", remedy)]


def findings() -> list[Finding]:
    """Everything that is missing here; the later checks need the packages of the first."""
    return packages() or [*kernel(), *torch_fits(), *room(), *shared_memory(), *ray()]
