"""The three lists of dependencies agree: pyproject.toml, constraints.txt, environment.yml."""

import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
CONDA_NAMES = {"pytorch": "torch"}
REQUIRED = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
DIRECT = REQUIRED + [Requirement(line) for line in EXTRAS]


def ranges(lines):
    """{package: versions allowed} of lines such as "numpy>=1.26"."""
    wanted = [Requirement(line) for line in lines]
    return {
        CONDA_NAMES.get(requirement.name, requirement.name): str(requirement.specifier)
        for requirement in wanted
    }


def pins():
    """The constraints that hold for this Python on this system: {package: version}."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    here = [
        requirement
        for requirement in pinned
        if requirement.marker is None or requirement.marker.evaluate()
    ]
    return {canonicalize_name(requirement.name): str(requirement.specifier) for requirement in here}


def test_conda_asks_for_the_same_ranges_as_the_package():
    python, *packages = [d for d in CONDA["dependencies"] if isinstance(d, str) and d != "pip"]
    assert python == f"python{PROJECT['requires-python']}"
    assert ranges(packages) == ranges(PROJECT["dependencies"])


def test_conda_lets_pip_install_this_package_only():
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]
    assert CONDA["dependencies"][-1] == {"pip": ["-e ."]}


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_a_direct_dependency_is_pinned_within_its_range(requirement):
    pin = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pin.removeprefix("=="))


def test_constraints_are_exact_and_name_no_server():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    exact = [re.match(r"[a-z0-9.-]+==[\w.]+( ;|$)", line) for line in lines if line[0] != "#"]
    assert all(exact)
    assert not [line for line in lines if "/" in line or line.startswith(("nvidia", "triton"))]


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="not the environment make builds")
def test_make_installed_the_constraints():
    wanted = {
        canonicalize_name(requirement.name): pins()[canonicalize_name(requirement.name)]
        for requirement in REQUIRED
    }
    here = {name: f"=={version(name).split('+')[0]}" for name in wanted}
    assert here == wanted


def test_every_line_says_which_lab_needs_it():
    lines = (ROOT / "environment.yml").read_text().splitlines()
    packages = [line for line in lines if re.match(r"  - \w+[->=\w.]*>=", line)]
    assert all("#" in line for line in packages if "python>=" not in line)


def test_the_workflow_may_only_read_and_names_each_action_by_its_hash():
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    actions = [step["uses"] for step in steps if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in actions)
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(workflow["jobs"])
    assert not any(step["with"]["persist-credentials"] for step in checkouts)
