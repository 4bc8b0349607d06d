"""Train on every rank: torchrun --standalone --nproc-per-node=4 train_digits.py weights.pt"""

import os
import sys

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from scaletoolkit.training import models  # your own data and model go in its place


def main(target):
    gpu = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
    device = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if gpu else "cpu")
    if gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if gpu else "gloo")

    data = models.digits(torch.float64)
    dataset = TensorDataset(data.images, data.labels)
    sampler = DistributedSampler(dataset)  # every rank its own share
    batches = DataLoader(dataset, 32, sampler=sampler, drop_last=True, pin_memory=gpu)
    model = models.seeded(models.mlp, dtype=torch.float64).to(device)
    ddp = DistributedDataParallel(model, device_ids=[device] if gpu else None)
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.2, momentum=0.9)
    for epoch in range(3):
        sampler.set_epoch(epoch)  # another order in every epoch
        for images, labels in batches:
            scores = ddp(images.to(device, non_blocking=True))
            loss = cross_entropy(scores, labels.to(device, non_blocking=True))
            optimizer.zero_grad()
            loss.backward()  # averages the gradients of all ranks
            optimizer.step()

    if dist.get_rank() == 0:
        torch.save(model.state_dict(), target)
    dist.barrier()  # who leaves while its gloo threads still hold gradients may abort
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
