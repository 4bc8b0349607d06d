"""Executing a lab without a browser."""

import gzip
import json

import nbformat
import pytest
from tools import notebooks

from scaletoolkit import lab
from scaletoolkit.commands.run import LabFailed, run, update_reference


def write(path, *sources):
    cells = [notebooks.markdown("title", "# 42 · A *small* lab\n\nText.\n\n## Set-up")]
    cells += [notebooks.code(f"cell-{i}", source) for i, source in enumerate(sources)]
    return notebooks.write(notebooks.notebook(*cells), path)


def test_sections_and_claims_are_said_and_the_executed_copy_is_written(tmp_path):
    source = "from scaletoolkit import lab; lab.claim('Two and two make four', 2 + 2 == 4)"
    path = write(tmp_path / "small.ipynb", source)
    copy = tmp_path / "copy.ipynb"
    said = []
    run(path, save=copy, say=said.append)
    assert said[0].endswith("s  42 · A small lab")
    assert said[1].endswith("s  Set-up")
    assert said[2].strip() == "✔ Two and two make four"
    saved = notebooks.read(copy)
    assert saved.cells[1].execution_count == 1
    assert saved.cells[1].outputs[0].text == "✔ Two and two make four\n"
    assert saved.metadata.language_info == {"name": "python"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.ipynb", "small.ipynb"]


PICTURES = """
from scaletoolkit.lab import plots
def draw(show=None, height=1):
    plots.curves([plots.Series("law", [1, 2], [1, height], "computed")], "T", "x", "y", show=show)
draw()
plots.explore(draw, height=(1, 3, 2))
plots.live(draw, range(2))
"""


def test_every_picture_has_a_name_and_its_words_below_it(tmp_path):
    notebook = run(write(tmp_path / "small.ipynb", PICTURES), say=lambda _: None)
    below, sliders, moved, live = notebook.cells[1].outputs
    assert sliders.data["text/plain"].startswith("Sliders (height)")
    for output in (below, moved, live):
        assert {*output.data} == {"text/html", "text/plain"}
        assert output.data["text/html"].startswith('<img alt="T (picture; its data below)" src="da')
        assert "<details><summary>This picture in words</summary>" in output.data["text/html"]
        assert output.data["text/plain"].startswith("This picture in words: T\n")


KEEPS = """
from scaletoolkit import lab
lab.begin("42", "cpu · Python 3")
lab.keep(size=(7.0, "B"))
lab.recall("42.size")
lab.claim("Yes", True)
lab.summary()
"""


def test_a_record_comes_with_the_summary_and_becomes_the_reference(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALETOOLKIT_RECORDS", str(tmp_path / "own"))
    path = write(tmp_path / "small.ipynb", KEEPS)
    copy = tmp_path / "copy.ipynb"
    run(path, save=copy, say=lambda _: None)
    saved = notebooks.read(copy)
    assert not (tmp_path / "own").exists()
    shown = saved.cells[1].outputs[-1]
    assert shown.data["text/plain"].startswith("Claims held: 1 of 1\n")
    assert shown.metadata.scaletoolkit.kept == {"42.size": [7.0, "B"]}
    reference = tmp_path / "reference.json"
    others = {"09.capacity": [1.0, ""], "42.gone": [2.0, ""]}
    reference.write_text(json.dumps(others))
    update_reference(saved, reference)
    assert list(json.loads(reference.read_text())) == ["09.capacity", "42.size"]
    run(path, say=lambda _: None)
    assert (tmp_path / "own" / "42.json").exists()


def test_a_lab_of_the_course_does_not_touch_the_learners_records(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALETOOLKIT_RECORDS", str(tmp_path / "own"))
    monkeypatch.setattr("scaletoolkit.commands.run.LABS", tmp_path)
    run(write(tmp_path / "small.ipynb", KEEPS), say=lambda _: None)
    assert not (tmp_path / "own").exists()


def test_the_profile_reaches_the_lab(tmp_path):
    path = write(tmp_path / "small.ipynb", "import os; print(os.environ['SCALETOOLKIT_PROFILE'])")
    notebook = run(path, profile="workstation", say=lambda _: None)
    assert notebook.cells[1].outputs[0].text == "workstation\n"


def test_an_unknown_profile_is_a_sentence(tmp_path):
    with pytest.raises(lab.LabError, match="no profile 'huge'; there are ci, laptop, workstation"):
        run(write(tmp_path / "small.ipynb"), profile="huge")


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        (
            "from scaletoolkit import lab; lab.claim('It flies', False)",
            LabFailed,
            "It flies",
        ),
        ("1 / 0", LabFailed, "The cell 'cell-0' stopped: ZeroDivisionError"),
        ("import os; os._exit(3)", LabFailed, "The lab's kernel died"),
        ("import nosuchpackage", lab.LabError, "No module named 'nosuchpackage'"),
    ],
)
def test_what_goes_wrong_in_a_lab_is_one_sentence(tmp_path, source, kind, words):
    with pytest.raises(kind, match=words) as caught:
        run(write(tmp_path / "small.ipynb", source), say=lambda _: None)
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written_is_refused_before_the_lab_runs(tmp_path):
    path = write(tmp_path / "small.ipynb", "1 / 0")
    with pytest.raises(lab.LabError, match="there is no folder"):
        run(path, save=tmp_path / "none" / "copy.ipynb")
    with pytest.raises(lab.LabError, match="it is a folder, a device or a pipe"):
        run(path, save=tmp_path)


def test_a_cell_without_an_id_is_called_by_its_first_line(tmp_path):
    path = write(tmp_path / "small.ipynb", "1 / 0\nprint(2)")
    text = path.read_text().replace('"nbformat_minor": 5', '"nbformat_minor": 4')
    path.write_text(text.replace('"id": "cell-0",', "").replace('"id": "title",', ""))
    with pytest.raises(LabFailed, match="The cell '1 / 0' stopped: ZeroDivisionError"):
        run(path, say=lambda _: None)


CELL = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": []}
CELL |= {"execution_count": None}
WHOLE = {"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000
NO_NOTEBOOKS = [
    *(b"", b"null", b"5", b"[]", b"{}", b'"x"', b"not a notebook", b"[" * 100_000, b"\xff\x00"),
    json.dumps(WHOLE).encode("utf-16"),
    gzip.compress(json.dumps(WHOLE).encode()),
    b'{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": ' + DEEP + b"}",
    *(
        json.dumps(WHOLE | {key: value}).encode()
        for key in WHOLE
        for value in (None, "x", [None], 99, [5])
        if (key, value) != ("nbformat_minor", 99)  # newer than known
    ),
    *(
        json.dumps(WHOLE | {"cells": [CELL | {key: value}]}).encode()
        for key in ("cell_type", "source", "metadata", "id")
        for value in (None, 5, [5], {})
        if (key, value) != ("metadata", {})
    ),
    json.dumps(WHOLE | {"cells": [CELL | {"source": "x = '\ud800'"}]}).encode(),
]


@pytest.mark.parametrize("content", NO_NOTEBOOKS, ids=range(len(NO_NOTEBOOKS)))
def test_a_file_that_is_no_notebook_is_a_sentence(tmp_path, content):
    (tmp_path / "text.ipynb").write_bytes(content)
    with pytest.raises(lab.LabError, match="cannot be read as a notebook"):
        run(tmp_path / "text.ipynb")


DIES = "print('half a run'); import os; os._exit(3)"


def test_a_run_that_stopped_leaves_no_mixture_of_two_runs(tmp_path):
    """An earlier record stays where it was; elsewhere nothing of it is saved."""
    path = write(tmp_path / "small.ipynb", "print(1)", DIES, "print('forged')")
    notebook = notebooks.read(path)
    forged = nbformat.v4.new_output("stream", name="stdout", text="forged\n")
    notebook.cells[3] |= {"outputs": [forged], "execution_count": 3}
    before = notebooks.write(notebook, path).read_bytes()
    with pytest.raises(LabFailed, match="kernel died"):
        run(path, save=path, say=lambda _: None)
    assert path.read_bytes() == before
    with pytest.raises(LabFailed, match="kernel died"):
        run(path, save=tmp_path / "copy.ipynb", say=lambda _: None)
    saved = notebooks.read(tmp_path / "copy.ipynb")
    assert saved.cells[1].outputs[0].text == "1\n"
    assert (saved.cells[3].outputs, saved.cells[3].execution_count) == ([], None)
    assert {file.name for file in tmp_path.iterdir()} == {"small.ipynb", "copy.ipynb"}


def test_what_is_saved_into_a_lab_while_it_runs_stays(tmp_path):
    path = tmp_path / "small.ipynb"
    write(path, f"open({str(path)!r}, 'a').write(' ')", "print(1)")
    before = path.read_bytes()
    with pytest.raises(lab.LabError, match=r"small\.ipynb was changed while it ran"):
        run(path, save=path, say=lambda _: None)
    assert path.read_bytes() == before + b" "
    assert [file.name for file in tmp_path.iterdir()] == ["small.ipynb"]


LONG = """
print("x" * 20_000_000)
print("out of reach")
"""
BAR = r"""
import sys
print("\x1b]0;title\x07 1 %", end="\r", flush=True)
print("✔ 100 %\x1b[31m", flush=True)
print("✔ next")
"""


def test_a_cell_that_writes_too_much_is_cut_and_a_terminal_obeys_no_notebook(tmp_path):
    said = []
    notebook = run(write(tmp_path / "small.ipynb", LONG, BAR), say=said.append)
    (long,) = notebook.cells[1].outputs
    assert long.text == "x" * 1_000_000 + "\n[cut after 1,000,000 characters]\n"
    (bar,) = notebook.cells[2].outputs
    assert bar.text == "✔ 100 %\x1b[31m\n✔ next\n"
    assert [line.strip() for line in said[2:4]] == ["✔ 100 %[31m", "✔ next"]
