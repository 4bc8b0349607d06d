"""Rendezvous hashing moves what it must, and no more; the law of the busiest shard."""

import numpy as np
import pytest

from scaletoolkit import features, laws

KEYS = np.random.default_rng(0).integers(0, 2**62, 100_000)


@pytest.mark.parametrize("count", [1, 4, 8])
def test_a_new_shard_takes_its_part_and_nothing_moves_between_others(count):
    before = features.shards(KEYS, count)
    after = features.shards(KEYS, count + 1)
    moved = before != after
    assert (after[moved] == count).all()
    assert abs(moved.mean() - 1 / (count + 1)) < 0.01
    assert np.bincount(after).max() < 1.05 * len(KEYS) / (count + 1)


def test_consecutive_and_negative_keys_spread_too():
    for keys in (np.arange(10_000), -np.arange(10_000)):
        assert np.bincount(features.shards(keys, 4)).max() < 1.1 * 2500


def test_mix_is_splitmix64():
    """Its first outputs from the state 0, as Java's SplittableRandom and others give them."""
    states = (np.arange(3, dtype=object) * 0x9E3779B97F4A7C15) % 2**64
    first = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert features.mix(states.astype(np.uint64)).tolist() == first


def test_the_law_of_the_busiest_shard_against_drawn_placements():
    popular = laws.zipf(100_000)
    for count in (4, 16, 64):
        loads = []
        for seed in range(5):
            placed = features.shards(np.arange(100_000) + 10**6 * seed, count)
            loads.append(count * np.bincount(placed, popular).max())
        assert features.busiest_shard(popular[0], count) == pytest.approx(np.mean(loads), rel=0.15)


@pytest.mark.parametrize("arguments", [(0.1, 0), (1.5, 3)])
def test_no_shard_and_no_share_are_sentences(arguments):
    with pytest.raises(ValueError, match="expected a share and a count"):
        features.busiest_shard(*arguments)
    with pytest.raises(ValueError, match="at least one shard"):
        features.shards([1], 0)
