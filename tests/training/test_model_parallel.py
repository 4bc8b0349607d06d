"""Cut models train as one process does, and send and keep what the formulas say."""

import numpy as np
import pytest
import torch

from scaletoolkit.machine import ranks
from scaletoolkit.training import counting, models, sharded, tensor_parallel

WIDTH = 16
DEPTH = 3
STEPS = 3


def batch():
    dice = torch.Generator().manual_seed(1)
    return torch.randn(8, WIDTH, generator=dice, dtype=torch.float64)


def build():
    return models.blocks(WIDTH, DEPTH)


def steps(model, numbers):
    """Losses of a few steps, the bytes that are kept, and what the last step has sent."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        with counting.Messages() as messages:
            loss = model(numbers).square().mean()
            loss.backward()
        optimizer.step()
        losses.append(loss.item())
    kept = counting.state_bytes(model, optimizer)
    return losses, kept, (messages.counts, messages.whole_bytes)


def cut(rank, world_size):
    """Every way to cut the model over these ranks: {name: what `steps` returns}."""
    from torch.distributed.device_mesh import init_device_mesh

    ranks.setup_distributed(rank, world_size)
    fresh = lambda: models.seeded(build, dtype=torch.float64)  # noqa: E731
    line = init_device_mesh("cpu", (world_size,))
    mine = batch()[rank::world_size]
    found = {
        "tensor": steps(tensor_parallel.column_then_row(fresh(), line), batch()),
        "sharded": steps(sharded.shard(fresh(), line), mine),
        "ddp": steps(torch.nn.parallel.DistributedDataParallel(fresh()), mine),
    }
    if world_size == 4:
        grid = init_device_mesh("cpu", (2, 2), mesh_dim_names=("shard", "tensor"))
        both = tensor_parallel.column_then_row(fresh(), grid["tensor"])
        share = batch()[grid["shard"].get_local_rank() :: 2]
        found["both"] = steps(sharded.shard(both, grid["shard"]), share)
    return found


@pytest.fixture(scope="module", params=[1, 2, 4], ids="{} ranks".format)
def by_rank(request):
    return ranks.launch(cut, request.param)


def test_every_cut_trains_the_model_of_one_process(by_rank):
    losses, _, _ = steps(models.seeded(build, dtype=torch.float64), batch())
    for name in by_rank[0]:
        of_all = np.mean([found[name][0] for found in by_rank], axis=0)
        assert of_all.tolist() == pytest.approx(losses, rel=0, abs=1e-12)


def test_sharding_divides_what_is_kept_and_cutting_layers_all_but_one_bias(by_rank):
    world_size = len(by_rank)
    weights = sum(p.nbytes for p in models.seeded(build, dtype=torch.float64).parameters())
    for found in by_rank:
        shares = found["sharded"][1]
        assert shares == {
            "weights": weights / world_size,
            "gradients": weights / world_size,
            "optimizer": 2 * weights / world_size,
        }
        whole = DEPTH * WIDTH * 8  # the bias of `down` is on every rank
        assert found["tensor"][1]["weights"] == (weights - whole) / world_size + whole


def test_what_is_sent_is_what_the_formulas_say(by_rank):
    weights = sum(p.nbytes for p in models.seeded(build, dtype=torch.float64).parameters())
    for found in by_rank if len(by_rank) > 1 else []:  # one rank has nobody to send to
        assert found["tensor"][2][0] == {"all-reduce": 2 * DEPTH - 1}
        assert found["tensor"][2][1] == {"all-reduce": (2 * DEPTH - 1) * batch().nbytes}
        counts, size_bytes = found["sharded"][2]
        assert counts == {"all-gather": 2 * DEPTH, "reduce-scatter": DEPTH}
        assert size_bytes == {"all-gather": 2 * weights, "reduce-scatter": weights}
        assert found["ddp"][2][1] == {"all-reduce": weights}


def test_activations_are_counted_while_they_are_kept():
    model = models.blocks(8, 2)
    numbers = torch.randn(5, 8)
    with counting.Activations(model) as activations:
        loss = model(numbers).sum()
        kept = activations.now_bytes
        # of a block: what comes into `up`, ReLU's result (kept twice: by it and by `down`)
        assert kept == 2 * (5 * 8 + 2 * 5 * 32) * 4
        loss.backward()
        assert activations.now_bytes == 0
    assert activations.peak_bytes == kept


@pytest.mark.parametrize(("stage", "a_weight"), [(0, 16), (1, 7), (2, 5.5), (3, 4)])
def test_the_stages_of_zero(stage, a_weight):
    assert sharded.rank_bytes(1000, 4, stage) == 1000 * a_weight


def test_there_is_no_fourth_stage():
    with pytest.raises(ValueError, match="stages 0 to 3, got 4"):
        sharded.rank_bytes(1, 1, 4)
