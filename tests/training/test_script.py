"""The file that a learner takes to work, by the very line that lab 03 prints."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from scaletoolkit.training import models

LABS = Path(__file__).parents[2] / "labs"
# torchrun's meeting point listens on all networks: here that is one without any neighbour
ALONE = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def can_be_alone():
    """Whether this system lets us have a network of our own."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


def printed_line():
    """The line in the lab's text, as words."""
    cells = json.loads((LABS / "03_data_parallel.ipynb").read_text())["cells"]
    text = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return re.search("`(torchrun --standalone.*?)`", text)[1].split()


def one_process():
    """The weights that one process has after the same batches."""
    data = models.digits(torch.float64)
    dataset = TensorDataset(data.images, data.labels)
    sampler = DistributedSampler(dataset, 1, 0)
    model = models.seeded(models.mlp, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for images, labels in DataLoader(dataset, 128, sampler=sampler, drop_last=True):
            models.train_step(model, optimizer, images, labels)
    return models.flat(model)


@pytest.mark.skipif(not can_be_alone(), reason="needs a network namespace of its own")
def test_the_printed_line_trains_the_model_of_one_process(tmp_path):
    torchrun, *words = printed_line()
    assert torchrun == "torchrun"
    command = [*ALONE, sys.executable, "-m", "torch.distributed.run", *words]
    shutil.copy(LABS / "train_digits.py", tmp_path)
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment, timeout=120)
    model = models.mlp().double()
    model.load_state_dict(torch.load(tmp_path / "weights.pt"))
    assert models.distance(models.flat(model), one_process()) < 1e-12
