"""`class kit` writes its four files and what the lab reads, and says where."""

import json

from tools.course import call

from scaletoolkit.copies import labs


def test_it_writes_the_kit_of_a_lab(tmp_path):
    number = labs.labs()[0].stem[:2]
    status, said, _ = call("class", "kit", number, "--to", str(tmp_path / "kit"))
    assert status == 0
    assert said.split() == [str(tmp_path / "kit" / name) for name in FILES]
    assert {path.name for path in (tmp_path / "kit").iterdir()} == {*FILES}
    assert json.loads((tmp_path / "kit" / "solved.ipynb").read_text())["cells"]


def test_what_the_solved_lab_reads_lies_beside_it(tmp_path):
    status, _, _ = call("class", "kit", "09", "--to", str(tmp_path))
    assert status == 0
    assert (tmp_path / "model-server-hpa.yaml").is_file()


FILES = ["run-sheet.md", "rubric.md", "slides.html", "solved.ipynb"]


def test_no_such_lab_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, error = call("class", "kit", "77")
    assert status == 2
    assert error.startswith("There is no lab '77'")
    assert not [*tmp_path.iterdir()]
