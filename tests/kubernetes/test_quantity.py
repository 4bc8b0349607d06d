"""Quantities are those of Kubernetes, exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit.kubernetes.quantity import exact, milli, text


@given(st.integers(1, 10**15))
def test_a_quantity_survives_being_written(value):
    assert milli(text(value)) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("10", 10_000),
        ("500m", 500),
        (".5", 500),
        ("1.", 1000),
        ("2Ki", 2_048_000),
        ("3e2", 300_000),
        ("1u", 1),
        ("-3", -3000),
        (0.25, 250),
        ("9E", 2**63 - 1),
        ("1e-300", 1),
    ],
)
def test_quantities_as_kubernetes_reads_them(written, value):
    assert milli(written) == value


@given(st.text(max_size=12))
def test_what_is_no_quantity_is_refused(written):
    sentence = "a quantity"
    try:
        assert exact(written) is not None
    except ValueError as error:
        sentence = str(error)
    assert "quantity" in sentence
