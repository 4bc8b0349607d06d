"""Cut models train as one process does, and send and keep what the formulas say."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from scaletoolkit.machine import ranks
from scaletoolkit.training import counting, models, sharded, tensor_parallel

WIDTH = 16
DEPTH = 3
STEPS = 3
LAB = Path(__file__).parents[2] / "labs" / "04_model_parallel.ipynb"


def batch():
    dice = torch.Generator().manual_seed(1)
    return torch.randn(8, WIDTH, generator=dice, dtype=torch.float64)


def build():
    return models.blocks(WIDTH, DEPTH)


def deep():
    """Eight blocks, so that four ranks have two each, or two stages of one."""
    return models.seeded(lambda: models.blocks(WIDTH, 8), dtype=torch.float64)


def steps(model, numbers, optimizer=None):
    """Losses of a few steps, the bytes that are kept, and what the last step has sent."""
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(STEPS):
        model.zero_grad()
        with counting.Messages() as messages:
            loss = model(numbers).square().mean()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    kept = counting.state_bytes(model, optimizer)
    return losses, kept, (messages.counts, messages.whole_bytes)


def zero_of_the_lab():
    """The lab's own function that trains with stage 1 or 2 of ZeRO."""
    names = {"torch": torch, "nn": torch.nn, "dist": torch.distributed, "partial": partial}
    names |= {"counting": counting, "train": steps}
    names["fresh"] = lambda: models.seeded(build, dtype=torch.float64)
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(LAB.read_text())["cells"]}
    for name in ("inline-zero", "inline-cuts"):
        exec(cells[name], names)
    return names["zero"]


def through_a_pipeline(rank, world_size, chunks=1):
    """As `steps`, through PyTorch's 1F1B; ranks but the last know no losses (NaN).

    chunks: how many stages a rank has; with more than one they are interleaved.
    """
    from torch.distributed.pipelining import (
        PipelineStage,
        Schedule1F1B,
        ScheduleInterleaved1F1B,
    )

    each = 8 // (world_size * chunks)
    firsts = range(rank * each, 8, world_size * each)
    parts = torch.nn.ModuleList(deep()[first : first + each] for first in firsts)
    places = [
        PipelineStage(part, rank + n * world_size, chunks * world_size, torch.device("cpu"))
        for n, part in enumerate(parts)
    ]
    kind = ScheduleInterleaved1F1B if chunks > 1 else Schedule1F1B
    loss_fn = lambda numbers, _: numbers.square().mean()  # noqa: E731
    schedule = kind(places if chunks > 1 else places[0], 4, loss_fn=loss_fn)
    optimizer = torch.optim.Adam(parts.parameters(), lr=1e-2)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        of_microbatches = []
        last = {"target": batch(), "losses": of_microbatches} if rank == world_size - 1 else {}
        with counting.Messages() as messages:
            schedule.step(*([batch()] if rank == 0 else []), **last)
        optimizer.step()
        losses.append(torch.stack(of_microbatches).mean().item() if of_microbatches else np.nan)
    kept = counting.state_bytes(parts, optimizer)
    return losses, kept, (messages.counts, messages.whole_bytes)


def gathered():
    """The bytes of an all-gather that is a function: its result is the whole, no argument is."""
    from torch.distributed._functional_collectives import all_gather_tensor, wait_tensor

    with counting.Messages() as messages:
        wait_tensor(all_gather_tensor(torch.zeros(3), 0, torch.distributed.group.WORLD))
    return messages.whole_bytes


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
        "pipeline": through_a_pipeline(rank, world_size),
        "interleaved": through_a_pipeline(rank, world_size, 2) if world_size > 1 else None,
        "zero 1": zero_of_the_lab()(1, mine, line),
        "zero 2": zero_of_the_lab()(2, mine, line),
        "gathered": gathered(),
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
    for name in by_rank[0].keys() - {"pipeline", "interleaved", "gathered"}:
        of_all = np.mean([found[name][0] for found in by_rank], axis=0)
        assert of_all.tolist() == pytest.approx(losses, rel=0, abs=1e-12)


@pytest.mark.parametrize(("name", "chunks"), [("pipeline", 1), ("interleaved", 2)])
def test_a_pipeline_trains_the_model_of_one_process_and_sends_a_batch_over_each_border(
    by_rank, name, chunks
):
    if len(by_rank) < chunks:
        return  # several stages on one rank alone are no pipeline
    losses, kept, _ = steps(deep(), batch())
    assert by_rank[-1][name][0] == pytest.approx(losses, rel=0, abs=1e-12)
    for rank, found in enumerate(by_rank):
        assert {k: len(by_rank) * v for k, v in found[name][1].items()} == kept
        stages = range(rank, chunks * len(by_rank), len(by_rank))
        borders = sum((n > 0) + (n < chunks * len(by_rank) - 1) for n in stages)
        assert found[name][2][0] == ({"send": 4 * borders} if borders else {})
        assert sum(found[name][2][1].values()) == borders * batch().nbytes


def test_the_whole_of_an_all_gather_is_what_it_ends_with(by_rank):
    assert {tuple(found["gathered"].items()) for found in by_rank} == {
        (("all-gather", len(by_rank) * 12),)
    }


def test_what_a_rank_sends_if_collectives_are_rings():
    messages = counting.Messages()
    messages.whole_bytes = {"all-reduce": 100, "all-gather": 40, "reduce-scatter": 20, "send": 7}
    assert messages.sent_bytes(4) == (2 * 100 + 40 + 20) * 3 / 4 + 7


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
        # of a block: what comes into `up`, and ReLU's result, which ReLU and `down` both keep
        assert kept == 2 * (5 * 8 + 5 * 32) * 4
        loss.backward()
        assert activations.now_bytes == 0
    assert activations.peak_bytes == kept


@pytest.mark.parametrize("stage", [1, 2])
def test_a_stage_of_zero_keeps_what_the_paper_says_and_sends_what_ddp_does(by_rank, stage):
    weights = sum(p.nbytes for p in models.seeded(build, dtype=torch.float64).parameters())
    for found in by_rank:
        _, kept, (_, size_bytes) = found[f"zero {stage}"]
        assert kept == {
            "weights": weights,
            "gradients": weights / (len(by_rank) if stage == 2 else 1),
            "optimizer": 2 * weights / len(by_rank),
        }
        assert size_bytes == {"reduce-scatter": weights, "all-gather": weights}


@pytest.mark.parametrize(("stage", "a_weight"), [(0, 16), (1, 7), (2, 5.5), (3, 4)])
def test_the_stages_of_zero(stage, a_weight):
    assert sharded.rank_bytes(1000, 4, stage) == 1000 * a_weight


def test_a_share_of_no_rank_is_a_sentence():
    with pytest.raises(ValueError, match="a rank at least, got world_size 0"):
        sharded.rank_bytes(1, 0, 3)


def test_there_is_no_fourth_stage():
    with pytest.raises(ValueError, match="stages 0 to 3, got 4"):
        sharded.rank_bytes(1, 1, 4)
