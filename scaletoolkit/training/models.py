"""Small models, one training step, and the same step on several ranks. Lab 03; 04 to 06 import it.

The course's images are the 1,797 handwritten digits that scikit-learn ships (8×8 grey pixels, from
the UCI Optical Recognition of Handwritten Digits data set), so that nothing is downloaded.
"""

import importlib.util
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.functional import cross_entropy, interpolate
from torch.nn.parallel import DistributedDataParallel

CLASSES = 10


@dataclass(frozen=True)
class Digits:
    """Images (n×1×size×size, from 0 to 1) and labels (n integers), for training and for testing."""

    images: torch.Tensor
    labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor

    def __repr__(self):
        size = self.images.shape[-1]
        return (
            f"Digits: {len(self.images):,} images to train on, {len(self.test_images):,} to test "
            f"on, {size}×{size} pixels"
        )


def digits(size=8, dtype=torch.float32):
    """The digits as tensors, every fifth one kept for testing; `size` 16 or 32 enlarges them."""
    # one row an image: 64 pixels from 0 to 16, then the label
    rows = torch.from_numpy(np.loadtxt(_digits_file(), delimiter=","))
    images = (rows[:, :64] / 16).reshape(-1, 1, 8, 8).to(dtype)
    if size != images.shape[-1]:
        images = interpolate(images, size=(size, size), mode="bilinear", align_corners=False)
    labels = rows[:, 64].long()
    test = torch.arange(len(labels)) % 5 == 4
    return Digits(images[~test], labels[~test], images[test], labels[test])


def _digits_file():
    """Scikit-learn's file, found without importing scikit-learn: that takes every rank 3 s."""
    package = Path(importlib.util.find_spec("sklearn").origin).parent
    return package / "datasets" / "data" / "digits.csv.gz"


def mlp(width=256, depth=2, inputs=64):
    """A perceptron with `depth` hidden layers of `width` units: many weights, little arithmetic."""
    widths = [inputs] + [width] * depth
    hidden = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
    layers = [layer for pair in hidden for layer in pair]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(widths[-1], CLASSES))


def cnn(channels=32):
    """Two convolutions and a linear layer on 8×8 images: few weights, each used on every pixel."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(2 * channels, 2 * channels, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * channels, CLASSES),
    )


def resnet(width=16):
    """Torchvision's residual blocks for 32×32 images, in stages of 1, 2 and 4 times `width`."""
    from torchvision.models.resnet import BasicBlock

    def stage(inputs, outputs, stride):
        shorter = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        down = nn.Sequential(shorter, nn.BatchNorm2d(outputs)) if stride > 1 else None
        return BasicBlock(inputs, outputs, stride, down)

    first = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    stages = [stage(width, width, 1), stage(width, 2 * width, 2), stage(2 * width, 4 * width, 2)]
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, CLASSES)]
    return nn.Sequential(*first, *stages, *last)


def seeded(build, seed=0, dtype=torch.float32):
    """The model that `build()` makes, with weights drawn from `seed`: the same on every rank."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().to(dtype)


def gradient_bytes(model):
    """How many bytes of gradients a step on this model exchanges."""
    return sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)


def batches(count, batch_size, seed=0, epoch=0, drop_last=False):
    """The epoch's batches of shuffled indices below `count`: a list of int64 tensors.

    They depend on (seed, epoch) alone, so every rank computes the same list and takes its share of
    each: `batch[rank::world_size]`.
    """
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)
    cut = list(torch.from_numpy(order).split(batch_size))
    return cut[:-1] if drop_last and len(cut[-1]) < batch_size else cut


def train_step(model, optimizer, images, labels, weight=1.0):
    """One step: loss, gradients, new weights. Returns the loss (a float), before the step.

    weight: multiplies the mean loss, see `share_weight`.
    """
    optimizer.zero_grad()
    loss = weight * cross_entropy(model(images), labels, reduction="sum") / max(1, len(labels))
    loss.backward()
    optimizer.step()
    return loss.item()


def share_weight(share, batch, world_size):
    """What a rank's mean loss counts for when ranks hold unequal shares of a batch (a float).

    DDP averages over ranks, one vote each; times this weight, every *image* has one vote.
    """
    return share * world_size / batch


def data_parallel(model, device="cpu", **options):
    """The model on its device, wrapped so that backward averages gradients over all ranks."""
    device = torch.device(device)
    devices = [device] if device.type == "cuda" else None
    return DistributedDataParallel(model.to(device), device_ids=devices, **options)


def average_gradients(model, world_size):
    """What DDP does, in three lines: sum each gradient over all ranks, divide by their number."""
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad /= world_size


def accuracy(model, images, labels):
    """The share of images that the model labels right (a float)."""
    model.eval()
    with torch.no_grad():
        right = (model(images).argmax(1) == labels).double().mean().item()
    model.train()
    return right


def flat(model):
    """All weights of a model as one vector on the CPU, to compare models with."""
    return torch.cat([p.detach().flatten().cpu() for p in model.parameters()])


def distance(one, other):
    """The largest difference between two vectors of weights (a float)."""
    return (one - other).abs().max().item()
