"""Whatever value stands in a manifest, a sentence can be written about it."""

import datetime

import pytest

from scaletoolkit.kubernetes.document import documents, short

LOOP = ([],)
LOOP[0].append(LOOP)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("text", '"text"'),
        ("x" * 99, '"' + "x" * 56 + "..."),
        (datetime.date(2026, 1, 2), '"2026-01-02"'),
        (10**5000, "a value that cannot be shown"),
        (LOOP, "a value that cannot be shown"),
        ({1: 2}, "a mapping"),
        (None, "null"),
    ],
    ids=["text", "long", "date", "number", "loop", "mapping", "null"],
)
def test_every_value_can_stand_in_a_sentence(value, told):
    assert short(value) == told


@pytest.mark.parametrize("number", ["1" * 1001, "0x" + "f" * 5000, "-0b" + "1" * 20_000])
def test_a_number_of_more_than_a_thousand_letters_stays_text(number):
    assert documents(f"a: {number}") == [{"a": number}]
    assert documents(f"a: {'1' * 1000}") == [{"a": int("1" * 1000)}]
