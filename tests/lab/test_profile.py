"""Where data lies, whatever the folder of the notebook is."""

from pathlib import Path

import pytest

from scaletoolkit.lab import LabError, profile

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


@pytest.mark.parametrize("variable", ["SCALETOOLKIT_DATA", "SCALETOOLKIT_RECORDS"])
def test_the_home_of_nobody_is_a_sentence(variable, monkeypatch):
    monkeypatch.setenv(variable, "~nosuchuser/data")
    folder = profile.data_folder if variable.endswith("DATA") else profile.records_folder
    with pytest.raises(LabError, match=f"{variable} is '~nosuchuser/data'; there is no such user"):
        folder()


def test_an_empty_profile_is_none_at_all(monkeypatch):
    monkeypatch.setenv("SCALETOOLKIT_PROFILE", "")
    assert profile.current() == ("laptop", 10_000_000)
