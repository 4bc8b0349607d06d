"""Lab 03's training, as its own cells define it, for other launchers than lab 03's."""

from pathlib import Path

import numpy as np
import torch
from tools import notebooks

import scaletoolkit
from scaletoolkit.exercises.data_parallel import weight
from scaletoolkit.machine import ranks
from scaletoolkit.training import models, normalization

LABS = Path(scaletoolkit.__file__).parent.parent / "labs"


def _names():
    names = {"__name__": "__main__", "np": np, "torch": torch, "dist": torch.distributed}
    names |= {"models": models, "normalization": normalization, "ranks": ranks, "weight": weight}
    names |= {"cross_entropy": torch.nn.functional.cross_entropy}
    cells = {cell.id: cell.source for cell in notebooks.read(*LABS.glob("03_*.ipynb")).cells}
    for cell in ("inline-train", "inline-recipes"):
        exec(cells[cell], names)
    return names


def train():
    """The lab's function of rank and world_size."""
    return _names()["train"]


def arguments():
    """What it takes besides: the digits as float64, one epoch, the recipe that is right."""
    data = models.digits(dtype=torch.float64)
    recipes = {"ddp": _names()["recipes"]["ddp"]}
    return {"data": data, "schedule": models.batches(1438, 130), "recipes": recipes}


def alone(schedule):
    """The weights that one process trains without any of this."""
    data = models.digits(dtype=torch.float64)
    model = models.seeded(models.mlp, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for batch in schedule:
        models.train_step(model, optimizer, data.images[batch], data.labels[batch])
    return models.flat(model)
