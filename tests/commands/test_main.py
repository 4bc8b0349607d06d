"""The command line: exit status, sentences, and nothing left running."""

import os
import signal
import subprocess
import sys

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from scaletoolkit import lab
from scaletoolkit.__main__ import COMMANDS, main
from scaletoolkit.commands import doctor, labs


def notebook(path, source):
    nbformat.write(new_notebook(cells=[new_code_cell(source, id="cell-0")]), path)
    return str(path)


def test_doctor_says_what_is_here_and_leaves_with_0(capsys):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "PyTorch" in printed
    assert printed.endswith("Everything that the labs need is here.\n")


def test_doctor_leaves_with_1_when_something_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "findings", lambda: [doctor.Finding("x is missing.", "Get x.")])
    assert main(["doctor"]) == 1
    assert "✘ x is missing.\n  Get x.\n" in capsys.readouterr().out


def test_list_names_the_labs(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:2] for line in lines] == [path.stem[:2] for path in labs.labs()]
    assert all(line.endswith("?") for line in lines)


def test_run_leaves_with_0_1_and_2(tmp_path, capsys):
    good = notebook(tmp_path / "good.ipynb", "print(1)")
    claim = "from scaletoolkit import lab; lab.claim('It flies', False)"
    assert main(["run", good]) == 0
    assert main(["run", notebook(tmp_path / "bad.ipynb", claim)]) == 1
    assert "It flies" in capsys.readouterr().err
    assert main(["run", "77"]) == 2
    assert capsys.readouterr().err.startswith("There is no lab '77'")
    assert main(["run", good, "--save", str(tmp_path / "no" / "where.ipynb")]) == 2


def test_a_missing_package_is_a_sentence(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nbformat", None)
    monkeypatch.setattr("scaletoolkit.commands.labs.find", lambda name: name)
    assert main(["run", "00"]) == 2
    assert capsys.readouterr().err.startswith("The package 'nbformat' is not installed; ")


def test_a_command_is_one_entry(monkeypatch):
    monkeypatch.setitem(COMMANDS, "hello", lambda parser: lambda options: 42)
    assert main(["hello"]) == 42


def test_errors_of_the_labs_are_sentences(monkeypatch, capsys):
    def fails(options):
        raise lab.LabError("One sentence.")

    monkeypatch.setitem(COMMANDS, "hello", lambda parser: fails)
    assert main(["hello"]) == 2
    assert capsys.readouterr().err == "One sentence.\n"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_a_run_leaves_nothing(tmp_path, sent):
    source = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('✔ ready')"
    )
    path = tmp_path / "long.ipynb"
    cells = [new_code_cell(source, id="a"), new_code_cell("time.sleep(60)", id="b")]
    nbformat.write(new_notebook(cells=cells), path)
    command = [sys.executable, "-u", "-m", "scaletoolkit", "run", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as run:
        assert b"ready" in run.stdout.readline()
        family = psutil.Process(run.pid).children(recursive=True)
        assert len(family) == 2
        run.send_signal(sent)
        assert run.wait(20) == 130
    assert psutil.wait_procs(family, timeout=10)[1] == []
