"""Lines that go away, and are not there at all where nobody looks."""

import pytest

from scaletoolkit import lab


def test_progress_hands_on_every_item_and_prints_nothing_where_nobody_looks(capsys):
    assert list(lab.progress(iter(range(5)), 5, "counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_busy_prints_nothing_where_nobody_looks_and_hides_no_error(capsys):
    with pytest.raises(KeyError), lab.busy("training"):
        raise KeyError
    assert capsys.readouterr() == ("", "")
