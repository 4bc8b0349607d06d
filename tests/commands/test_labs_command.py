"""Executing a lab without a browser."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from scaletoolkit import lab
from scaletoolkit.commands import labs


def write(path, *sources):
    cells = [new_markdown_cell("# 42 · A *small* lab\n\nText.\n\n## Set-up", id="title")]
    cells += [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_every_lab_is_found_by_number_and_by_name():
    for path in labs.labs():
        assert labs.find(path.stem[:2]) == labs.find(path.stem) == path


def test_an_unknown_lab_is_a_sentence_with_the_known_ones():
    with pytest.raises(lab.LabError, match="There is no lab '77'; there are "):
        labs.find("77")


def test_the_title_is_the_first_heading_as_plain_text(tmp_path):
    assert labs.title(write(tmp_path / "small.ipynb")) == "42 · A small lab"


def test_headings_are_not_comments_in_code():
    cell = new_markdown_cell("Text\n```python\n# a comment\n```\n## Decide")
    assert labs.headings(cell) == ["Decide"]
    assert labs.headings(new_code_cell("# a comment")) == []


def test_sections_and_claims_are_said_and_the_executed_copy_is_written(tmp_path):
    source = "from scaletoolkit import lab; lab.claim('Two and two make four', 2 + 2 == 4)"
    path, said, copy = write(tmp_path / "small.ipynb", source), [], tmp_path / "copy.ipynb"
    labs.run(path, save=copy, say=said.append)
    assert said[0].endswith("s  42 · A small lab")
    assert said[1].endswith("s  Set-up")
    assert said[2].strip() == "✔ Two and two make four"
    saved = nbformat.read(copy, as_version=4)
    assert saved.cells[1].execution_count == 1
    assert saved.cells[1].outputs[0].text == "✔ Two and two make four\n"
    assert saved.metadata.language_info == {"name": "python"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.ipynb", "small.ipynb"]


def test_the_profile_reaches_the_lab(tmp_path):
    path = write(tmp_path / "small.ipynb", "import os; print(os.environ['SCALETOOLKIT_PROFILE'])")
    notebook = labs.run(path, profile="workstation", say=lambda _: None)
    assert notebook.cells[1].outputs[0].text == "workstation\n"


def test_an_unknown_profile_is_a_sentence(tmp_path):
    with pytest.raises(lab.LabError, match="no profile 'huge'; there are ci, laptop, workstation"):
        labs.run(write(tmp_path / "small.ipynb"), profile="huge")


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        (
            "from scaletoolkit import lab; lab.claim('It flies', False)",
            labs.LabFailed,
            "It flies",
        ),
        ("1 / 0", labs.LabFailed, "The cell 'cell-0' stopped: ZeroDivisionError"),
        ("import os; os._exit(3)", labs.LabFailed, "The lab's kernel died"),
        ("import nosuchpackage", lab.LabError, "No module named 'nosuchpackage'"),
    ],
)
def test_what_goes_wrong_in_a_lab_is_one_sentence(tmp_path, source, kind, words):
    with pytest.raises(kind, match=words) as caught:
        labs.run(write(tmp_path / "small.ipynb", source), say=lambda _: None)
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written_is_refused_before_the_lab_runs(tmp_path):
    path = write(tmp_path / "small.ipynb", "1 / 0")
    with pytest.raises(lab.LabError, match="there is no folder"):
        labs.run(path, save=tmp_path / "none" / "copy.ipynb")
    with pytest.raises(lab.LabError, match="it is a folder"):
        labs.run(path, save=tmp_path)


def test_a_file_that_is_no_notebook_is_a_sentence(tmp_path):
    (tmp_path / "text.ipynb").write_text("not a notebook")
    with pytest.raises(lab.LabError, match="cannot be read as a notebook"):
        labs.run(tmp_path / "text.ipynb")
