"""Recipes of models: torch, trained here, exported to ONNX. Labs 07 to 09.

A recipe leaves a folder with `model.onnx` and `model.json`; a server needs nothing else.
"""

import json
from pathlib import Path

PIXELS, CLASSES = 64, 10


def digits(folder, hidden=512, epochs=20, seed=0):
    """A perceptron trained on scikit-learn's handwritten digits: the folder.

    64 pixels between 0 and 16 in, 10 scores out, two hidden layers. Its accuracy on the held-out
    quarter of the images is in model.json; it is measured, so it differs a little by machine.
    """
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images, labels, test_size=0.25, random_state=seed, stratify=labels)
    learn_x, test_x = (torch.tensor(x, dtype=torch.float32) for x in split[:2])
    learn_y, test_y = (torch.tensor(y) for y in split[2:])
    model = perceptron(hidden, seed)
    _train(model, learn_x, learn_y, epochs, seed)
    with torch.no_grad():
        accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
    return export(model, (PIXELS,), folder, name=f"digits-{hidden}", accuracy=accuracy)


def untrained(folder, hidden=4096, seed=0):
    """The same perceptron with random weights, for timing models of any size: the folder."""
    return export(perceptron(hidden, seed), (PIXELS,), folder, name=f"random-{hidden}")


def perceptron(hidden, seed=0):
    """64 inputs, two hidden layers, 10 outputs, seeded weights: a torch module."""
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(PIXELS, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, CLASSES),
        )


def _train(model, images, labels, epochs, seed):
    import torch

    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=generator).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()


def export(model, item_shape, folder, name="model", **facts):
    """Write any torch module that takes (batch, *item_shape) float32 as ONNX: the folder."""
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
