"""Executing a lab without a browser."""

import pytest
from tools import notebooks

from scaletoolkit import lab
from scaletoolkit.commands.run import LabFailed, run


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
    with pytest.raises(lab.LabError, match="it is a folder"):
        run(path, save=tmp_path)


def test_a_file_that_is_no_notebook_is_a_sentence(tmp_path):
    (tmp_path / "text.ipynb").write_text("not a notebook")
    with pytest.raises(lab.LabError, match="cannot be read as a notebook"):
        run(tmp_path / "text.ipynb")
