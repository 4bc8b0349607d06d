"""Ranks on GPUs: tensors of both kinds travel, and come back on the CPU."""

import pytest

from scaletoolkit.machine import hardware, ranks
from scaletoolkit.machine.ranks.launch import agreed


@pytest.mark.parametrize(
    ("gpus", "backend"),
    [
        (["a", "b"], "cpu:gloo,cuda:nccl"),
        (["a"], "cpu:gloo,cuda:nccl"),
        (["a", "a"], "gloo"),
        (["a", ""], "gloo"),
        ([""], "gloo"),
    ],
)
def test_one_list_of_gpus_decides_for_all_ranks(gpus, backend):
    assert agreed(gpus) == backend


def both_kinds(rank, world_size):
    """Sums of a tensor on the CPU and of one on this rank's device, and what carried them."""
    import threading

    import torch
    import torch.distributed as dist

    from scaletoolkit.machine.ranks import signs

    device = ranks.setup_distributed(rank, world_size)
    here, there = torch.ones(1), torch.ones(1, device=device)
    dist.all_reduce(here)
    dist.all_reduce(there)
    group = dist.new_group()
    dist.all_reduce(there, group=group)
    standing = signs.look(threading.get_ident())
    own = str(ranks.own_device(device))
    return there, here.item(), str(device), own, len(standing["groups"])


@pytest.mark.skipif(not hardware.gpus(), reason="needs a GPU")
@pytest.mark.parametrize("ranks_per_gpu", [1, 2])
def test_tensors_of_both_kinds_travel(ranks_per_gpu):
    world_size = ranks_per_gpu * hardware.gpus()
    returned = ranks.launch(both_kinds, world_size)
    for there, here, device, own, groups in returned:
        assert there.device.type == "cpu"
        assert (there.item(), here, groups) == (world_size**2, world_size, 2)
        assert device.startswith("cuda:")
        assert own == (device if ranks_per_gpu == 1 else "cpu")


@pytest.mark.skipif(bool(hardware.gpus()), reason="needs a machine without a GPU")
def test_without_a_gpu_a_rank_computes_on_the_cpu():
    def own(rank, world_size):
        return str(ranks.own_device(ranks.setup_distributed(rank, world_size)))

    assert ranks.launch(own, 2) == ["cpu", "cpu"]
