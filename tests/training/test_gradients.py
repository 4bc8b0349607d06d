"""Hooks that measure and slow down exchanges leave the result as it is."""

import time

import pytest
import torch
import torch.distributed as dist

from scaletoolkit.machine import ranks
from scaletoolkit.training import gradients, models, normalization, times


def watched(rank, world_size):
    """Train a little with every kind of exchange: (weights, buckets, bytes, parts, seconds)."""
    ranks.setup_distributed(rank, world_size)
    data = models.digits()
    images = data.images[rank:64:world_size]
    labels = data.labels[rank:64:world_size]
    results = {}
    for name, options in {
        "plain": None,
        "watched": {},
        "fp16": {"dtype": torch.float16},
        "slow": {"bytes_per_s": 1e6},
    }.items():
        model = models.seeded(models.mlp)
        ddp = models.data_parallel(model)
        exchange = gradients.Exchange(**options or {})
        if options is not None:
            ddp.register_comm_hook(None, exchange.hook)
        optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
        begun = time.perf_counter()
        parts = [times.timed_step(ddp, optimizer, images, labels, exchange) for _ in range(2)]
        seconds = time.perf_counter() - begun
        results[name] = (
            models.flat(model).tolist(),
            exchange.buckets,
            exchange.size_bytes,
            parts,
            seconds,
        )
    return results


def both(rank, world_size):
    return watched(rank, world_size), timed(rank, world_size)


@pytest.fixture(scope="module")
def by_rank():
    """What `watched` and `timed` return on each of two ranks, from one start of them."""
    return ranks.launch(both, 2)


def test_hooks_change_what_travels_and_not_what_is_computed(by_rank):
    (first, _), (second, _) = by_rank
    size = models.gradient_bytes(models.mlp())
    weights = {name: torch.tensor(values) for name, (values, *_) in first.items()}
    assert all(first[name][0] == second[name][0] for name in first)
    assert models.distance(weights["plain"], weights["watched"]) < 1e-6
    assert models.distance(weights["plain"], weights["slow"]) < 1e-6
    assert 0 < models.distance(weights["plain"], weights["fp16"]) < 1e-3
    assert first["watched"][1:3] == (2, 2 * size)
    assert first["fp16"][2] == size
    assert first["slow"][4] >= 2 * size / 1e6
    for part in first["watched"][3]:
        assert set(part) == {"forward", "backward", "wait", "update"}
        assert all(seconds >= 0 for seconds in part.values())


def timed(rank, world_size):
    ranks.setup_distributed(rank, world_size)
    data = models.digits()
    images = data.images[:32]
    labels = data.labels[:32]
    ddp = models.data_parallel(models.mlp())
    wire = gradients.Exchange()
    alone = models.seeded(models.mlp)
    steps = times.step_seconds(alone, ddp, images, labels, repeats=2)
    ddp.register_comm_hook(None, wire.hook)
    times.four_batches(ddp, images, labels, silent=3)
    return {
        "wire": times.all_reduce_seconds([4, 40_000_000]),
        "steps": steps,
        "parts": times.step_parts(models.data_parallel(models.mlp()), images, labels),
        "once in four": (wire.buckets, wire.size_bytes),
        "accumulated": gradient_of(ddp),
        "one batch": gradients.of_batch(ddp.module, images, labels),
        "worlds": times.exchange_seconds([4], [1, 2]),
        "core": times.core_share(0.1),
        "alone": models.distance(models.flat(alone), models.flat(models.seeded(models.mlp))),
    }


def gradient_of(model):
    return torch.cat([weights.grad.flatten() for weights in model.parameters()])


def test_steps_and_exchanges_are_timed_on_every_rank(by_rank):
    (_, first), (_, second) = by_rank
    assert first["parts"] == second["parts"]
    assert set(first["parts"]) == {"one rank", "nothing sent", "averaged"}
    for result in (first, second):
        assert 0 < result["wire"][0] < result["wire"][1]
        assert set(result["steps"]) == {"one rank", "strong", "weak"}
        for parts in result["parts"].values():
            assert set(parts) == {"forward", "backward", "wait", "update"}
        assert result["parts"]["nothing sent"]["wait"] == 0
        assert result["parts"]["averaged"]["wait"] > 0
        # four equal batches have the gradient of one: divided by four, and once
        assert models.distance(result["accumulated"], result["one batch"]) < 1e-6
        assert 0 < result["core"] <= 1.1
        assert result["once in four"] == (1, models.gradient_bytes(models.mlp()))
    assert set(first["worlds"]) == {1, 2}
    assert set(second["worlds"]) == {2}
    assert first["alone"] > 0  # only rank 0 trains the model that is nobody else's
    assert second["alone"] == 0


def left_alone(rank, world_size):
    """What rank 0's backward raises when rank 1 has left."""
    ranks.setup_distributed(rank, world_size)
    ddp = models.data_parallel(models.mlp())
    ddp.register_comm_hook(None, gradients.Exchange().hook)
    if rank == 1:
        return dist.destroy_process_group()
    with pytest.raises(RuntimeError) as raised:
        ddp(models.digits().images[:8]).sum().backward()
    return str(raised.value)


def test_an_exchange_that_fails_ends_the_backward():
    assert "gloo" in ranks.launch(left_alone, 2, timeout_s=60)[0]


def weighed(rank, world_size):
    """BatchNorm's and NormOverAll's examples and their gradients, rank 1's share of them."""
    ranks.setup_distributed(rank, world_size)
    torch.manual_seed(0)
    whole = torch.rand(9, 4, dtype=torch.float64)
    weights = torch.rand(9, 4, dtype=torch.float64)
    share = slice(0, 6) if rank == 0 else slice(6, 9)
    results = []
    for norm, part in ((torch.nn.BatchNorm1d, slice(0, 9)), (normalization.NormOverAll, share)):
        examples = whole[part].clone().requires_grad_()
        normed = norm(4).double()(examples)
        (normed * weights[part]).sum().backward()
        results.append(torch.cat([normed.detach(), examples.grad], 1)[-3:])
    return results


def test_the_gradients_of_norm_over_all_are_batch_norm_s():
    ours, theirs = ranks.launch(weighed, 2)[1]
    assert models.distance(ours, theirs) < 1e-12


def test_what_16_bits_cannot_hold():
    values = torch.tensor([0.0, 1e-9, 1.0, 1e9])
    assert gradients.lost_and_infinite(values, torch.float16) == (1 / 3, 1 / 3)
    assert gradients.lost_and_infinite(values, torch.bfloat16) == (0, 0)


def test_a_median_step_is_one_step_and_not_the_best_of_each_part():
    steps = [
        {"forward": 1.0, "wait": 9.0},
        {"forward": 5.0, "wait": 1.0},
        {"forward": 4, "wait": 4},
    ]
    assert times._median_step(steps) == {"forward": 4, "wait": 4}


def test_the_ring_law():
    assert gradients.ring_seconds(1000, 1, 1.0, 10) == 0
    assert gradients.ring_seconds(1000, 2, 0.5, 1000) == pytest.approx(2 * (0.5 + 0.5))
    far = gradients.ring_seconds(1e9, 10**6, 0, 1e9)
    assert far == pytest.approx(2, rel=1e-5)  # however many ranks: twice the bytes
