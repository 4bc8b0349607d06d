"""Lab 04: a fully sharded training step beside the same written by hand with FSDP2."""

from scripts import jobs

from scaletoolkit.machine import ranks

WIDTH = 512  # and four blocks, 256 rows a rank, Adam: as in scripts/fsdp.py
DEPTH = 4
ROWS = 256


def tables():
    """The median step of both over many turns, and of their ratio in the same turn."""
    title = "A fully sharded step on two ranks: four blocks of 8.4 MB, 256 rows a rank, Adam"
    ours = jobs.by_library(sharded_steps)
    return [(title, jobs.in_turns({jobs.OURS: ours, jobs.SCRIPT: jobs.by_script("fsdp.py")}))]


def sharded_steps(rank, world_size, folder, place, jobs):
    """What each rank of our job runs."""
    import torch
    from scripts.turns import take_turns
    from torch.distributed.device_mesh import init_device_mesh

    from scaletoolkit.training import models, sharded

    device = ranks.setup_distributed(rank, world_size, timeout_s=300)
    model = models.seeded(lambda: models.blocks(WIDTH, DEPTH)).to(device)
    model = sharded.shard(model, init_device_mesh(device.type, (world_size,)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    numbers = torch.rand(ROWS, WIDTH, device=device)
    labels = torch.arange(ROWS, device=device) % 10
    batch = numbers, labels
    return take_turns(lambda: models.train_step(model, optimizer, *batch), folder, place, jobs)
