"""Other right answers, in every exercise of a lab at once, carry it to its end."""

import shutil

import pytest
from tools import exercises, guards

from scaletoolkit.commands.run import run


@pytest.mark.labs
@pytest.mark.parametrize("path", exercises.LABS, ids=lambda path: path.stem)
def test_a_lab_goes_on_with_answers_of_another_style(path, tmp_path, monkeypatch):
    monkeypatch.setenv("SCALETOOLKIT_RECORDS", str(tmp_path / "records"))
    labs = tmp_path / "labs"
    shutil.copytree(path.parent, labs, ignore=shutil.ignore_patterns("*.ipynb"))
    executed = run(exercises.answered(path, labs / path.name), "ci")
    text = "".join(map(guards.printed, guards.code_cells(executed)))
    for name in exercises.book(path).exercises:
        assert f"● {name} passed: " in text
    assert "uses the solution" not in text


def test_exercises_are_named_like_their_labs():
    files = (exercises.ROOT / "scaletoolkit" / "exercises").glob("[!_]*.py")
    assert sorted(path.stem for path in files) == sorted(path.stem[3:] for path in exercises.LABS)
    for path in exercises.LABS:
        assert exercises.book(path).lab == path.stem[:2]
        assert {*exercises.others(path)} == {*exercises.book(path).exercises}
