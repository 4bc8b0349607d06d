"""Whatever stands in a table of usage or in prices, it is rows and prices, or sentences."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit.commands.bill import USAGE
from scaletoolkit.kubernetes.document import ManifestError
from scaletoolkit.kubernetes.fields import Sentences
from scaletoolkit.teams import usage
from scaletoolkit.teams.billing import bill

HEADINGS = USAGE.splitlines()[0]
PRICES = {"prices_per_hour": {"cpu": 0.1}, "machines": {"cpu": 4}, "hours": 10}
numbers = st.floats(0, 1e6) | st.integers(0, 10**6) | st.decimals(0, 1000, places=5)
cells = st.text("0123456789.eE+-,;\t|\"'mGi n/", max_size=8) | st.text(max_size=5)


@given(st.text("ab", min_size=1, max_size=3), numbers, st.sampled_from(",;\t|"))
def test_a_number_is_the_number_that_was_written(team, number, separator):
    row = [team, "cpu", number, 0, 1]
    text = "\n".join(separator.join(map(str, cells)) for cells in (HEADINGS.split(","), row))
    (there,) = usage.read_usage(text)
    assert there["team"] == team
    assert there["requested"] == Fraction(str(number))


@given(st.lists(st.lists(cells, min_size=1, max_size=6), min_size=1, max_size=4))
def test_any_cells_are_rows_or_one_sentence(rows):
    text = "\n".join([HEADINGS, *(",".join(row) for row in rows)])
    sentence = ""
    try:
        assert all(row["requested"] >= 0 for row in usage.read_usage(text))
    except ManifestError as error:
        sentence = str(error)
    assert "\n" not in sentence


@given(st.text())
def test_any_text_is_rows_or_one_sentence(text):
    with pytest.raises(ManifestError):
        usage.read_usage(text)


def test_memory_counts_in_gib_whatever_its_unit():
    text = f"{HEADINGS}\na,memory,1536Mi,2,1\na,shared-storage,1G,0,1\na,cpu,1500m,0,1\n"
    rows = usage.read_usage(text)
    assert [row["requested"] for row in rows] == [
        *(Fraction(3, 2), Fraction(10**9, 2**30), Fraction(3, 2)),
    ]
    assert rows[0]["used"] == 2


def test_bytes_without_a_unit_are_not_taken_for_gib():
    wrong = Sentences()
    platform = {"machines": {"cpu": 96, "memory": 384 * 2**30}}
    usage.read_prices(PRICES | platform, "", wrong)
    assert wrong == [
        "prices.machines.memory: Invalid value: 412316860416: counts GiB and is too large for "
        "that; write a unit, such as 384Gi."
    ]
    with pytest.raises(ManifestError, match=r'row 1: used: "2097152" counts GiB .* such as 384Gi'):
        usage.read_usage(f"{HEADINGS}\na,memory,1,2097152,1\n")
    assert usage.read_usage(f"{HEADINGS}\na,cpu,1,2097152,1\n")[0]["used"] == 2097152


def test_a_cluster_that_holds_nothing_is_a_sentence():
    for nothing in (None, {}):
        wrong = Sentences()
        prices = {name: PRICES[name] for name in ("prices_per_hour", "hours")}
        usage.read_prices(prices | {"clusters": {"a": nothing, "b": {"cpu": 1}}}, "", wrong)
        assert wrong == ["prices.clusters.a: Required value: must be set."]


def test_a_quote_that_never_closes_swallows_no_rows():
    with pytest.raises(ManifestError, match=r"^The usage is no table: unexpected end of data\.$"):
        usage.read_usage(f'{HEADINGS},note\na,cpu,1,1,1,"x\nb,cpu,1,1,1,y\n')


def test_only_the_word_ram_is_memory():
    text = f"{HEADINGS}\na,frames,3Gi,0,1\na,ram,3Gi,0,1\na,GPU-RAM,3Gi,0,1\na,parameters,2G,0,1\n"
    rows = usage.read_usage(text)
    assert [row["requested"] for row in rows] == [3 * 2**30, 3, 3, 2 * 10**9]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@given(st.sampled_from([*PRICES, "clusters", "overhead", "currency", "machines_per_hour"]), values)
def test_any_prices_make_a_bill_or_sentences(field, value):
    wrong = Sentences()
    prices = usage.read_prices(PRICES | {field: value}, "", wrong)
    assert all("\n" not in sentence for sentence in wrong)
    rows = usage.read_usage(f"{HEADINGS}\na,cpu,1,1,1\n")
    sentence = "".join(wrong)
    if not wrong:
        try:
            assert bill(rows, prices).machines >= 0
        except ValueError as error:
            sentence = str(error)
    assert "\n" not in sentence
