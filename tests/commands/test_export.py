"""`export`: files for five engines; all or none, and the same again. Lab 12."""

import re
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from scaletoolkit.__main__ import main
from scaletoolkit.cluster import checks, manifests
from scaletoolkit.commands import export
from scaletoolkit.serving import autoscaling


def run(target, folder, model, *options):
    given = ["export", "--to", target, "--out", str(folder), "--model", str(model)]
    return main([*given, *options])


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.mark.parametrize("target", manifests.TARGETS)
def test_a_second_time_changes_nothing(target, digits_model, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(target, out, digits_model) == 0
    said = capsys.readouterr().out
    first = contents(out)
    assert export.LOSSES in first
    assert all(str(out / name) in said for name in first)
    for name, text in first.items():
        if name.endswith(".yaml"):
            assert checks.problems(text) == []
    times = [path.stat().st_mtime_ns for path in sorted(out.rglob("*"))]
    assert run(target, out, digits_model) == 0
    assert contents(out) == first
    assert [path.stat().st_mtime_ns for path in sorted(out.rglob("*"))] == times


def test_two_at_once_train_the_classifier_once(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALETOOLKIT_DATA", str(tmp_path))
    trained = []

    def slowly(folder):  # in place of a minute of training
        time.sleep(0.3)
        trained.append((folder / "model.onnx").write_bytes(b"a model"))

    monkeypatch.setattr(export.export, "digits", slowly)
    with ThreadPoolExecutor(2) as threads:
        wait([threads.submit(export._lab_07), threads.submit(export._lab_07)])
    assert len(trained) == 1


def test_what_somebody_has_changed_is_kept(digits_model, tmp_path, capsys):
    run("kubernetes", tmp_path, digits_model)
    mine = tmp_path / "service.yaml"
    mine.write_text("mine")
    (tmp_path / "notes.txt").write_text("also mine")
    before = contents(tmp_path)
    assert run("kubernetes", tmp_path, digits_model, "--max-batch-size", "8") == 2
    assert "these differ: deployment.yaml, service.yaml" in capsys.readouterr().err
    assert contents(tmp_path) == before
    assert run("kubernetes", tmp_path, digits_model, "--replace") == 0
    assert mine.read_text() != "mine"
    assert (tmp_path / "notes.txt").read_text() == "also mine"


WRONG = [
    (("--image", "a\nb"), "an image is called like registry.example/model-server:1, got 'a"),
    (("--max-batch-size", "0"), "max_batch_size must be at least 1, got 0."),
    (("--cpu-milli", "-5"), "cpu_milli must be at least 1, got -5."),
    (("--autoscale", "nowhere.yaml"), "No such file"),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG)
def test_nothing_is_written_if_anything_is_wrong(options, sentence, digits_model, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("kubernetes", out, digits_model, *options) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert re.search(sentence, told.err)
    assert len(told.err.splitlines()) == 1
    assert not out.exists()


def test_ones_own_autoscaler_is_taken(digits_model, tmp_path):
    manifest = tmp_path / "hpa.yaml"
    manifest.write_text(export.DEFAULT.replace("maxReplicas: 20", "maxReplicas: 7"))
    run("keda", tmp_path / "out", digits_model, "--autoscale", str(manifest))
    written = (tmp_path / "out" / "scaled-object.yaml").read_text()
    assert "maxReplicaCount: 7\n" in written


def test_what_the_api_server_would_refuse_is_not_written(digits_model, tmp_path, capsys):
    manifest = tmp_path / "hpa.yaml"
    manifest.write_text(export.DEFAULT.replace("name: model-server}", "name: model.server}"))
    out = tmp_path / "out"
    assert run("kubernetes", out, digits_model, "--autoscale", str(manifest)) == 2
    told = capsys.readouterr().err
    assert told.startswith("Nothing is written. service.yaml: metadata.name: Invalid value")
    assert not out.exists()


def test_a_metric_that_only_the_cluster_knows_is_no_obstacle(digits_model, tmp_path):
    manifest = tmp_path / "hpa.yaml"
    manifest.write_text(export.DEFAULT.replace("{name: cpu,", "{name: memory,"))
    assert run("keda", tmp_path / "out", digits_model, "--autoscale", str(manifest)) == 0
    assert "type: memory\n" in (tmp_path / "out" / "scaled-object.yaml").read_text()


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--replicas", "0", "replicas must be at least 1 in Triton"),
        ("--max-batch-size", "2147483648", "max_batch_size must be at most 2147483647 in Triton"),
        ("--max-queue-size", "4294967296", "max_queue_size must be at most 4294967295 in Triton"),
    ],
)
def test_triton_takes_no_other_numbers(option, value, sentence, digits_model, tmp_path, capsys):
    assert run("triton", tmp_path / "out", digits_model, option, value) == 2
    assert capsys.readouterr().err.startswith(sentence)


def test_a_stranger_s_manifest_puts_no_line_into_a_script(digits_model, tmp_path, capsys):
    manifest = tmp_path / "hpa.yaml"
    manifest.write_text(export.DEFAULT.replace("name: model-server}", 'name: "a\\nid"}'))
    assert run("slurm", tmp_path / "out", digits_model, "--autoscale", str(manifest)) == 2
    assert "a job's name has letters, digits" in capsys.readouterr().err


def test_without_an_autoscaler_it_takes_the_one_of_lab_09():
    file = Path(__file__).parents[2] / "labs" / "model-server-hpa.yaml"
    assert autoscaling.parse(export.DEFAULT) == autoscaling.parse(file.read_text())
