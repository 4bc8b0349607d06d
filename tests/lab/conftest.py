"""A notebook that remembers nothing yet, and a folder of records of its own."""

import pytest

import __main__
from scaletoolkit import lab


@pytest.fixture(autouse=True)
def new_record(monkeypatch, tmp_path):
    monkeypatch.setenv("SCALETOOLKIT_RECORDS", str(tmp_path / "records"))
    monkeypatch.setitem(__main__.__dict__, "lab_record", None)
    del __main__.lab_record
    return lab.record()
