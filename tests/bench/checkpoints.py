"""Lab 05: how long a save keeps training waiting: ours beside what people save with.

Each way writes the same tensors, weights and Adam's two moments, into one file system, in turns;
what it wrote is removed before the next, so nothing of it waits for the disk. One process saves
all; then two fully sharded ranks save their shards, each into a file of its own where the way knows
of no ranks. Ours also notes the sha256 of each file, for which it reads it.
"""

import shutil
import tempfile
import time
from pathlib import Path

from scripts import jobs

from scaletoolkit.machine import ranks

WIDTH = 512
DEPTH = 8
TURNS = 9
TIMEOUT_S = 1200


def tables():
    """The median over the turns of each way, and of its ratio to ours in the same turn."""
    return [
        ("A checkpoint by one process: how long training waits", saves(1)),
        ("A checkpoint by two fully sharded ranks: how long training waits", saves(2)),
    ]


def saves(world_size):
    """A row for each way of saving."""
    sizes = {"width": WIDTH, "depth": DEPTH, "turns": TURNS}
    with tempfile.TemporaryDirectory(prefix="scaletoolkit-bench-") as folder:
        seconds, size_bytes = ranks.launch(saving, world_size, TIMEOUT_S, folder=folder, **sizes)[0]
    ours = seconds[jobs.OURS]
    rows = []
    for name, (_, forced) in WAYS.items():
        head = {"save": name, "MB": size_bytes[name] / 1e6, "forced to disk": forced}
        rows.append(head | jobs.against(seconds[name], ours))
    finished = {"save": f"{ASYNC}, until it is on disk", "MB": rows[-1]["MB"]}
    finished |= {"forced to disk": rows[-1]["forced to disk"]}
    return [*rows, finished | jobs.against(seconds["finished"], ours)]


def saving(rank, world_size, folder, width, depth, turns):
    """What each rank runs: ({way: [seconds, …]}, {way: bytes on disk})."""
    import torch.distributed as dist

    device = ranks.own_device(ranks.setup_distributed(rank, world_size))
    state = trained(device, world_size, width, depth)
    seconds = {name: [] for name in [*WAYS, "finished"]}
    size_bytes = {}
    for turn in range(turns):
        for name, (way, _) in WAYS.items():
            place = Path(folder) / name.replace(" ", "-")
            place.mkdir(exist_ok=True)
            dist.barrier()
            begun_s = time.perf_counter()
            unfinished = way(place, turn + 1, state, rank)
            dist.barrier()
            seconds[name].append(time.perf_counter() - begun_s)
            if unfinished is not None:
                unfinished.result()
                dist.barrier()
                seconds["finished"].append(time.perf_counter() - begun_s)
            size_bytes[name] = _size_bytes(place)
            dist.barrier()
            if rank == 0 and name != jobs.OURS:
                shutil.rmtree(place)
            dist.barrier()
    return seconds, size_bytes


def trained(device, world_size, width, depth):
    """The state of a model of blocks after one step of Adam."""
    import torch
    from torch.distributed.device_mesh import init_device_mesh

    from scaletoolkit.training import checkpoint, models, sharded

    model = models.seeded(lambda: models.blocks(width, depth)).to(device)
    if world_size > 1:
        model = sharded.shard(model, init_device_mesh(device.type, (world_size,)))
    optimizer = torch.optim.Adam(model.parameters())
    batch = torch.rand(8, width, device=device), torch.arange(8, device=device)
    models.train_step(model, optimizer, *batch)
    schedule = torch.optim.lr_scheduler.ConstantLR(optimizer)
    return checkpoint.collect(model, optimizer, schedule)


def _size_bytes(place):
    """Of the newest checkpoint in that folder."""
    newest = max(place.glob("step-*"), default=place)
    return sum(file.stat().st_size for file in newest.iterdir())


def _tensors(state):
    """{name: tensor} of what this rank holds."""
    named = dict(state["model"])
    for name, moments in state["optimizer"]["state"].items():
        named |= {f"{name}.{moment}": tensor for moment, tensor in moments.items()}
    return {name: _local(tensor) for name, tensor in named.items()}


def _local(tensor):
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def _ours(place, step, state, rank):
    from scaletoolkit.training import checkpoint

    checkpoint.save(place, step, state, keep=1)


def _torch(place, step, state, rank):
    import torch

    torch.save(_tensors(state), place / f"{rank}.pt")


def _safetensors(place, step, state, rank):
    from safetensors.torch import save_file

    save_file(_tensors(state), place / f"{rank}.safetensors")


def _forced(way):
    """The same, and its file is brought to disk."""

    def save(place, step, state, rank):
        from scaletoolkit.machine import folders

        way(place, step, state, rank)
        for file in place.glob(f"{rank}.*"):
            folders.sync(file)

    return save


def _dcp(place, step, state, rank):
    from torch.distributed import checkpoint

    checkpoint.save(state, checkpoint_id=place)


def _dcp_async(place, step, state, rank):
    from torch.distributed import checkpoint

    return checkpoint.async_save(state, checkpoint_id=place)


ASYNC = "DCP async_save"
WAYS = {
    jobs.OURS: (_ours, "files and folders"),
    "torch.save": (_torch, "no"),
    "torch.save, fsync": (_forced(_torch), "files"),
    "safetensors": (_safetensors, "no"),
    "safetensors, fsync": (_forced(_safetensors), "files"),
    "DCP save": (_dcp, "files"),
    ASYNC: (_dcp_async, "files, later"),
}
