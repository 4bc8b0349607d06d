"""Which labs there are, read from their files."""

import pytest
from tools import notebooks

from scaletoolkit import lab
from scaletoolkit.copies import labs


def test_every_lab_is_found_by_number_by_name_and_by_its_copy():
    for path in labs.labs():
        assert labs.find(path.stem[:2]) == labs.find(path.stem) == path
        assert labs.find_lab(f"my/{path.name}") == path


def test_an_unknown_lab_is_a_sentence_with_the_known_ones():
    with pytest.raises(lab.LabError, match="There is no lab '77'; there are 00, 01"):
        labs.find("77")


def test_where_there_are_no_labs_the_sentence_says_where_they_are(monkeypatch, tmp_path):
    monkeypatch.setattr(labs, "LABS", tmp_path / "labs")
    for look in (labs.labs, lambda: labs.find("01")):
        with pytest.raises(lab.LabError, match="clone scaletoolkit's repository with git"):
            look()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "not a notebook", '{"cells": [5]}', '{"cells": [{"source": "x"}]}']
)
def test_a_file_that_is_no_notebook_is_a_sentence(tmp_path, text):
    (tmp_path / "text.ipynb").write_text(text)
    with pytest.raises(lab.LabError, match="cannot be read as a notebook"):
        labs.read(tmp_path / "text.ipynb")


def test_the_title_is_the_first_heading_as_plain_text(tmp_path):
    card = notebooks.markdown("title", "# 42 · A *small* lab\n\n**Why?**\n\n## Set-up")
    path = notebooks.write(notebooks.notebook(card), tmp_path / "small.ipynb")
    notebook = labs.read(path)
    assert (labs.title(notebook), labs.question(notebook)) == ("42 · A small lab", "Why?")


def test_headings_are_not_comments_in_code():
    cell = notebooks.markdown("text", "Text\n```python\n# a comment\n```\n## Decide")
    assert labs.headings(cell) == ["Decide"]
    assert labs.headings(notebooks.code("code", "# a comment")) == []
