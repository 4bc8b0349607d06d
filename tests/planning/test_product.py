"""A reader's own product: every mistake is one sentence, and never a traceback."""

import itertools
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from planning import examples

from scaletoolkit.planning import bill, product
from scaletoolkit.planning.product import ProductError

TEXT = (examples.FOLDER / "recommender.yaml").read_text(encoding="utf-8")


def changed(**fields):
    document = yaml.safe_load(TEXT) | fields
    return yaml.safe_dump({name: value for name, value in document.items() if value != "gone"})


@pytest.mark.parametrize("path", examples.FILES, ids=lambda path: path.stem)
def test_the_examples_are_products_with_every_input(path):
    planned = examples.read(path)
    assert list(planned.inputs) == list(bill.UNITS)
    assert planned.budget > 0


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"product": "gone"}, "`product` is missing: what is it called?"),
        ({"users": "gone"}, "`users` is missing: how many people use it, in users."),
        ({"usres": 1}, "Nothing is called 'usres'; is 'users' meant?"),
        ({"users": 3}, "`users`: expected low, middle, high, unit, from, got 3."),
        ({"users": [1, 2, 3, "people", "assumed"]}, "`users`: its unit is users, got 'people'."),
        ({"users": [3, 2, 1, "users", "assumed"]}, "low, middle and high must rise, got 3, 2, 1."),
        ({"users": [1, 2, "many", "users", "assumed"]}, "expected a number, got 'many'."),
        ({"users": [1, True, 3, "users", "assumed"]}, "expected a number, got True."),
        ({"users": [1, 2, 3, "users", "guessed"]}, "must be one of measured, fitted"),
        ({"hit_ratio": [0.1, 0.5, 1.0, "", "assumed"]}, "`hit_ratio`: a share is below 1, got 1."),
        ({"budget": -1}, "`budget` must be a number of dollars a month, got -1."),
        ({"budget": float("nan")}, "`budget` must be a number of dollars a month, got '.nan'."),
    ],
)
def test_a_mistake_is_a_sentence(fields, sentence):
    with pytest.raises(ProductError, match=re.escape(sentence)):
        product.read(changed(**fields))


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ProductError) as raised:
        product.read(changed(users="gone", fixed=1))
    assert len(str(raised.value).splitlines()) == 2


def test_a_mapping_says_the_same_as_a_list():
    fields = dict(zip(product.FIELDS, [5e7, 1e8, 1.5e8, "users", "assumed"], strict=True))
    assert product.read(changed(users=fields)).inputs == product.read(TEXT).inputs


def test_prices_that_are_not_given_are_quoted():
    planned = product.read(TEXT)
    assert set(planned.quoted) == set(product.PRICED)
    own = product.read(changed(worker_price=[1, 2, 3, "$/h", "quoted"]))
    assert own.inputs["worker_price"].middle == 2
    assert "worker_price" not in own.quoted


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
LEAVES |= st.sampled_from(["users", "assumed", "/day", "$/h", ".nan", "1e400", "0x10"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["product", "budget", *bill.UNITS]) | st.text(max_size=8)
RANGES = st.tuples(*[st.floats() | st.integers()] * 3, st.sampled_from(["users", "", "B"]), LEAVES)


def problems(text):
    """The sentences about a text; [] for a product."""
    try:
        product.read(text)
    except ProductError as error:
        return str(error).splitlines()
    return []


@given(st.dictionaries(NAMES, VALUES | RANGES.map(list), max_size=6))
def test_whatever_a_file_holds_is_a_product_or_a_sentence(fields):
    text = yaml.safe_dump(yaml.safe_load(TEXT) | fields)
    assert all(line.endswith((".", "?")) for line in problems(text))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in itertools.pairwise("abcdefgh")
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (TEXT + "\nbudget: 1", "budget: Duplicate key"),
        (BOMB, "more than 10,000 values once its aliases are written out"),
        ("a: 1\n---\na: 2", "The file must hold names and their ranges"),
        ("budget: 2024-01-01", "got '2024-01-01'."),
    ],
)
def test_what_yaml_would_take_and_nobody_means_is_a_sentence(text, sentence):
    assert sentence in "\n".join(problems(text))


@given(st.text(max_size=200) | st.text("{}[]:,-&*!#|>?'\"% \n\t0123456789ae.", max_size=60))
def test_whatever_is_no_yaml_is_a_sentence(text):
    assert problems(text)
