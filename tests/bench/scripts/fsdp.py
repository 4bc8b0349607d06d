"""A hand-written FSDP2 script, as a tutorial would have it, that takes turns with other jobs.

torchrun --nproc-per-node=2 fsdp.py FOLDER PLACE JOBS: prints the seconds of a step in each turn.
"""

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from turns import joined, report

WIDTH = 512


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, numbers):
        return numbers + self.down(torch.relu(self.up(numbers)))


device = joined()
mesh = dist.init_device_mesh(device.type, (dist.get_world_size(),))
torch.manual_seed(0)
model = nn.Sequential(*(Block() for _ in range(4))).to(device)
for block in model:
    fully_shard(block, mesh=mesh)
fully_shard(model, mesh=mesh)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
numbers = torch.rand(256, WIDTH, device=device)
labels = torch.arange(256, device=device) % 10


def step():
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(numbers), labels)
    loss.backward()
    optimizer.step()
    loss.item()


report(step)
