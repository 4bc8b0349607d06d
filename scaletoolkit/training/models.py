"""Small models, one training step, and the same step on several ranks. Lab 03.

The images are scikit-learn's 1,797 handwritten digits (UCI Optical Recognition data set).
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

PIXELS = 64
CLASSES = 10

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Digits:
    """Images (n×1×8×8, from 0 to 1) and labels (n int64), for training and for testing."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    def __repr__(self) -> str:
        train = f"{len(self.images):,} images to train on"
        return f"Digits: {train}, {len(self.test_images):,} to test on, 8×8 pixels"


def digits(dtype: torch.dtype = torch.float32) -> Digits:
    """The digits as tensors, every fifth for testing."""
    # where scikit-learn keeps them: importing it instead would take every rank 3 s
    file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    # one row an image: its pixels, from 0 to 16, then its label
    rows = torch.from_numpy(np.loadtxt(str(file), delimiter=","))
    images = (rows[:, :PIXELS] / 16).reshape(-1, 1, 8, 8).to(dtype)
    labels = rows[:, PIXELS].long()
    test = torch.arange(len(labels)) % 5 == 4
    return Digits(images[~test], labels[~test], images[test], labels[test])


def mlp(
    width: int = 256, depth: int = 2, norm: Callable[[int], nn.Module] | None = None
) -> nn.Sequential:
    """A perceptron for the digits, flat or not: many weights, little arithmetic.

    norm: what builds a normalization of `width` values behind each wide layer.
    """
    widths = [PIXELS] + [width] * depth
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), *([norm(after)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], CLASSES))


def cnn(channels: int = 32) -> nn.Sequential:
    """Three convolutions and a linear layer for the digits: few weights, each used often."""
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


def resnet(width: int = 16) -> nn.Sequential:
    """Torchvision's residual blocks for 32×32 images, in stages of 1, 2 and 4 times `width`."""
    from torchvision.models.resnet import BasicBlock

    def stage(inputs: int, outputs: int, stride: int) -> nn.Module:
        if stride == 1:
            return BasicBlock(inputs, outputs)
        shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        return BasicBlock(inputs, outputs, stride, nn.Sequential(shortcut, nn.BatchNorm2d(outputs)))

    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        stage(width, width, 1),
        stage(width, 2 * width, 2),
        stage(2 * width, 4 * width, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, CLASSES),
    )


class RowTransformer(nn.Module):
    """A transformer that reads an 8×8 image as eight words, its rows; see `transformer`."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.places = nn.Parameter(0.02 * torch.randn(8, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.classify = nn.Linear(width, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (n × 10) of images (n×1×8×8)."""
        words = self.embed(images.flatten(1, 2)) + self.places
        return self.classify(self.layers(words).mean(1))


def transformer(width: int = 128, layers: int = 2) -> RowTransformer:
    """A small transformer for 8×8 images: many small multiplications, softmax, normalization."""
    return RowTransformer(width, layers)


def seeded(build: Callable[[], Model], seed: int = 0, dtype: torch.dtype = torch.float32) -> Model:
    """The model that `build()` makes, with weights drawn from `seed`: the same on every rank."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().to(dtype)


def gradient_bytes(model: nn.Module) -> int:
    """How many bytes of gradients a step on this model exchanges."""
    return sum(weights.nbytes for weights in model.parameters() if weights.requires_grad)


def batches(count: int, batch_size: int, seed: int = 0, epoch: int = 0) -> list[Tensor]:
    """The epoch's batches of shuffled indices below `count`: a list of int64 tensors.

    The same on every rank, which takes its share of each: `batch[rank::world_size]`.
    """
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)
    return list(torch.from_numpy(order).split(batch_size))


def train_step(
    model: nn.Module, optimizer: Optimizer, images: Tensor, labels: Tensor, weight: float = 1.0
) -> float:
    """One step: loss, gradients, new weights. Returns the loss from before the step.

    weight: what the mean loss is multiplied by, see `share_weight`.
    """
    optimizer.zero_grad()
    loss = weight * cross_entropy(model(images), labels, reduction="sum") / max(1, len(labels))
    loss.backward()
    optimizer.step()
    return loss.item()


def train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int, seed: int = 0) -> None:
    """Train the model in this process, with Adam on batches of 64 images; seed: of their order."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for batch in batches(len(labels), 64, seed, epoch):
            train_step(model, optimizer, images[batch], labels[batch])


def share_weight(share: int, batch: int, world_size: int) -> float:
    """What to multiply a rank's mean loss by, so that every *image* counts once, not every *rank*.

    share, batch: how many images this rank holds, and all ranks together.
    """
    return share * world_size / batch


def data_parallel(
    model: nn.Module,
    device: torch.device | str = "cpu",
    bucket_cap_mb: float | None = None,
    process_group: dist.ProcessGroup | None = None,
) -> DistributedDataParallel:
    """The model on its device, wrapped so that backward averages gradients over all ranks.

    bucket_cap_mb: the MB (2^20 bytes) of gradients that travel together; None is PyTorch's 25.
    process_group: the ranks that take part; None is all of them.
    """
    device = torch.device(device)
    return DistributedDataParallel(
        model.to(device),
        device_ids=[device] if device.type == "cuda" else None,
        bucket_cap_mb=bucket_cap_mb,
        process_group=process_group,
    )


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images that the model labels right. The model is left in training mode."""
    model.eval()
    with torch.no_grad():
        right = (model(images).argmax(1) == labels).double().mean().item()
    model.train()
    return right


def flat(model: nn.Module) -> Tensor:
    """All weights of a model as one vector on the CPU, to compare models with.

    Where weights are spread over ranks (FSDP2), all of these must call it: it gathers them.
    """
    return torch.cat([_whole(weights.detach()).flatten().cpu() for weights in model.parameters()])


def _whole(weights: Tensor) -> Tensor:
    """A tensor that may be spread over ranks, as a plain one: DTensor takes 0.4 s to import."""
    gather = getattr(weights, "full_tensor", None)
    return gather() if gather else weights


def distance(first: Tensor, second: Tensor) -> float:
    """The largest difference between two vectors of weights."""
    return (first - second).abs().max().item()


class Block(nn.Module):
    """A transformer's feed-forward block: four times as wide inside, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, numbers: Tensor) -> Tensor:
        """The same shape as what comes in: (…, width)."""
        inside: Tensor = self.down(torch.relu(self.up(numbers)))
        return numbers + inside


def blocks(width: int = 32, depth: int = 4) -> nn.Sequential:
    """So many feed-forward blocks, one after the other."""
    return nn.Sequential(*(Block(width) for _ in range(depth)))
