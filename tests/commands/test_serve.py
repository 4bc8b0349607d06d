"""`serve`: a model of one's own, answered for until it is interrupted."""

import json
import shlex
import signal
import subprocess
import sys
import urllib.request

import psutil
import pytest

from scaletoolkit.__main__ import main
from scaletoolkit.commands.export import DEFAULT


def test_it_serves_until_it_is_interrupted(digits_model, wait_until_gone):
    command = [sys.executable, "-m", "scaletoolkit", "serve", str(digits_model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        lines = [serving.stdout.readline() for _ in range(4)]
        family = psutil.Process(serving.pid).children(recursive=True)
        _, url, _, body = shlex.split(lines[-1])
        with urllib.request.urlopen(url, body.encode()) as answer:
            assert len(json.load(answer)[0]) == 10
        serving.send_signal(signal.SIGINT)
    assert serving.returncode == 130
    assert [line.split() for line in lines[:2]] == [
        ["input", "FP32", "[-1,", "64]"],
        ["output", "FP32", "[-1,", "10]"],
    ]
    wait_until_gone(family)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "there is no model at nowhere: neither a file nor a folder with one.\n"),
        (["{model}", "--replicas", "-1"], "replicas must be at least 0, got -1.\n"),
        (["{model}", "--port", "70000"], "port must be a number from 0 to 65535, got 70000.\n"),
    ],
)
def test_what_cannot_be_served_is_a_sentence(arguments, sentence, digits_model, capsys):
    filled = [argument.format(model=digits_model) for argument in arguments]
    assert main(["serve", *filled]) == 2
    assert capsys.readouterr().err == sentence


def test_an_autoscaler_that_asks_for_what_nothing_here_measures_is_a_sentence(
    digits_model, tmp_path, capsys
):
    manifest = tmp_path / "hpa.yaml"
    manifest.write_text(DEFAULT.replace("{name: cpu,", "{name: memory,"))
    assert main(["serve", str(digits_model), "--autoscale", str(manifest)]) == 2
    assert "asks for Resource/memory" in capsys.readouterr().err
