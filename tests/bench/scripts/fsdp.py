"""A hand-written FSDP2 script, as a tutorial would have it, that takes turns with other jobs.

torchrun --nproc-per-node=2 fsdp.py FOLDER PLACE JOBS: prints the seconds of a step in each turn.
"""

import json
import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from turns import take_turns

WIDTH = 512


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, numbers):
        return numbers + self.down(torch.relu(self.up(numbers)))


local_rank = int(os.environ["LOCAL_RANK"])
gpu = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
device = torch.device("cuda", local_rank) if gpu else torch.device("cpu")
if gpu:
    torch.cuda.set_device(device)
dist.init_process_group("nccl" if gpu else "gloo")
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


seconds = take_turns(step, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
if dist.get_rank() == 0:
    print(json.dumps(seconds))
dist.destroy_process_group()
