"""`scaletoolkit hpa`: a learner's own files, and a sentence for each mistake in them. Lab 09."""

import re

import pytest
from tools.commands import run

from scaletoolkit import lab
from scaletoolkit.commands import hpa
from scaletoolkit.serving.autoscaling import ManifestError
from scaletoolkit.serving.traffic import TrafficError

MANIFEST = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: mine}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: mine}
  minReplicas: 1
  maxReplicas: 10
"""


def run_command(*arguments):
    return run(hpa, *arguments)


def files(folder, manifest=MANIFEST, traffic="seconds,rate\n0,20\n300,400\n900,20\n"):
    (folder / "hpa.yaml").write_text(manifest)
    (folder / "traffic.csv").write_text(traffic)
    return "--manifest", folder / "hpa.yaml", "--traffic", folder / "traffic.csv"


def test_the_command_replays_a_learners_own_files(tmp_path, capsys):
    picture = tmp_path / "replay.png"
    assert run_command(*files(tmp_path), "--plot", picture, "--start-up-s", "10") == 0
    said = capsys.readouterr().out
    assert "mine keeps Deployment mine between 1 and 10 replicas" in said
    for line in (
        "Resource/cpu ← cpu",
        "A queue in each pod",
        "Requests over the objective of 0.5 s: ",
        "Late for: ",
        "Replica-hours: ",
        "ScalingLimited TooManyReplicas: after",
        "1 to 10",
    ):
        assert line in said
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"manifest": "a: ["}, "The manifest is not YAML: line 1"),
        ({"traffic": "0,1\n"}, "needs two or more rows"),
        ({"traffic": "0,1\n5,x\n"}, "Traffic, line 2: expected a time"),
        ({"traffic": "0,1\n0,2\n"}, "Traffic, line 2: the seconds must rise"),
        ({"traffic": "0,1\n5,-2\n"}, "Traffic, line 2: expected a rate from 0 to 1e+09, got -2"),
        ({"traffic": "0,1\n5000000,2\n"}, "at most 2,678,400 s"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, change, sentence):
    with pytest.raises(lab.LabError, match=re.escape(sentence)):
        run_command(*files(tmp_path, **change), "--plot", tmp_path / "p.png")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--traffic", "none.csv", "The traffic file 'none.csv' cannot be read: no such file"),
        ("--plot", "no/such/folder.png", "The picture 'no/such/folder.png' cannot be written"),
        ("--plot", "picture.xyz", "The picture 'picture.xyz' cannot be written"),
        ("--start-up-s", "-3", "start_up_s must not be negative, got -3"),
        ("--service-s", "nan", "service_s must be positive, got nan"),
        ("--objective-s", "0", "objective_s must be a positive number of seconds, got 0"),
        ("--sync-period-s", "0.3", "a whole number of seconds, got 0.3"),
        ("--plot", "/", "The picture '/' cannot be written: that is a folder"),
        ("--sync-period-s", "inf", "a whole number of seconds, got inf"),
        ("--sync-period-s", "nan", "a whole number of seconds, got nan"),
        ("--lag-s", "nan", "lag_s must be from 0 to 600 seconds, got nan"),
        ("--cpu-full", "0", "cpu_full must be positive, got 0"),
        ("--cpu-alone", "0.5", "cpu_alone must be at least 1, got 0.5"),
        ("--signal", "queue", "--signal needs METRIC=SIGNAL, got 'queue'"),
    ],
)
def test_the_command_says_which_option_is_wrong(tmp_path, option, value, sentence):
    with pytest.raises(lab.LabError, match=re.escape(sentence)):
        run_command(*files(tmp_path), option, value)


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"manifest": "a: ["}, ManifestError), ({"traffic": "0,1\n"}, TrafficError)],
)
def test_each_file_has_its_own_mistakes(tmp_path, change, kind):
    with pytest.raises(kind):
        run_command(*files(tmp_path, **change))
