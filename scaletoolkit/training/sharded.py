"""Fully sharded: each rank keeps a part of every weight, and borrows the rest. Lab 04."""

from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard

# Bytes a weight of mixed-precision training with Adam: 16-bit weight and gradient; 32-bit weight
# and two moments. Source: S. Rajbhandari and others, ZeRO, 2020 (arXiv 1910.02054), section 3.1.
WEIGHT_BYTES = 2
GRADIENT_BYTES = 2
OPTIMIZER_BYTES = 12


def shard(model: nn.Sequential, mesh: DeviceMesh) -> nn.Sequential:
    """The model, sharded over a mesh of one dimension; each of its blocks is gathered alone.

    Make the optimizer afterwards. The model is changed in place.
    """
    for block in model:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def rank_bytes(parameters: float, world_size: int, stage: int) -> float:
    """Bytes of state on each rank, by ZeRO's stages, in mixed precision with Adam.

    stage 0: nothing is sharded; 1: the optimizer; 2: gradients, too; 3: weights, too. ValueError
    for another stage, or without a rank.
    """
    if world_size < 1:
        raise ValueError(f"there must be a rank at least, got world_size {world_size!r}")
    if stage not in range(4):
        raise ValueError(f"ZeRO has the stages 0 to 3, got {stage!r}")
    parts = [(OPTIMIZER_BYTES, 1), (GRADIENT_BYTES, 2), (WEIGHT_BYTES, 3)]
    a_weight = sum(size / world_size if stage >= begins else size for size, begins in parts)
    return parameters * a_weight
