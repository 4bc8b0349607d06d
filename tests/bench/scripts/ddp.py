"""A hand-written DDP script, as a tutorial would have it, that takes turns with other jobs.

torchrun --nproc-per-node=2 ddp.py FOLDER PLACE JOBS: prints the seconds of a step in each turn.
"""

import json
import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from turns import take_turns

local_rank = int(os.environ["LOCAL_RANK"])
gpu = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
device = torch.device("cuda", local_rank) if gpu else torch.device("cpu")
if gpu:
    torch.cuda.set_device(device)
dist.init_process_group("nccl" if gpu else "gloo")
torch.manual_seed(0)
model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(64, 1024),
    nn.ReLU(),
    nn.Linear(1024, 1024),
    nn.ReLU(),
    nn.Linear(1024, 1024),
    nn.ReLU(),
    nn.Linear(1024, 10),
).to(device)
ddp = DistributedDataParallel(model, device_ids=[device] if gpu else None)
optimizer = torch.optim.SGD(ddp.parameters(), lr=0.01)
images = torch.rand(256, 1, 8, 8).to(device)
labels = torch.arange(256, device=device) % 10


def step():
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(ddp(images), labels)
    loss.backward()
    optimizer.step()
    loss.item()


seconds = take_turns(step, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
if dist.get_rank() == 0:
    print(json.dumps(seconds))
dist.destroy_process_group()
