"""Recorded traffic: held between its rows, and a sentence for what is no traffic. Lab 09."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit.serving.traffic import TrafficError, read_traffic
from scaletoolkit.serving.traffic.recorded import EXPECTED


def as_csv(rows):
    return "\n".join(f"{seconds},{rate}" for seconds, rate in rows)


@given(st.text(max_size=200) | st.lists(st.tuples(st.floats(), st.floats())).map(as_csv))
def test_any_traffic_file_gives_rates_or_one_sentence(text):
    sentence = ""
    rates = np.zeros(1)
    try:
        rates = read_traffic(text)
    except TrafficError as error:
        sentence = str(error)
    assert "\n" not in sentence
    assert rates.size
    assert np.isfinite(rates).all()


def test_traffic_is_held_between_its_rows():
    assert read_traffic("0,5\n2,7\n3,1\n").tolist() == [5, 5, 7, 1]


@pytest.mark.parametrize("fraction", ["36", "1", "7", "123"])
@pytest.mark.parametrize("first", [0, 1_700_000_000])
def test_rows_a_second_apart_are_a_value_each_wherever_they_begin(first, fraction):
    table = "".join(f"{first + k}.{fraction},{k}\n" for k in range(50))
    assert read_traffic(table).tolist() == list(range(50))
    assert read_traffic(f"0.{fraction},5\n1.{fraction},7\n").tolist() == [5, 7]


def test_rows_nearer_than_a_microsecond_are_traffic_too():
    assert read_traffic("0,5\n1e-7,7\n").tolist() == [7]


def test_a_date_alone_is_that_day_in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        rates = read_traffic("2026-11-27,5\n2026-11-27T00:00:02Z,7\n")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert rates.tolist() == [5, 5, 7, 7]


def test_a_foreign_line_is_quoted_short_and_printable():
    with pytest.raises(TrafficError) as caught:
        read_traffic("0,1\n\x1b[31m" + "x" * 100)
    assert str(caught.value) == (
        f'Traffic, line 2: expected {EXPECTED}, got "?[31m' + "x" * 51 + "...."
    )
