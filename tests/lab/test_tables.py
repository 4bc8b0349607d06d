"""Numbers and tables as people read them, and the marks around what was measured."""

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
    ],
)
def test_quantities_read_as_people_write_them(value, unit, text):
    assert lab.quantity(value, unit) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_quantity_is_finite(value):
    with pytest.raises(ValueError, match=f"got {value}"):
        lab.measured(value, "s")


def test_a_table_marks_its_measured_columns_only():
    table = lab.table(
        [{"layout": "by day", "files": 12, "time": 0.5, "bytes": 41_000}],
        units={"time": "s", "bytes": "B"},
        measured=("time",),
    )
    head, row = repr(table).splitlines()
    assert head.split() == ["layout", "files", "time", "bytes"]
    assert row.split() == ["by", "day", "12", "⟨", "500", "ms⟩", "41,000", "B"]
    assert "<td" in table._repr_html_()
    assert "⟨    500 ms⟩" in table._repr_html_()


def test_tables_of_different_measurements_have_the_same_shape():
    def shape(seconds):
        text = repr(lab.table([{"name": "a", "time": seconds}], {"time": "s"}, ("time",)))
        return [line.index("⟨") if "⟨" in line else line for line in text.splitlines()]

    assert shape(0.5) == shape(123.4) == shape(1e-9)


def test_a_table_says_what_is_wrong_with_it():
    with pytest.raises(ValueError, match="at least one row"):
        lab.table([])
    with pytest.raises(ValueError, match=r"no column is named 'tme'; there are \['time'\]"):
        lab.table([{"time": 1}], measured=("tme",))


def test_text_in_a_table_is_escaped():
    assert "<b>" not in lab.table([{"name": "<b>"}])._repr_html_()
