"""Numbers and tables as people read them, their words, and the marks of what a run changes."""

import re

import numpy as np
import pytest

from scaletoolkit import lab


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0042, "s", "4.20 ms"),
        (41_234, "B", "41.2 kB"),
        (2_500_000, "rows/s", "2,500,000 rows/s"),
        (1.9, "×", "1.90 ×"),
        (1234.0, "", "1,234"),
        (0, "s", "0 s"),
        (-0.5, "s", "-500 ms"),
        (3e-12, "", "3.00e-12"),
        (np.int64(20), "rows", "20 rows"),
        (np.float32(0.5), "s", "500 ms"),
        (9.996, "", "10.0"),
        (99.96, "", "100"),
        (0.9999, "s", "1.00 s"),
        (999_999, "B", "1.00 MB"),
        (999.9, "rows/s", "1,000 rows/s"),
        (999.4, "B", "999 B"),
    ],
)
def test_quantities_read_as_people_write_them(value, unit, text):
    assert lab.quantity(value, unit) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_quantity_is_finite(value):
    with pytest.raises(ValueError, match=f"got {value}"):
        lab.measured(value, "s")


def test_every_number_says_where_it_is_from():
    assert lab.measured(0.42, "s") == "⟨420 ms⟩ measured"
    assert lab.fitted(0.19) == "⟨0.190⟩ fitted"
    assert lab.simulated(3.95, "×", exact=True) == "3.95 × simulated"
    assert lab.computed(7, exact=True) == "7 computed"
    assert lab.quoted(90, "%") == "90 % quoted"
    assert lab.assumed(50, "ms") == "50 ms assumed"


def test_the_heading_of_a_column_says_where_it_is_from():
    table = lab.table(
        [{"layout": "by day", "files": 12, "time": 0.5, "bytes": 41_000, "price": 5}],
        units={"time": "s", "bytes": "B", "price": "$"},
        sources={"time": "measured", "bytes": "computed", "price": "quoted"},
        exact=["bytes"],
        caption="Layouts",
    )
    caption, head, row = repr(table).splitlines()
    assert caption == "Layouts"
    headings = ["layout", "files", "time, measured", "bytes, computed", "price, quoted"]
    assert head.split("  ")[0] == "layout"
    assert [heading for heading in headings if heading in head] == headings
    assert row.split() == ["by", "day", "12", "⟨", "500", "ms⟩", "41,000", "B", "5", "$"]


def test_a_screen_reader_finds_caption_and_headings():
    shown = lab.table([{"a": "<b>", "time": 0.5}], {"time": "s"}, {"time": "fitted"}, caption="<c>")
    text = shown._repr_html_()
    assert text.startswith('<table><caption>&lt;c&gt;</caption><tr><th scope="col"')
    assert text.count('<th scope="col"') == 2
    assert "time, fitted</th>" in text
    assert "⟨500 ms⟩" in text


@pytest.mark.parametrize("mixed", [False, True])
def test_tables_of_different_measurements_have_the_same_shape(mixed):
    def shape(seconds):
        rows = [{"name": "a", "time": lab.fitted(seconds, "s") if mixed else seconds, "n": 3}]
        text = repr(lab.table(rows, {"time": "s"}, {"time": "measured"}))
        return re.sub("⟨.*?⟩", "⟨⟩", text)

    assert shape(0.5) == shape(123.4) == shape(1e-9) == shape(-123456.7)
    assert "⟨⟩" in shape(0.5)


def test_a_table_says_what_is_wrong_with_it():
    with pytest.raises(ValueError, match="at least one row"):
        lab.table([])
    with pytest.raises(ValueError, match=r"no column is named 'tme'; there are \['time'\]"):
        lab.table([{"time": 1}], sources={"tme": "measured"})
    with pytest.raises(ValueError, match=r"source must be one of measured, .*; got 'guessed'"):
        lab.table([{"time": 1}], sources={"time": "guessed"})
    with pytest.raises(ValueError, match=r"source must be one of measured, .*; got 'guessed'"):
        lab.compare(lab.predict("How long?", 1, "s"), 1, "guessed")


def test_text_in_a_table_is_escaped():
    assert "<b>" not in lab.table([{"name": "<b>"}])._repr_html_()
