"""`serve` with models that are not ours, asked by clients that are not ours.

pip install skl2onnx tritonclient[http]; apt-get install curl
"""

import contextlib
import html
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import onnxruntime
import pytest

from scaletoolkit.__main__ import main

ITEMS = 3


@contextlib.contextmanager
def served(model, *options):
    """(url, what it said) of `scaletoolkit serve` in a process of its own."""
    command = [sys.executable, "-m", "scaletoolkit", "serve", str(model), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        try:
            lines = []
            while not lines or "curl http" not in lines[-1]:
                lines.append(serving.stdout.readline())
                assert lines[-1], "it ended early"
            yield re.search(r"http://[\d.]+:\d+", lines[-1])[0], "".join(lines)
        finally:
            serving.send_signal(signal.SIGINT)
    assert serving.returncode == 130


@pytest.fixture(scope="module")
def forest(tmp_path_factory):
    """A forest of scikit-learn's, as ONNX: (file, items)."""
    skl2onnx = pytest.importorskip("skl2onnx", reason="pip install skl2onnx")
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    flowers = load_iris()
    model = RandomForestClassifier(5, random_state=0).fit(flowers.data, flowers.target)
    items = flowers.data[::50].astype(np.float32)
    return write(skl2onnx, model, items, tmp_path_factory, zipmap=False), items


def write(skl2onnx, model, items, folders, zipmap):
    converted = skl2onnx.to_onnx(model, items, options={"zipmap": zipmap})
    path = folders.mktemp("forest") / "flowers.onnx"
    path.write_bytes(converted.SerializeToString())
    return path


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """ResNet-18 of torchvision's with random weights, as ONNX: (file, images)."""
    import torch
    import torchvision

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("resnet") / "resnet18.onnx"
    torch.onnx.export(
        torchvision.models.resnet18(weights=None).eval(),
        (torch.zeros(2, 3, 224, 224),),
        path,
        input_names=["image"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False,
        verbose=False,
    )
    return path, np.random.default_rng(0).random((ITEMS, 3, 224, 224), np.float32)


MODELS = ["forest", pytest.param("resnet", marks=pytest.mark.slow)]


@pytest.fixture(params=MODELS)
def case(request):
    """(file, items, {output: array} as ONNX Runtime says)."""
    path, items = request.getfixturevalue(request.param)
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    answers = session.run(None, {session.get_inputs()[0].name: items})
    return path, items, dict(zip(names, answers, strict=True))


def test_curl_and_tritons_client_get_the_models_answers(case):
    path, items, expected = case
    with served(path, "--max-batch-size", "4") as (url, _):
        name = path.stem
        about = json.loads(said_by("curl", "-sf", f"{url}/v2/models/{name}"))
        (given,) = about["inputs"]
        tensor = {"name": given["name"], "datatype": "FP32", "shape": items.shape}
        body = json.dumps({"inputs": [tensor | {"data": items.ravel().tolist()}]})
        infer = f"{url}/v2/models/{name}/infer"
        answer = json.loads(said_by("curl", "-sf", infer, "-d", "@-", given=body))
        for output in answer["outputs"]:
            got = np.reshape(output["data"], output["shape"])
            same(got, expected[output["name"]])
        by_bytes(url, name, given["name"], items, expected)


def said_by(program, *arguments, given=None):
    """What a program prints that ends well; skips where it is not here."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    ran = subprocess.run([program, *arguments], input=given, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def by_bytes(url, name, tensor, items, expected):
    """Tritonclient's own way: the numbers as bytes, there and back."""
    triton = pytest.importorskip("tritonclient.http", reason="pip install tritonclient[http]")
    given = triton.InferInput(tensor, items.shape, "FP32")
    given.set_data_from_numpy(items)
    with triton.InferenceServerClient(url.removeprefix("http://")) as client:
        answer = client.infer(name, [given])
        for output, array in expected.items():
            same(answer.as_numpy(output), array)


def same(got, expected):
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


def test_a_classifier_with_maps_is_a_sentence_that_says_how_to_export_it(
    forest, tmp_path_factory, capsys
):
    import skl2onnx
    from sklearn.linear_model import LogisticRegression

    _, items = forest
    model = LogisticRegression().fit(items, [0, 1, 2])
    path = write(skl2onnx, model, items, tmp_path_factory, zipmap=True)
    assert main(["serve", str(path)]) == 2
    assert "'output_probability' is no tensor; skl2onnx exports a" in capsys.readouterr().err


def test_its_page_says_how_and_its_commands_work(digits_model):
    with served(digits_model) as (url, _):
        page = urllib.request.urlopen(f"{url}/").read().decode()
        commands = re.findall(r"<pre>(curl .*?)</pre>", page, re.DOTALL)
        assert len(commands) == 2
        if shutil.which("curl"):
            for command in commands:
                line = html.unescape(command).replace("curl", "curl -sf", 1)
                answer = json.loads(said_by("bash", "-c", line))
                scores = answer[0] if isinstance(answer, list) else answer["outputs"][0]["data"]
                assert len(scores) == 10


def test_an_autoscaler_begins_with_its_fewest_replicas(digits_model, tmp_path):
    manifest = tmp_path / "hpa.yaml"
    manifest.write_text(HPA.format(least=2))
    with served(digits_model, "--autoscale", str(manifest), "--cache", "10") as (url, said):
        ready = json.load(urllib.request.urlopen(f"{url}/readyz"))
        assert ready["replicas"] == 2
    assert "between 2 and 3 replicas" in said


HPA = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  minReplicas: {least}
  maxReplicas: 3
"""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("apiVersion: apps/v1, ", ""), "must specify API group"),
        (("least", "least"), "No such file"),
    ],
)
def test_a_wrong_autoscaler_starts_nothing(digits_model, tmp_path, change, sentence, capsys):
    path = tmp_path / "hpa.yaml"
    if "file" not in sentence:
        path.write_text(HPA.format(least=1).replace(*change))
    assert main(["serve", str(digits_model), "--autoscale", str(path)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_container_answers_whatever_it_is_called(digits_model):
    with served(digits_model, "--host", "0.0.0.0") as (url, said):
        body = json.dumps([[0.0] * 64]).encode()
        asked = urllib.request.Request(f"{url}/v1/predict", body, {"Host": "model-server:8000"})
        assert len(json.load(urllib.request.urlopen(asked))) == 1
    assert said.startswith("Whoever can reach this machine can ask it.")
