"""Sketches count as they say, in every size, and merge into the sketch of the union."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaletoolkit.data import sketches

BITS = st.sampled_from(sketches.BITS)


@settings(deadline=None)
@given(st.integers(0, 60_000), st.integers(0, 2**62), BITS)
def test_estimate_is_near_the_truth(n, start, bits):
    text = sketches.sketch(np.arange(start, start + n), bits)
    assert len(text) == 2**bits
    # Five standard errors; tiny counts are off by a collision or two.
    assert sketches.estimate(text) == pytest.approx(n, rel=5 * 1.04 / 2 ** (bits / 2), abs=2)


@pytest.mark.parametrize("bits", [11, sketches.BUCKET_BITS])
def test_estimates_are_unbiased_with_the_textbook_error(bits):
    n = 4 * 2**bits
    found = [
        sketches.estimate(sketches.sketch(np.arange(i * 10**7, i * 10**7 + n), bits)) / n
        for i in range(200)
    ]
    error = 1.04 / 2 ** (bits / 2)
    assert np.mean(found) == pytest.approx(1, abs=5 * error / np.sqrt(200))
    assert np.std(found) == pytest.approx(error, rel=0.25)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=5), BITS)
def test_merged_sketches_are_the_sketch_of_all(lists, bits):
    texts = [sketches.sketch(np.array(numbers, np.int64), bits) for numbers in lists]
    everything = np.array([number for numbers in lists for number in numbers], np.int64)
    assert sketches.merge(*texts) == sketches.sketch(everything, bits)


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="has 2\\^11 to 2\\^18 buckets, not 2\\^10"):
        sketches.sketch([1], 10)
    with pytest.raises(ValueError, match="sketches of 2048 and 4096 buckets"):
        sketches.merge(sketches.sketch([1], 11), sketches.sketch([1], 12))


def test_hashed_is_splitmix64():
    # The first outputs of the reference generator for seed 0 hash the multiples of its step.
    steps = np.array([0, 0x9E3779B97F4A7C15, 0x3C6EF372FE94F82A], np.uint64).view(np.int64)
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert sketches.hashed(steps).tolist() == expected
