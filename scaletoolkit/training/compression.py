"""Smaller models: fewer bits a weight, fewer weights, a student; how sure a difference is. Lab 06.

Weights of a linear layer are (outputs × inputs): a row belongs to one output, its channel.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax, softmax

from scaletoolkit.training import models

Answers = npt.NDArray[np.int64]
NORMAL_95 = 1.959964  # 95 of 100 draws of a normal distribution lie within so many deviations


def rounded(weights: Tensor, bits: int, group: int | None = None) -> Tensor:
    """The nearest values that a signed integer of so many bits can stand for, times a scale.

    Symmetric, without the lowest integer: 8 bits go from -127 to 127. group: how many neighbours
    share a scale; None: all weights; a row's length: one scale a channel. Raises ValueError for
    fewer than 2 bits, and a group that does not divide the weights.
    """
    if bits < 2:
        raise ValueError(f"bits must be at least 2, got {bits}")
    integers, scales = _integers(weights, 2 ** (bits - 1) - 1, group)
    return (integers * scales).reshape(weights.shape)


def _integers(weights: Tensor, most: int, group: int | None) -> tuple[Tensor, Tensor]:
    """Integers from -most to most (groups × group), and their scales (groups × 1)."""
    group = weights.numel() if group is None else group
    if group < 1:
        raise ValueError(f"group must be at least 1, got {group}")
    if weights.numel() % group:
        raise ValueError(f"{weights.numel():,} weights are no whole number of groups of {group:,}")
    rows = weights.reshape(-1, group)
    scales = rows.abs().amax(1, keepdim=True) / most
    scales = torch.where(scales == 0, 1.0, scales)
    return (rows / scales).round(), scales


def pack4(weights: Tensor, group: int = 32) -> tuple[Tensor, Tensor]:
    """Weights in 4 bits, two to a byte, the first one low: (codes, scales), to `unpack4`.

    codes: uint8, half as many as weights. scales: float16, one for each `group` of neighbours.
    Raises ValueError for a group that is odd or does not divide the weights.
    """
    if group % 2:
        raise ValueError(f"group must be even, got {group}")
    integers, scales = _integers(weights, 7, group)
    codes = (integers + 8).to(torch.uint8).flatten()
    return codes[0::2] | codes[1::2] << 4, scales.to(torch.float16)


def unpack4(codes: Tensor, scales: Tensor, shape: Sequence[int]) -> Tensor:
    """The float32 weights of that shape that `pack4` has packed."""
    integers = torch.stack([codes & 15, codes >> 4], 1).float() - 8
    return (integers.reshape(len(scales), -1) * scales.float()).reshape(*shape)


def largest(weights: Tensor, share: float) -> Tensor:
    """A mask of zeros and ones that keeps the given share of the weights, those of largest size."""
    kept = round(share * weights.numel())
    mask = torch.zeros(weights.numel())
    mask[weights.abs().flatten().topk(kept).indices] = 1
    return mask.reshape(weights.shape)


def kept_two_of_four(weights: Tensor) -> Tensor:
    """The weights with the two smaller ones of every four neighbours set to zero."""
    fours = weights.detach().reshape(-1, 4)
    small = fours.abs().topk(2, dim=1, largest=False).indices
    return fours.scatter(1, small, 0).reshape(weights.shape)


def narrowed(model: nn.Sequential, units: int) -> nn.Sequential:
    """A perceptron as `models.mlp` builds it with all but `units` units of each layer removed.

    Those stay whose weights, in times out, are largest. Raises ValueError where there are fewer.
    """
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    widths = [layer.out_features for layer in layers[:-1]]
    if not 1 <= units <= min(widths):
        raise ValueError(f"units must lie between 1 and {min(widths)}, got {units}")
    small = models.mlp(units, len(widths))
    into = torch.arange(layers[0].in_features)
    keeps = [_strongest(*pair, units) for pair in pairwise(layers)]
    keeps.append(torch.arange(models.CLASSES))
    thin = [layer for layer in small if isinstance(layer, nn.Linear)]
    for layer, part, keep in zip(layers, thin, keeps, strict=True):
        part.weight.data = layer.weight.detach()[keep][:, into].clone()
        part.bias.data = layer.bias.detach()[keep].clone()
        into = keep
    return small


def _strongest(layer: nn.Linear, following: nn.Linear, units: int) -> Tensor:
    """The numbers of the units between two layers that weigh most, in order."""
    strength = layer.weight.detach().norm(dim=1) * following.weight.detach().norm(dim=0)
    return strength.topk(units).indices.sort().values


def distil_loss(scores: Tensor, taught: Tensor, temperature: float = 1.0) -> Tensor:
    """How far a student's scores are from its teacher's: the cross-entropy of softened answers.

    scores, taught: (…, classes). Times the temperature squared, so that gradients keep their size.
    Source: Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural Network, 2015.
    """
    wanted = softmax(taught / temperature, -1)
    per_image = -(wanted * log_softmax(scores / temperature, -1)).sum(-1)
    return per_image.mean() * temperature**2


class Siblings(nn.Module):
    """Networks with one hidden layer, side by side, each with first weights of its own.

    One run proves little; several cost hardly more than one, because they share every call.
    """

    def __init__(self, count: int, units: int, seed: int = 0) -> None:
        super().__init__()
        dice = torch.Generator().manual_seed(seed)

        def drawn(inputs: int, outputs: int) -> nn.Parameter:
            uniform = 2 * torch.rand(count, inputs, outputs, generator=dice) - 1
            return nn.Parameter(uniform / inputs**0.5)

        self.first = drawn(models.PIXELS, units)
        self.second = drawn(units, models.CLASSES)
        self.first_bias = nn.Parameter(torch.zeros(count, 1, units))
        self.second_bias = nn.Parameter(torch.zeros(count, 1, models.CLASSES))

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores (count × n × 10) of each network's own images (count × n × 64)."""
        hidden = torch.baddbmm(self.first_bias, pixels, self.first).relu()
        return torch.baddbmm(self.second_bias, hidden, self.second)

    def right(self, images: Tensor, labels: Tensor) -> Tensor:
        """The share of images that each network labels right."""
        pixels = images.flatten(1).expand(len(self.first), -1, -1)
        with torch.no_grad():
            return (self(pixels).argmax(2) == labels).double().mean(1)

    def one(self, number: int) -> nn.Sequential:
        """A single one of them, as `models.mlp` builds it."""
        alone = models.mlp(self.first.shape[2], 1)
        layers = [layer for layer in alone if isinstance(layer, nn.Linear)]
        biases = (self.first_bias, self.second_bias)
        for layer, weight, bias in zip(layers, (self.first, self.second), biases, strict=True):
            layer.weight.data = weight.detach()[number].T.contiguous()
            layer.bias.data = bias.detach()[number, 0].clone()
        return alone


