"""The Dockerfile and the devcontainer, which cannot be built here: parsed, and compared with ours.

Nobody has built either where this was written: a test can only say that what they name exists.
"""

import json
import re
import tomllib
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "classroom" / "Dockerfile").read_text()
DEVCONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
PYTHONS = SpecifierSet(
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
)
KNOWN = {"FROM", "RUN", "USER", "WORKDIR", "COPY", "ENV", "EXPOSE", "CMD"}


def instructions():
    """(instruction, its words) of each line, continued lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", DOCKERFILE))
    return [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]


def test_the_dockerfile_holds_instructions_that_docker_knows():
    names = [name for name, _ in instructions()]
    assert set(names) <= KNOWN
    assert names[0] == "FROM"
    assert names[-1] == "CMD"


def test_both_have_a_python_that_the_package_takes():
    for image in (dict(instructions())["FROM"], DEVCONTAINER["image"]):
        version = re.search(r"python:(\d+\.\d+)", image)[1]
        assert Version(version) in PYTHONS


def test_both_install_as_the_makefile_does():
    makefile = (ROOT / "Makefile").read_text()
    assert "READY := .venv/ready$(if $(TORCH),-$(TORCH))" in makefile
    for text in (DOCKERFILE, DEVCONTAINER["postCreateCommand"]):
        assert "make .venv/ready-cpu TORCH=cpu" in text
        assert ".venv/bin/python -m scaletoolkit prepare" in text


def test_the_container_gets_what_its_installation_reads():
    # docker takes the ignore file that is named like the Dockerfile, where there is one
    ignored = (ROOT / "classroom" / "Dockerfile.dockerignore").read_text().splitlines()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "README.md"):
        assert name not in ignored
    for folder in ("labs", "scaletoolkit", "data"):
        assert folder not in ignored
    assert not {"*", "**"} & set(ignored)


def test_the_dockerfile_ends_as_somebody_without_rights():
    users = [words for name, words in instructions() if name == "USER"]
    assert users[-1] != "root"
    command = json.loads(instructions()[-1][1])
    assert command[:2] == [".venv/bin/jupyter", "lab"]
    assert not {"--ServerApp.token=", "--IdentityProvider.token="} & set(command)


def test_the_devcontainer_asks_for_what_a_learner_needs():
    needs = DEVCONTAINER["hostRequirements"]
    assert needs["cpus"] >= 2
    assert needs["memory"] == "4gb"
