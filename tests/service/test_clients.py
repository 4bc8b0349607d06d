"""What others have written speaks to the server: where it is installed, it is tried. Lab 07.

pip install tritonclient[http]; apt-get install hey wrk prometheus
"""

import json
import re
import shutil
import subprocess

import numpy as np
import onnxruntime
import pytest

from scaletoolkit import service

ITEMS = np.random.default_rng(6).random((3, 64), dtype=np.float32)


@pytest.fixture(scope="module")
def server(digits_model):
    with service.start(digits_model, replicas=2) as server:
        yield server


def test_tritons_client_with_its_defaults(server, digits_model):
    triton = pytest.importorskip("tritonclient.http", reason="pip install tritonclient[http]")
    name = server.settings.model["name"]
    session = onnxruntime.InferenceSession(digits_model / "model.onnx")
    expected = session.run(None, {"input": ITEMS})[0]
    given = triton.InferInput("input", [3, 64], "FP32")
    given.set_data_from_numpy(ITEMS)
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}", concurrency=4) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready(name)
        assert client.is_model_ready(name, "1")
        assert client.get_model_metadata(name, "1") == client.get_model_metadata(name)
        for options in [
            {},
            {"model_version": "1", "request_id": "seven"},
            {"outputs": [triton.InferRequestedOutput("output")]},
            {"outputs": [triton.InferRequestedOutput("output", binary_data=False)]},
        ]:
            got = client.infer(name, [given], **options).as_numpy("output")
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
        for wrong in [
            {"outputs": [triton.InferRequestedOutput("other")]},
            {"outputs": [triton.InferRequestedOutput("output", class_count=3)]},
            {"request_compression_algorithm": "gzip"},
        ]:
            with pytest.raises(triton.InferenceServerException, match=r"\[4\d\d\] \w+"):
                client.infer(name, [given], **wrong)
        asked = [client.async_infer(name, [given]) for _ in range(50)]
        shapes = {answer.get_result().as_numpy("output").shape for answer in asked}
    assert shapes == {(3, 10)}


def said_by(program, *arguments, given=None):
    """What a program prints that ends well; skips where it is not here."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    ran = subprocess.run([program, *arguments], input=given, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def test_hey_has_no_error(server, tmp_path):
    body = tmp_path / "body"
    body.write_text(json.dumps(ITEMS.tolist()))
    options = ["-n", "640", "-c", "32", "-m", "POST", "-D", str(body)]
    said = said_by("hey", *options, f"{server.url}/v1/predict")
    assert re.findall(r"\[(\d+)\]\s+(\d+) responses", said) == [("200", "640")]


def test_wrk_has_no_error(server, tmp_path):
    script = tmp_path / "post.lua"
    body = json.dumps(ITEMS.tolist())
    script.write_text(f'wrk.method = "POST"\nwrk.body = [=[{body}]=]\n')
    options = ["-t1", "-c32", "-d1s", "-s", str(script)]
    said = said_by("wrk", *options, f"{server.url}/v1/predict")
    assert int(re.search(r"(\d+) requests in", said)[1]) > 0
    assert "Non-2xx" not in said
    assert "Socket errors" not in said


def test_promtool_finds_nothing(server):
    page = server.request("GET", "/metrics")[2].decode()
    assert said_by("promtool", "check", "metrics", given=page) == ""
