"""Each layer cut among ranks: the first of a pair by columns, the second by rows. Lab 04."""

from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)
from torch.distributed.tensor.parallel.style import ParallelStyle


def column_then_row(model: nn.Sequential, mesh: DeviceMesh) -> nn.Sequential:
    """The model, whose blocks have layers `up` and `down`, cut over a mesh of one dimension.

    Each rank computes its share of the hidden units; one sum a block makes the result whole.
    Source: M. Shoeybi and others, Megatron-LM, 2019 (arXiv 1909.08053). Changed in place.
    """
    plan: dict[str, ParallelStyle] = {}
    for name, _ in model.named_children():
        plan[f"{name}.up"] = ColwiseParallel()
        plan[f"{name}.down"] = RowwiseParallel()
    parallelize_module(model, mesh, plan)
    return model
