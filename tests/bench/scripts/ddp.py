"""A hand-written DDP script, as a tutorial would have it, that takes turns with other jobs.

torchrun --nproc-per-node=2 ddp.py FOLDER PLACE JOBS: prints the seconds of a step in each turn.
"""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from turns import joined, report

device = joined()
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
ddp = DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)
optimizer = torch.optim.SGD(ddp.parameters(), lr=0.01)
images = torch.rand(256, 1, 8, 8).to(device)
labels = torch.arange(256, device=device) % 10


def step():
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(ddp(images), labels)
    loss.backward()
    optimizer.step()
    loss.item()


report(step)
