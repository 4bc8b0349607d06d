"""Quantized ONNX models: smaller, nearly the same scores, and silent while they are made."""

import json
import logging
import shutil

import numpy as np
import onnx
import pytest

from scaletoolkit.training import export, int8, models


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = models.seeded(lambda: models.mlp(256))
    return export.export(model, (1, 8, 8), tmp_path_factory.mktemp("model"), "perceptron")


IMAGES = models.digits().test_images.numpy()


def scores(folder):
    return int8.session(folder).run(None, {"input": IMAGES})[0]


def off(folder, reference):
    """How far a model's scores are from another's, as a share of their size."""
    expected = scores(reference)
    return np.sqrt(((scores(folder) - expected) ** 2).mean() / (expected**2).mean())


@pytest.mark.parametrize("method", ["dynamic", *int8.METHODS])
def test_a_quantized_model_is_a_quarter_as_large_and_says_nearly_the_same(
    exported, tmp_path, method, capfd
):
    if method == "dynamic":
        small = int8.quantize(exported, tmp_path / "small")
    else:
        small = int8.calibrate(exported, tmp_path / "small", IMAGES[:64], method)
    assert off(small, exported) < 0.05
    assert int8.size_bytes(small) < 0.35 * int8.size_bytes(exported)
    assert sorted(path.name for path in small.iterdir()) == ["model.json", "model.onnx"]
    assert json.loads((small / "model.json").read_text())["name"] == "perceptron"
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == logging.NOTSET


def test_a_wrong_shape_in_the_file_does_no_harm(exported, tmp_path):
    model = onnx.load(exported / "model.onnx")
    inner = next(node.output[0] for node in model.graph.node if node.op_type == "Gemm")
    del model.graph.value_info[:]
    note = onnx.helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, [None, 7])
    model.graph.value_info.append(note)
    wrong = tmp_path / "wrong"
    shutil.copytree(exported, wrong)
    onnx.save(model, wrong / "model.onnx")
    assert off(int8.quantize(wrong, tmp_path / "dynamic"), exported) < 0.05
    assert off(int8.calibrate(wrong, tmp_path / "static", IMAGES[:64]), exported) < 0.05


def test_ranges_come_from_the_images_that_are_shown(exported, tmp_path):
    good = int8.calibrate(exported, tmp_path / "good", IMAGES[:64])
    faded = int8.calibrate(exported, tmp_path / "faded", 0.1 * IMAGES[:64])
    assert off(faded, exported) > 5 * off(good, exported)


def test_answers_are_the_classes(exported):
    assert (int8.answers(int8.session(exported), IMAGES) == scores(exported).argmax(1)).all()


def test_what_cannot_be_is_a_sentence(exported, tmp_path):
    with pytest.raises(ValueError, match="method must be one of MinMax, Percentile, Entropy"):
        int8.calibrate(exported, tmp_path, IMAGES, "Guess")
    with pytest.raises(ValueError, match="calibration needs at least one image, got none"):
        int8.calibrate(exported, tmp_path, IMAGES[:0])


def test_a_profile_says_how_long_each_operator_took(exported, tmp_path):
    session = int8.session(exported, tmp_path / "profile")
    session.run(None, {"input": IMAGES})
    seconds = int8.operators(session)
    assert any("Gemm" in name for name in seconds)
    assert all(value >= 0 for value in seconds.values())
    assert list(tmp_path.glob("profile*")) == []


def test_precisions_say_how_fast_and_how_right_each_kind_of_number_is():
    data = models.digits()
    rows = int8.precisions(models.mlp(8), data.test_images, data.test_labels, "cpu")
    assert [row["numbers"] for row in rows] == ["fp32", "fp16", "bf16"]
    assert all(row["ms 1"] > 0 and row["ms 128"] > 0 and 0 <= row["right"] <= 100 for row in rows)
