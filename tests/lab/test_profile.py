"""Where data lies, whatever the folder of the notebook is."""

from pathlib import Path

import pytest

from scaletoolkit.lab import profile

CHECKOUT = Path(profile.__file__).parents[2]


@pytest.mark.parametrize(
    ("value", "folder"),
    [
        ("", CHECKOUT / "data"),
        ("large", CHECKOUT / "large"),
        ("~/large", Path.home() / "large"),
        ("/large", Path("/large")),
    ],
)
def test_a_folder_of_data_is_the_same_for_every_notebook(monkeypatch, tmp_path, value, folder):
    monkeypatch.setenv("SCALETOOLKIT_DATA", value)
    monkeypatch.chdir(tmp_path)
    assert profile.data_folder() == folder
