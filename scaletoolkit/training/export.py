"""Recipes of models that a server needs: trained or random, written as ONNX. Labs 07 to 09.

A recipe leaves a folder with `model.onnx` and `model.json`; PyTorch is imported when it runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def digits(folder: Path | str, hidden: int = 512, epochs: int = 20) -> Path:
    """A perceptron trained on handwritten digits, with two layers of `hidden` units: the folder.

    64 pixels between 0 and 16 in, as scikit-learn's load_digits gives them; 10 scores out. Its
    accuracy on the test images, which differs a little by machine, is in model.json.
    """
    from scaletoolkit.training import models

    data = models.digits()
    model = models.seeded(lambda: models.mlp(hidden))
    models.train(model, 16 * data.images, data.labels, epochs)
    accuracy = models.accuracy(model, 16 * data.test_images, data.test_labels)
    return export(model, (models.PIXELS,), folder, name=f"digits-{hidden}", accuracy=accuracy)


def untrained(folder: Path | str, hidden: int = 4096, seed: int = 0) -> Path:
    """The same perceptron with random weights, for timing models of any size: the folder."""
    from scaletoolkit.training import models

    model = models.seeded(lambda: models.mlp(hidden), seed)
    return export(model, (models.PIXELS,), folder, name=f"random-{hidden}")


def export(
    model: nn.Module,
    item_shape: tuple[int, ...],
    folder: Path | str,
    name: str = "model",
    **facts: object,
) -> Path:
    """Write any torch module that takes (batch, *item_shape) float32 as ONNX: the folder.

    name, facts: what else model.json says. The module is left in evaluation mode.
    """
    import torch

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model.eval(),
        (torch.zeros(2, *item_shape),),
        folder / "model.onnx",
        input_names=["input"],
        output_names=["output"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False,
        dynamo=True,
        verbose=False,
    )
    facts = {"name": name, "input": "input", "output": "output", "shape": [*item_shape], **facts}
    (folder / "model.json").write_text(json.dumps(facts))
    return folder
