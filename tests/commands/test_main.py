"""The command line: exit status, sentences, and nothing left running."""

import os
import re
import signal
import subprocess
import sys

import psutil
import pytest
from tools import notebooks

from scaletoolkit import commands
from scaletoolkit.__main__ import main
from scaletoolkit.commands import doctor
from scaletoolkit.commands._finder import about


def notebook(path, *sources):
    cells = [notebooks.code(f"cell-{i}", source) for i, source in enumerate(sources)]
    return str(notebooks.write(notebooks.notebook(*cells), path))


@pytest.fixture
def hello(monkeypatch, tmp_path):
    """A function that adds a command of its own, `hello`, which does what the code says."""

    def add(code):
        text = f'"""Greet.\n\nMore."""\n{code}\n\ndef command(parser):\n    return run\n'
        (tmp_path / "hello.py").write_text(text)

    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    yield add
    sys.modules.pop("scaletoolkit.commands.hello", None)


def test_doctor_says_what_is_here_and_leaves_with_0(capsys):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "PyTorch" in printed
    assert printed.endswith("Everything that the labs need is here.\n")


def test_doctor_leaves_with_1_when_something_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "findings", lambda: [doctor.Finding("x is missing.", "Get x.")])
    assert main(["doctor"]) == 1
    assert "✘ x is missing.\n  Get x.\n" in capsys.readouterr().out


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
    assert main(["run", "00"]) == 2
    assert capsys.readouterr().err.startswith("The package 'nbformat' is not installed; ")


def test_a_command_is_one_file(hello, capsys):
    hello("def run(options):\n    return 42")
    assert main(["hello"]) == 42
    assert list(about(commands).items())[-1] == ("hello", "Greet.")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert re.search("hello +Greet.\n", capsys.readouterr().out)


def test_errors_of_the_labs_are_sentences(hello, capsys):
    hello(
        "from scaletoolkit import lab\ndef run(options):\n    raise lab.LabError('One sentence.')"
    )
    assert main(["hello"]) == 2
    assert capsys.readouterr().err == "One sentence.\n"


def test_errors_of_the_system_are_sentences(hello, capsys):
    hello("def run(options):\n    open('/no/such/file')")
    assert main(["hello"]) == 2
    assert capsys.readouterr().err == "/no/such/file: No such file or directory.\n"


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_has_enough_is_no_error(buffered):
    command = [sys.executable, "-m", "scaletoolkit", "list"]
    env = os.environ | {"PYTHONUNBUFFERED": buffered}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=env) as run:
        run.stdout.close()
        assert (run.stderr.read(), run.wait(20)) == (b"", 141)


def test_a_terminal_without_unicode_shows_what_it_can():
    command = [sys.executable, "-m", "scaletoolkit", "list"]
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    said = subprocess.run(command, env=ascii_only, capture_output=True, check=True).stdout
    assert b"\\xb7" in said


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_a_run_leaves_nothing(tmp_path, sent):
    source = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('✔ ready')"
    )
    path = notebook(tmp_path / "long.ipynb", source, "time.sleep(60)")
    command = [sys.executable, "-u", "-m", "scaletoolkit", "run", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as run:
        assert b"ready" in run.stdout.readline()
        family = psutil.Process(run.pid).children(recursive=True)
        assert len(family) == 2
        run.send_signal(sent)
        assert run.wait(20) == 130
    assert psutil.wait_procs(family, timeout=10)[1] == []