def learn(
    siblings: Siblings,
    images: Tensor,
    rows: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    steps: int = 300,
    mask: Tensor | float = 1.0,
) -> None:
    """Train siblings with Adam, each on batches of 64 of its own rows of the images.

    rows: (count × n) numbers of images. loss(scores, numbers): a scalar. mask: times the first
    layer's weights after every step, so that zeros stay.
    """
    optimizer = torch.optim.Adam(siblings.parameters(), lr=0.01)
    dice = torch.Generator().manual_seed(1)
    pixels = images.flatten(1)
    for _ in range(steps):
        places = torch.randint(rows.shape[1], (len(rows), 64), generator=dice)
        numbers = rows.gather(1, places)
        optimizer.zero_grad()
        loss(siblings(pixels[numbers]), numbers).backward()
        optimizer.step()
        with torch.no_grad():
            siblings.first.mul_(mask)


def tune(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    epochs: int,
    masks: Sequence[tuple[Tensor, Tensor]] = (),
) -> None:
    """Train a model further with Adam; masks: (weights, mask) pairs, zero stays zero."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for batch in models.batches(len(labels), 64, 1, epoch):
            optimizer.zero_grad()
            cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
            with torch.no_grad():
                for weights, mask in masks:
                    weights.mul_(mask)


def interval(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `right` of `total` were seen: (low, high).

    Source: E. B. Wilson, Probable Inference, the Law of Succession, 1927.
    """
    if not 0 <= right <= total or total < 1:
        raise ValueError(f"right must lie between 0 and total, got {right} of {total}")
    z2 = NORMAL_95**2
    middle = (right + z2 / 2) / (total + z2)
    spread = math.sqrt(right * (total - right) / total + z2 / 4)
    half = NORMAL_95 / (total + z2) * spread
    return max(0.0, middle - half), min(1.0, middle + half)


def answers(model: nn.Module, images: Tensor) -> Answers:
    """The class that a model gives to each image. The model is left in evaluation mode."""
    with torch.no_grad():
        classes: Answers = model.eval()(images).argmax(1).numpy()
    return classes


def only(old: Answers, new: Answers, truth: Answers) -> tuple[int, int]:
    """How many images only the old answers, and only the new ones, get right."""
    was_right = old == truth
    is_right = new == truth
    return int((was_right & ~is_right).sum()), int((is_right & ~was_right).sum())
