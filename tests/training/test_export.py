"""Models as a server gets them: the same scores as PyTorch's, for raw pixels, in any batch."""

import json
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.datasets import load_digits

from scaletoolkit.training import export, models


def scores(folder, items):
    """What ONNX Runtime says to these items with the model of a folder."""
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    return session.run(None, {"input": np.asarray(items, np.float32)})[0]


def facts(folder):
    return json.loads((folder / "model.json").read_text())


def test_the_recipe_learns_the_digits_as_scikit_learn_has_them(digits_model):
    pixels, labels = load_digits(return_X_y=True)
    right = scores(digits_model, pixels).argmax(1) == labels
    assert facts(digits_model)["accuracy"] == pytest.approx(right[4::5].mean(), abs=0.005)
    assert facts(digits_model)["accuracy"] > 0.5


def test_a_folder_holds_two_files_and_says_what_a_server_must_know(digits_model):
    assert sorted(path.name for path in digits_model.iterdir()) == ["model.json", "model.onnx"]
    assert facts(digits_model) == {
        "name": "digits-32",
        "input": "input",
        "output": "output",
        "shape": [64],
        "accuracy": facts(digits_model)["accuracy"],
    }


@pytest.mark.parametrize("batch", [1, 7])
def test_an_exported_model_says_what_torch_says(tmp_path, batch):
    items = torch.rand(batch, 64, generator=torch.Generator().manual_seed(0))
    model = models.seeded(lambda: models.mlp(16), 3)
    folder = export.untrained(tmp_path, hidden=16, seed=3)
    assert facts(folder)["name"] == "random-16"
    np.testing.assert_allclose(scores(folder, items), model(items).detach(), rtol=1e-4, atol=1e-5)


def test_any_module_can_be_exported_with_facts_of_its_own(tmp_path):
    model = models.seeded(lambda: models.cnn(4))
    folder = export.export(model, (1, 8, 8), tmp_path / "new" / "folder", "small", lab=3)
    items = torch.ones(3, 1, 8, 8)
    np.testing.assert_allclose(scores(folder, items), model(items).detach(), rtol=1e-4, atol=1e-5)
    assert facts(folder)["shape"] == [1, 8, 8]
    assert facts(folder)["lab"] == 3


def test_a_notebook_that_imports_the_recipes_holds_no_pytorch():
    code = "import sys; from scaletoolkit.training import export; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
