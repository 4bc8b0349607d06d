"""Lab 03: a training step against other libraries' steps, the loader against other loaders."""

import tempfile
from pathlib import Path

from scripts import jobs

from scaletoolkit.data import events
from scaletoolkit.machine import measure, ranks

ROWS = 1_000_000
BATCH = 1024
REPEATS = 5


def tables():
    """A step of one model by four libraries; rows a second of five loaders."""
    return [
        ("A data-parallel step on two ranks: MLP of 8.7 MB, 256 images a rank", steps()),
        ("Loaders: 1 M rows, six float columns, batches of 1,024", loaders()),
    ]


def steps():
    """The step of each library and of a script written by hand, see `jobs.in_turns`."""
    libraries = {name: jobs.by_library(library_steps, name=name) for name in MAKERS}
    return jobs.in_turns(libraries | {jobs.SCRIPT: jobs.by_script("ddp.py")})


def library_steps(rank, world_size, name, folder, place, jobs):
    """What each rank of a library's job runs."""
    import torch
    from scripts.turns import take_turns

    from scaletoolkit.training import models

    device = ranks.setup_distributed(rank, world_size, timeout_s=300)
    images = torch.rand(256, 1, 8, 8).to(device)
    labels = torch.arange(256, device=device) % 10
    model = models.seeded(lambda: models.mlp(1024, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    step = MAKERS[name](model, optimizer, device, images, labels)
    return take_turns(step, folder, place, jobs)


def _ours(model, optimizer, device, images, labels):
    from scaletoolkit.training import models

    ddp = models.data_parallel(model, device)
    return lambda: models.train_step(ddp, optimizer, images, labels)


def _accelerate(model, optimizer, device, images, labels):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=device.type == "cpu")
    ddp, optimizer = accelerator.prepare(model, optimizer)
    return lambda: _step(ddp, optimizer, accelerator.backward, images, labels)


def _fabric(model, optimizer, device, images, labels):
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator=device.type, devices=2, strategy="ddp")
    fabric.launch()
    ddp, optimizer = fabric.setup(model, optimizer)
    return lambda: _step(ddp, optimizer, fabric.backward, images, labels)


def _step(ddp, optimizer, backward, images, labels):
    from torch.nn.functional import cross_entropy

    optimizer.zero_grad()
    loss = cross_entropy(ddp(images), labels)
    backward(loss)
    optimizer.step()
    return loss.item()


MAKERS = {jobs.OURS: _ours, "Accelerate": _accelerate, "Lightning Fabric": _fabric}


def loaders():
    """Rows a second of each loader, taken in turns, each delivering features and labels.

    PyTorch gets one thread: on a busy machine, two threads that wait for each other are slower.
    """
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        source = str(events.ensure(Path(folder) / "events", ROWS))
        tasks = {
            "scaletoolkit, from disk, shuffled": _parquet(source),
            "in memory, shuffled slices": _in_memory(source),
            "HF datasets, Arrow stream, not shuffled": _datasets(source),
            "DuckDB, Arrow stream, not shuffled": _duckdb(source),
            "default DataLoader, shuffled (a tenth of the rows)": _row_by_row(source),
        }
        rows = {name: task() for name, task in tasks.items()}
        seconds = measure.fastest(lambda name: tasks[name](), tasks, REPEATS)
    rate = {name: rows[name] / seconds[name] for name in tasks}
    ours = rate["scaletoolkit, from disk, shuffled"]
    return [
        {"loader": name, "million rows/s": rate[name] / 1e6, "ours ÷ it": ours / rate[name]}
        for name in tasks
    ]


def _parquet(source):
    from scaletoolkit.training.loader import ParquetBatches

    return lambda: _rows(ParquetBatches(source, events.FEATURES, "clicked", BATCH))


def _rows(batches):
    return sum(len(labels) for _, labels in batches)


def _whole(source):
    """All features and labels as two tensors."""
    import pyarrow.dataset as ds
    import torch

    table = ds.dataset(source, format="parquet").to_table([*events.FEATURES, "clicked"])
    x = torch.stack([torch.tensor(table[name].to_numpy()) for name in events.FEATURES], dim=1)
    return x, torch.tensor(table["clicked"].to_numpy())


def _in_memory(source):
    import torch

    x, y = _whole(source)

    def run():
        order = torch.randperm(len(y)).split(BATCH)
        return _rows((x[rows], y[rows]) for rows in order)

    return run


def _row_by_row(source):
    from torch.utils.data import DataLoader, TensorDataset

    x, y = _whole(source)
    tenth = TensorDataset(x[: ROWS // 10], y[: ROWS // 10])
    return lambda: _rows(DataLoader(tenth, batch_size=BATCH, shuffle=True))


def _datasets(source):
    import datasets

    datasets.disable_progress_bars()
    files = [str(path) for path in sorted(Path(source).glob("*.parquet"))]
    columns = [*events.FEATURES, "clicked"]

    def run():
        stream = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
        batches = stream.select_columns(columns).with_format("arrow").iter(batch_size=BATCH)
        return _rows(_tensors(batch) for batch in batches)

    return run


def _duckdb(source):
    import duckdb

    query = f"SELECT {', '.join(events.FEATURES)}, clicked FROM '{source}/*.parquet'"
    return lambda: _rows(_tensors(b) for b in duckdb.sql(query).to_arrow_reader(BATCH))


def _tensors(batch):
    import numpy as np
    import torch

    x = np.stack([batch[name].to_numpy() for name in events.FEATURES], axis=1)
    return torch.from_numpy(x), torch.from_numpy(batch["clicked"].to_numpy().copy())
