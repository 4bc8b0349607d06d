"""Exercises, their answers and their labs have the same names."""

from tools import exercises


def test_exercises_are_named_like_their_labs():
    files = (exercises.ROOT / "scaletoolkit" / "exercises").glob("[!_]*.py")
    assert sorted(path.stem for path in files) == sorted(path.stem[3:] for path in exercises.LABS)
    for path in exercises.LABS:
        assert exercises.book(path).lab == path.stem[:2]
        assert {*exercises.others(path)} == {*exercises.book(path).exercises}
