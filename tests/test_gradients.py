"""Hooks that measure and slow down exchanges leave the result as it is."""

import time

import pytest
import torch

from scaletoolkit import gradients, ranks, training


def watched(rank, world_size):
    """Train a little with every kind of exchange: (weights, buckets, bytes, parts, seconds)."""
    ranks.setup_distributed(rank, world_size)
    data = training.digits()
    images, labels = data.images[rank:64:world_size], data.labels[rank:64:world_size]
    found = {}
    for name, options in {
        "plain": None,
        "watched": {},
        "fp16": {"dtype": torch.float16},
        "slow": {"bytes_per_s": 1e6},
    }.items():
        model = training.seeded(training.mlp)
        ddp = training.data_parallel(model)
        exchange = gradients.Exchange(**options or {})
        if options is not None:
            ddp.register_comm_hook(None, exchange.hook)
        optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
        begun = time.perf_counter()
        parts = [gradients.timed_step(ddp, optimizer, images, labels, exchange) for _ in range(2)]
        seconds = time.perf_counter() - begun
        found[name] = (
            training.flat(model).tolist(),
            exchange.buckets,
            exchange.size_bytes,
            parts,
            seconds,
        )
    return found


def test_hooks_change_what_travels_and_not_what_is_computed():
    one, two = ranks.launch(watched, 2)
    size = training.gradient_bytes(training.mlp())
    weights = {name: torch.tensor(values) for name, (values, *_) in one.items()}
    assert all(one[name][0] == two[name][0] for name in one)
    assert training.distance(weights["plain"], weights["watched"]) < 1e-6
    assert training.distance(weights["plain"], weights["slow"]) < 1e-6
    assert 0 < training.distance(weights["plain"], weights["fp16"]) < 1e-3
    assert one["watched"][1:3] == (2, 2 * size)
    assert one["fp16"][2] == size
    assert one["slow"][4] >= 2 * size / 1e6
    for part in one["watched"][3]:
        assert set(part) == {"forward", "backward", "wait", "update"}
        assert all(seconds >= 0 for seconds in part.values())


def test_all_reduce_is_timed_on_every_rank():
    def job(rank, world_size):
        ranks.setup_distributed(rank, world_size)
        return [gradients.all_reduce_seconds(size) for size in (4, 4_000_000)]

    for small, large in ranks.launch(job, 2):
        assert 0 < small < large


def test_the_ring_law():
    assert gradients.ring_seconds(1000, 1, 1.0, 10) == 0
    assert gradients.ring_seconds(1000, 2, 0.5, 1000) == pytest.approx(2 * (0.5 + 0.5))
    far = gradients.ring_seconds(1e9, 10**6, 0, 1e9)
    assert far == pytest.approx(2, rel=1e-5)  # however many ranks: twice the bytes
