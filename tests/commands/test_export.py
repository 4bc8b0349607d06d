"""`export`: files for five engines; all or none, and the same again. Lab 12."""

import re

import pytest

from scaletoolkit.__main__ import main
from scaletoolkit.cluster import checks, manifests
from scaletoolkit.commands import export


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
    (("--image", " spaces "), "Nothing is written. deployment.yaml: .*spaces"),
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
